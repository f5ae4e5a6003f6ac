import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RescueMap } from '../../src/engine/salvage/rescueMap.ts';
import { openSalvageFiles, type SalvageTarget } from '../../src/platform/salvageFiles.ts';

describe('the files that a disk is saved to', () => {
  let folder = '';
  let raw = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-salvage-files-'));
    raw = join(folder, 'out.raw');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const target = (more: Partial<SalvageTarget> = {}): SalvageTarget => ({
    path: raw,
    size: 1 << 20,
    mark: { disk: 'of a test', below: [] },
    kept: new Set(),
    existing: 'refuse',
    head: ['"filename": "a"'],
    ...more,
  });

  /** Leaves what a run that was stopped after 64 KiB leaves. */
  async function stopped(more: Partial<SalvageTarget> = {}): Promise<void> {
    const { files } = openSalvageFiles(target(more));
    await files.write(0, new Uint8Array(65536).fill(1));
    const map = new RescueMap();
    map.add(65536, '+');
    map.add(1 << 20, '?');
    await files.record(map.regions(), 65536);
    files.abandon();
  }

  it('are a sparse one of the disk’s size, a map and a list, and no other is left', async () => {
    const { files, before } = openSalvageFiles(target());
    assert.deepEqual([...before.regions()], [{ from: 0, to: 1 << 20, status: '?' }]);
    await files.write(524288, new Uint8Array(4096).fill(1));
    await files.missing({
      from: 0,
      to: 512,
      reason: 'data-unreadable',
      system: 'EIO',
      host: 2n ** 55n,
      file: 'a',
      depth: 0,
      place: 'L1[0]',
    });
    await files.missing({ from: 1024, to: 1536, reason: 'compressed-broken', file: 'ü"', depth: 1, place: '' });
    await files.record(before.regions(), undefined);
    files.finish(['"finished": true']);
    assert.deepEqual(readdirSync(folder).sort(), ['out.raw', 'out.raw.map', 'out.raw.missing.json']);
    const { size, blocks } = statSync(raw);
    assert.equal(size, 1 << 20);
    assert(blocks * 512 <= 16384, `${blocks} blocks`);
    assert.match(readFileSync(`${raw}.missing.json`, 'utf8'), /"offset": 36028797018963968 /);
    assert.deepEqual(JSON.parse(readFileSync(`${raw}.missing.json`, 'utf8')).missing, [
      {
        start: 0,
        length: 512,
        reason: 'data-unreadable',
        text: 'The data can’t be read: Input/output error.',
        file: 'a',
        depth: 0,
        place: 'L1[0]',
        offset: 2 ** 55,
      },
      {
        start: 1024,
        length: 512,
        reason: 'compressed-broken',
        text: 'The compressed data does not decompress.',
        file: 'ü"',
        depth: 1,
      },
    ]);
  });

  it('are gone on with after a run that was stopped', async () => {
    await stopped();
    const { files, before } = openSalvageFiles(target());
    files.abandon();
    assert.deepEqual(
      [...before.regions()].map(({ to, status }) => `${to} ${status}`),
      ['65536 +', '1048576 ?'],
    );
    assert.equal(readFileSync(raw)[65535], 1);
  });

  it('are refused where they are of another disk, of another size, or somebody else’s', async () => {
    await stopped();
    assert.throws(() => openSalvageFiles(target({ mark: { disk: 'of another', below: [] } })), {
      code: 'bad-argument',
      message: /another image or another state/,
    });
    assert.throws(() => openSalvageFiles(target({ size: 1 << 21 })), { code: 'bad-argument', message: /another size/ });
    writeFileSync(`${raw}.map`, '0x0 + 1\n0x0 0x100000 +\n');
    for (const existing of ['refuse', 'unfinished'] as const) {
      assert.throws(() => openSalvageFiles(target({ existing })), { code: 'bad-argument', message: /out\.raw/ });
    }
    rmSync(`${raw}.map`);
    assert.throws(() => openSalvageFiles(target()), { code: 'bad-argument', message: /has no map file/ });
    assert.throws(() => openSalvageFiles(target({ path: folder })), {
      code: 'bad-argument',
      message: /no regular file/,
    });
    const { dev, ino } = statSync(raw, { bigint: true });
    const kept = new Set([`${dev}:${ino}`]);
    assert.throws(() => openSalvageFiles(target({ kept, existing: 'anew' })), {
      code: 'bad-argument',
      message: /is the image/,
    });
    assert.equal(readFileSync(raw)[0], 1);
  });

  it('are made anew where that is asked for', async () => {
    await stopped();
    const { files, before } = openSalvageFiles(target({ existing: 'anew' }));
    files.abandon();
    assert.deepEqual(
      [...before.regions()].map(({ status }) => status),
      ['?'],
    );
    assert.equal(readFileSync(raw)[0], 0);
  });

  it('are never so long that offsets in them are no exact numbers, and the size is told exactly', () => {
    assert.throws(() => openSalvageFiles(target({ size: 2 ** 60 })), {
      code: 'write-failed',
      message: /would have 1152921504606846976 bytes: a file of 2\^53 bytes or more is not written/,
    });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('say that the folder is not there', () => {
    assert.throws(() => openSalvageFiles(target({ path: join(folder, 'none', 'out.raw') })), {
      code: 'write-failed',
      system: 'ENOENT',
    });
  });
});
