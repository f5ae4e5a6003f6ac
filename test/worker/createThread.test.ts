import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { CallFailed } from '../../src/protocol/client.ts';
import { createInThread, type NewImageOptions } from '../../src/worker/createThread.ts';
import { difference } from '../interop/sameFile.ts';
import { openLuks } from '../support/openLuks.ts';
import { qemuImg } from '../support/qemu.ts';

const entry = join(import.meta.dirname, '../../src/worker/createMain.ts');
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Iterations that take no time, so that tests don't. */
const luks = { format: 'luks', iterTime: 1n } as const;

describe('the thread that makes an image', function () {
  this.timeout(20_000);
  let folder: string;
  let path: string;
  const at = (name: string): string => join(folder, name);
  const make = (
    options: NewImageOptions,
    passphrase?: Uint8Array<ArrayBuffer>,
    signal = new AbortController().signal,
  ) => createInThread(entry, { path, options, ...(passphrase && { passphrase }) }, signal, () => undefined);
  const failure = async (made: Promise<void>): Promise<CallFailed> => {
    const error = await made.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof CallFailed, String(error));
    return error;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-create-'));
    path = at('disk.qcow2');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('makes qemu-img’s image with a backing file', async () => {
    writeFileSync(at('base.raw'), 'base');
    await make({ size: 1n << 20n, backing: { name: bytes('base.raw'), format: 'raw' } });
    await qemuImg(['create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'theirs', '1M'], folder);
    assert.equal(await difference(path, at('theirs')), undefined);
    assert.equal(readFileSync(at('base.raw'), 'utf8'), 'base');
  });

  it('makes qemu-img’s image and its external data file, in place of the one that was there', async () => {
    const data = at('disk.data');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', `data_file=${data},data_file_raw=on`, at('theirs'), '3M']);
    writeFileSync(data, 'old');
    await make({ size: 3n << 20n, dataFile: bytes(data), dataFileRaw: true });
    assert.equal(await difference(path, at('theirs')), undefined);
    assert.deepEqual(readFileSync(data), Buffer.alloc(3 << 20));
    assert.deepEqual(readdirSync(folder), ['disk.data', 'disk.qcow2', 'theirs']);
  });

  it('encrypts with the pass phrase, which it takes from its caller', async () => {
    const passphrase = bytes('pass phrase: ü');
    await make({ size: 1n << 20n, encryption: luks }, passphrase);
    assert.equal(passphrase.length, 0);
    const storage = await openFile(path);
    try {
      const { luksArea, findings } = await openImage(storage);
      assert.ok(luksArea);
      assert.deepEqual(findings, []);
      const area = new Uint8Array(Number(luksArea.length));
      await storage.read(luksArea.offset, area);
      assert.ok(openLuks(area, 'pass phrase: ü'));
      assert.equal(openLuks(area, 'pass phrase: u'), undefined);
    } finally {
      await storage.close();
    }
    assert.ok(!readFileSync(path).includes('pass phrase'));
  });

  it('leaves what was there when it is cancelled, while it makes the keys too', async () => {
    writeFileSync(path, 'old disk');
    writeFileSync(at('disk.data'), 'old data');
    const abort = new AbortController();
    const options = { size: 1n << 20n, dataFile: bytes(at('disk.data')), encryption: { ...luks, iterTime: 200n } };
    const made = failure(make(options, bytes('x'), abort.signal));
    abort.abort();
    assert.equal((await made).code, 'cancelled');
    assert.deepEqual(readdirSync(folder), ['disk.data', 'disk.qcow2']);
    assert.deepEqual(
      [path, at('disk.data')].map(String).map((name) => readFileSync(name, 'utf8')),
      ['old disk', 'old data'],
    );
  });

  it('replaces no file that the image names, by whatever path', async () => {
    writeFileSync(at('base'), 'base');
    linkSync(at('base'), path);
    const backing = { name: bytes('base'), format: 'raw' };
    const overBacking = await failure(make({ size: 1n << 20n, backing }));
    assert.match(overBacking.message, /disk\.qcow2 is the backing file, which would be lost/);
    rmSync(path);
    const dataOverBacking = await failure(make({ size: 1n << 20n, backing, dataFile: bytes(at('base')) }));
    assert.match(dataOverBacking.message, /base is the backing file, which would be lost/);
    const overData = await failure(make({ size: 1n << 20n, dataFile: bytes(at('./disk.qcow2')) }));
    assert.match(overData.message, /disk\.qcow2 is the external data file’s place already/);
    assert.deepEqual(readdirSync(folder), ['base']);
    assert.equal(readFileSync(at('base'), 'utf8'), 'base');
  });

  it('replaces no image that a QEMU has open', async () => {
    await qemuImg(['create', '-q', '-f', 'qcow2', path, '1M']);
    const before = readFileSync(path);
    const child = spawn('qemu-io', [path], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      child.stdin.write('length\n');
      await new Promise((resolve) => child.stdout.once('data', resolve));
      const refused = await failure(make({ size: 1n << 30n }));
      assert.equal(refused.code, 'in-use');
      assert.match(refused.message, /Another process has .*disk\.qcow2 open/);
    } finally {
      child.kill();
    }
    assert.deepEqual(readFileSync(path), before);
    assert.deepEqual(readdirSync(folder), ['disk.qcow2']);
  });

  it('says that a name does not fit into small clusters, and makes nothing', async () => {
    const backing = { name: bytes('/x'.repeat(250)), format: 'raw' };
    const refused = await failure(make({ size: 1n << 20n, clusterSize: 512n, backing }));
    assert.match(refused.message, /first cluster, which has 512 bytes\. Choose a larger cluster size/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('needs a pass phrase to encrypt, and leaves no file without one', async () => {
    assert.match((await failure(make({ size: 1n << 20n, encryption: luks }))).message, /needs a pass phrase/);
    assert.deepEqual(readdirSync(folder), []);
  });
});
