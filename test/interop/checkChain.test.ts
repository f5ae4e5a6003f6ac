import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ImageBuilder } from '../support/builder.ts';
import { runQcow2 } from '../support/command.ts';
import { qemuImg } from '../support/qemu.ts';

describe('qcow2 check --backing-chain', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-check-chain-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const at = (name: string): string => join(folder, name);

  /** `top` on `middle` on the raw `base`, of 1 MiB each. */
  async function chain(): Promise<void> {
    writeFileSync(at('base'), new Uint8Array(1 << 20));
    await qemuImg(['create', '-q', '-f', 'qcow2', '-b', 'base', '-F', 'raw', at('middle')]);
    await qemuImg(['create', '-q', '-f', 'qcow2', '-b', 'middle', '-F', 'qcow2', at('top')]);
  }

  async function found(name: string, ...args: string[]): Promise<readonly (readonly [string, string])[]> {
    const { stdout } = await runQcow2(['check', '--output=json', ...args, at(name)]);
    const { findings }: { findings: readonly { code: string; chain: string }[] } = JSON.parse(stdout);
    return findings.map(({ code, chain: way }) => [code, way]);
  }

  it('finds nothing wrong with files that fit, and leaves the exit status', async () => {
    await chain();
    assert.deepEqual(await found('top', '--backing-chain'), []);
    assert.equal((await runQcow2(['check', '--backing-chain', at('top')])).code, 0);
  });

  it('tells of a file that is missing, of the image or of one below it', async () => {
    await chain();
    rmSync(at('base'));
    assert.deepEqual(await found('top', '--backing-chain'), [
      ['backing-file-unavailable', 'backing[1] -> backing_file'],
    ]);
    assert.equal((await runQcow2(['check', '--backing-chain', at('top')])).code, 2);
    rmSync(at('middle'));
    assert.deepEqual(await found('top', '--backing-chain'), [['backing-file-unavailable', 'backing_file']]);
  });

  it('opens no other file without it', async () => {
    await chain();
    rmSync(at('middle'));
    assert.deepEqual(await found('top', '--findings'), []);
  });

  it('tells of a file that is smaller than the disk, and of one that is not what it is said to be', async () => {
    await chain();
    truncateSync(at('base'), 1 << 19);
    assert.deepEqual(await found('top', '--backing-chain'), [['backing-file-smaller', 'backing[1] -> backing_file']]);
    writeFileSync(at('middle'), new Uint8Array(1 << 20));
    assert.deepEqual(await found('top', '--backing-chain'), [['backing-file-not-qcow2', 'backing_file']]);
  });

  it('tells of a raw file whose format nobody says, of a name that is not followed, and of a loop', async () => {
    await chain();
    writeFileSync(at('unsaid'), new ImageBuilder().backing('base').toBytes());
    assert.deepEqual(await found('unsaid', '--backing-chain'), [
      ['backing-format-missing', 'header.backing_file_offset'],
      ['backing-probed-raw', 'backing_file'],
    ]);
    await qemuImg(['create', '-q', '-f', 'qcow2', '-u', '-b', 'nbd://host/disk', '-F', 'raw', at('remote'), '1M']);
    assert.deepEqual(await found('remote', '--backing-chain'), [['backing-name-refused', 'backing_file']]);
    await qemuImg(['create', '-q', '-f', 'qcow2', '-u', '-b', 'loop', '-F', 'qcow2', at('loop'), '1M']);
    assert.deepEqual(await found('loop', '--backing-chain'), [['backing-chain-loop', 'backing_file']]);
  });

  it('tells of an external data file that is missing, or smaller than the disk', async () => {
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', `data_file=${at('data')}`, at('image'), '1M']);
    truncateSync(at('data'), 1 << 20);
    assert.deepEqual(await found('image', '--backing-chain'), []);
    truncateSync(at('data'), 4096);
    assert.deepEqual(await found('image', '--backing-chain'), [['data-file-smaller', 'data_file']]);
    rmSync(at('data'));
    assert.deepEqual(await found('image', '--backing-chain'), [['data-file-unavailable', 'data_file']]);
  });
});
