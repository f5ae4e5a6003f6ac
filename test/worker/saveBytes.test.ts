import assert from 'node:assert/strict';
import { link, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Qcow2Error } from '../../src/engine/error.ts';
import { fileBytes } from '../../src/engine/image/fileBytes.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { hexMethods } from '../../src/worker/hexMethods.ts';
import { saveBytes } from '../../src/worker/saveBytes.ts';
import { type CallContext, forPages } from '../../src/worker/server.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { FailingStorage, MemoryStorage } from '../support/memoryStorage.ts';

const context: CallContext = { signal: new AbortController().signal, report: () => undefined, progress: noProgress };

describe('saveBytes', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-save-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const range = (start: bigint, length: bigint) => ({ space: 'host', start, length }) as const;

  it('writes the bytes of a range, with holes where there are holes', async () => {
    const storage = new MemoryStorage(2n ** 32n);
    storage.write(2n ** 31n + 5n, Uint8Array.of(1, 2, 3));
    const path = join(folder, 'part.bin');
    const saved = await saveBytes(fileBytes(storage), { range: range(4096n, 2n ** 31n), path }, [], noProgress);
    assert.deepEqual(saved, { bytes: 2n ** 31n, unknown: 0n });
    const file = await openFile(path);
    const bytes = new Uint8Array(12);
    await file.read(2n ** 31n - 4096n + 1n, bytes);
    assert.deepEqual([...bytes], [0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0]);
    assert.equal(file.size, 2n ** 31n);
    assert((file.allocated ?? 0n) < 1n << 20n);
    await file.close();
  });

  it('writes the guest’s bytes, cut at the end of the disk', async () => {
    const image = new ImageBuilder({ size: 100_000n });
    image
      .l1(0, copied | image.at(4))
      .entry(4, 1, copied | image.at(5))
      .put(image.at(5), 'guest data');
    const { saveBytes: save } = hexMethods(await openImage(image.toStorage()));
    const path = join(folder, 'guest.bin');
    const saved = await save({ range: { space: 'guest', start: 65_530n, length: 1n << 40n }, path }, context);
    assert.deepEqual(saved, { bytes: 34_470n, unknown: 0n });
    const bytes = await readFile(path);
    assert.equal(bytes.length, 34_470);
    assert.equal(bytes.subarray(0, 16).toString(), '\0\0\0\0\0\0guest data');
  });

  it('replaces a file only once all is written, and leaves nothing of a save that failed or was stopped', async () => {
    const path = join(folder, 'old.bin');
    await writeFile(path, 'what was there');
    const storage = new MemoryStorage(2n ** 23n);
    storage.write(0n, new Uint8Array(2 ** 23).fill(1));
    let steps = 0;
    const stopped = {
      step: async () => {
        steps++;
        if (steps === 3) {
          throw new Qcow2Error('cancelled', 'Cancelled.');
        }
      },
    };
    const request = { range: range(0n, 2n ** 23n), path };
    await assert.rejects(saveBytes(fileBytes(storage), request, [], stopped), { code: 'cancelled' });
    assert.deepEqual(await readdir(folder), ['old.bin']);
    assert.equal(await readFile(path, 'utf8'), 'what was there');
    await saveBytes(fileBytes(storage), request, [], noProgress);
    assert.deepEqual(await readdir(folder), ['old.bin']);
    assert.equal((await stat(path)).size, 2 ** 23);
  });

  it('says how many bytes are not known', async () => {
    const storage = new MemoryStorage(4096n);
    storage.write(0n, new Uint8Array(4096).fill(0x41));
    const source = fileBytes(new FailingStorage(storage, [{ sector: 1 }]));
    const path = join(folder, 'bad.bin');
    assert.deepEqual(await saveBytes(source, { range: range(0n, 4096n), path }, [], noProgress), {
      bytes: 4096n,
      unknown: 512n,
    });
    const bytes = await readFile(path);
    assert.deepEqual([bytes[511], bytes[512], bytes[1023], bytes[1024]], [0x41, 0, 0, 0x41]);
  });

  it('never replaces the image, by whatever name', async () => {
    const path = join(folder, 'image.qcow2');
    const content = new ImageBuilder().toBytes();
    await writeFile(path, content);
    await link(path, join(folder, 'other-name'));
    const storage = await openFile(path);
    const { saveBytes: save } = hexMethods(await openImage(storage));
    for (const name of ['image.qcow2', 'other-name']) {
      const saving = save({ range: range(0n, 10n), path: join(folder, name) }, context);
      await assert.rejects(saving, { code: 'bad-argument', message: /is the image/ });
    }
    await storage.close();
    assert.deepEqual(new Uint8Array(await readFile(path)), content);
    assert.deepEqual((await readdir(folder)).sort(), ['image.qcow2', 'other-name']);
  });

  it('says why a file can’t be made', async () => {
    const path = join(folder, 'nowhere', 'part.bin');
    const saving = saveBytes(fileBytes(new MemoryStorage(10n)), { range: range(0n, 10n), path }, [], noProgress);
    await assert.rejects(saving, { code: 'write-failed', system: 'ENOENT' });
  });

  it('is no method of pages', async () => {
    const methods = hexMethods(await openImage(new ImageBuilder().toStorage()));
    assert(Object.hasOwn(methods, 'saveBytes'));
    assert.equal(Object.hasOwn(forPages(methods), 'saveBytes'), false);
    assert(Object.hasOwn(forPages(methods), 'bytes'));
  });
});
