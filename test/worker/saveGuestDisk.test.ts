import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callThread } from '../../src/editor/threadCall.ts';
import { parseRescueMap } from '../../src/engine/salvage/rescueMap.ts';
import { createClient } from '../../src/protocol/client.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { oneSnapshot } from '../support/oneSnapshot.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');

describe('saving the guest’s disk in the thread of an image', () => {
  let folder = '';
  let image = '';
  let raw = '';
  let threads: ImageThreads;
  const defects: string[] = [];

  /** 1 MiB with data in cluster 0, and an entry in cluster 1 that leads nowhere. */
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-disk-'));
    image = join(folder, 'image.qcow2');
    raw = join(folder, 'disk.raw');
    const builder = new ImageBuilder();
    builder
      .l1(0, copied | builder.at(4))
      .entry(4, 0, copied | builder.at(5))
      .entry(4, 1, copied | (builder.at(5) + 512n))
      .put(builder.at(5), 'guest data');
    await writeFile(image, builder.truncate(builder.at(6)).toBytes());
    threads = new ImageThreads(entry, (defect) => defects.push(defect), 50);
  });
  afterEach(async () => {
    await threads.dispose();
    await rm(folder, { recursive: true });
    assert.deepEqual(defects.splice(0), []);
  });

  it('is done for the host, with what is missing', async () => {
    const list = `${raw}.missing.json`;
    assert.deepEqual(await callThread(threads, image, 'saveGuestDisk', { path: raw }), {
      size: 1 << 20,
      earlier: 0,
      data: 65536,
      zeros: (1 << 20) - 131072,
      missing: 65536,
      missingRanges: 1,
      list,
    });
    const bytes = await readFile(raw);
    assert.equal(bytes.length, 1 << 20);
    assert.equal(bytes.toString('utf8', 0, 10), 'guest data');
    const { filename, missing } = JSON.parse(await readFile(list, 'utf8'));
    assert.equal(filename, image);
    assert.deepEqual(missing, [
      {
        start: 65536,
        length: 65536,
        reason: 'l2-entry-unaligned',
        text: 'The L2 entry names data that is not at a cluster.',
        file: image,
        depth: 0,
        place: 'L1[0] -> L2[1]',
      },
    ]);
  });

  it('is refused to a page, and writes nothing', async () => {
    const thread = threads.open(image);
    let hear: (message: unknown) => void = () => undefined;
    const view = thread.attach((message) => hear(message));
    const page = createClient(
      (message) => {
        assert.equal(message.type, 'request');
        thread.request(view, message.body);
      },
      (heard) => {
        hear = heard;
      },
    );
    await assert.rejects(page.call('saveGuestDisk', { path: raw }), { code: 'bad-argument' });
    assert.deepEqual(await readdir(folder), ['image.qcow2']);
    thread.detach(view);
  });

  it('is refused in the same words before it is asked for, where no disk can be saved', async () => {
    const failed = async (call: Promise<unknown>): Promise<string> =>
      call.then(
        () => 'saved',
        (error: unknown) => String(error),
      );
    for (const [name, bytes, why] of [
      ['encrypted', new ImageBuilder({ crypt_method: 1 }).toBytes(), /is encrypted/],
      ['empty', new Uint8Array(), /has no header that says where its tables are/],
    ] as const) {
      const file = join(folder, name);
      await writeFile(file, bytes);
      const before = await failed(callThread(threads, file, 'guestDisks'));
      assert.match(before, why);
      assert.equal(await failed(callThread(threads, file, 'saveGuestDisk', { path: raw })), before);
    }
    assert.deepEqual(await readdir(folder), ['empty', 'encrypted', 'image.qcow2']);
  });

  it('is of a snapshot that is still what it was when it was chosen', async () => {
    await writeFile(image, oneSnapshot().toBytes());
    const { snapshots } = await callThread(threads, image, 'guestDisks');
    assert.deepEqual(snapshots, [{ index: 0, id: '1', name: 's' }]);
    const { missing } = await callThread(threads, image, 'saveGuestDisk', {
      path: raw,
      snapshot: { index: 0, id: '1' },
    });
    assert.equal(missing, 0);
    const gone = join(folder, 'gone.raw');
    await assert.rejects(callThread(threads, image, 'saveGuestDisk', { path: gone, snapshot: { index: 0, id: '2' } }), {
      code: 'not-found',
      message: /no snapshot 2 at place 0/,
    });
    assert(!(await readdir(folder)).includes('gone.raw'));
  });

  it('is done from an image that was deleted while it is shown', async () => {
    const thread = threads.open(image);
    const view = thread.attach(() => undefined);
    await callThread(threads, image, 'describe');
    await rm(image);
    assert.deepEqual(await callThread(threads, image, 'guestDisks'), { snapshots: [] });
    const { data } = await callThread(threads, image, 'saveGuestDisk', { path: raw });
    assert.equal(data, 65536);
    thread.detach(view);
  });

  it('is refused over the image itself', async () => {
    await assert.rejects(callThread(threads, image, 'saveGuestDisk', { path: image }), { code: 'bad-argument' });
  });

  it('replaces what was there and is whole, and goes on where one was stopped', async () => {
    await writeFile(raw, 'of something else');
    const { earlier } = await callThread(threads, image, 'saveGuestDisk', { path: raw });
    assert.equal(earlier, 0);
    assert.equal((await callThread(threads, image, 'saveGuestDisk', { path: raw })).earlier, 0);
    const map = await readFile(`${raw}.map`, 'utf8');
    assert(parseRescueMap(map).ended);
    // As one that was stopped after 512 KiB has left it.
    const stopped = map
      .replace(/^0x00000000 {5}\+/m, '0x00080000     ?')
      .replace(/0x00020000 {2}0x000E0000 {2}\+/, '0x00020000  0x00060000  +\n0x00080000  0x00080000  ?');
    assert.notEqual(stopped, map);
    await writeFile(`${raw}.map`, stopped);
    const again = await callThread(threads, image, 'saveGuestDisk', { path: raw });
    assert.deepEqual([again.earlier, again.zeros, again.missing], [0x70000, 0x80000, 65536]);
  });
});
