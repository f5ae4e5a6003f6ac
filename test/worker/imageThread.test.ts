import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../src/protocol/client.ts';
import type { ToWebview } from '../../src/protocol/messages.ts';
import type { ImageThread } from '../../src/worker/imageThread.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { copied, ImageBuilder } from '../support/builder.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');

/** A view on an image, as an editor attaches one: a client whose messages go by way of the thread. */
function viewOn(thread: ImageThread) {
  let hear: (message: unknown) => void = () => undefined;
  const view = thread.attach((message: ToWebview) => hear(JSON.parse(JSON.stringify(message))));
  const client = createClient(
    (message) => {
      assert.equal(message.type, 'request');
      thread.request(view, message.body);
    },
    (heard) => {
      hear = heard;
    },
  );
  return { client, close: () => thread.detach(view) };
}

describe('the thread of an image', () => {
  let folder: string;
  let image: string;
  let threads: ImageThreads;
  const defects: string[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-thread-'));
    image = join(folder, 'image.qcow2');
    const builder = new ImageBuilder({ size: 8n * 65536n })
      .l1(0, copied | (4n * 65536n))
      .entry(4, 0, copied | (5n * 65536n))
      .truncate(6n * 65536n);
    writeFileSync(image, builder.toBytes());
  });

  beforeEach(() => {
    threads = new ImageThreads(entry, (defect) => defects.push(defect), 50);
  });

  afterEach(async () => {
    await threads.dispose();
    assert.deepEqual(defects.splice(0), []);
  });

  after(() => rmSync(folder, { recursive: true }));

  it('answers every method', async () => {
    const { client } = viewOn(threads.open(image));
    const [description, scan, map, extents] = await Promise.all([
      client.call('describe'),
      client.call('scan'),
      client.call('picture', { space: 'guest', start: 0n, length: 8n * 65536n, cells: 2 }),
      client.call('extents', { from: 0n, count: 1 }),
    ]);
    assert.equal(description.file.kind, 'qcow2');
    assert.equal(description.file.size, 6n * 65536n);
    assert.equal(scan.guest.data, 65536n);
    assert.equal(scan.guest.unallocated, 7n * 65536n);
    assert.deepEqual([...map.parts], [0.25, 0, 0, 0, 0.75, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert.equal(extents.next, 65536n);
  });

  it('is one for all views on the image, and each gets its own replies', async () => {
    const thread = threads.open(image);
    assert.equal(threads.open(image), thread);
    const [one, other] = [viewOn(thread), viewOn(thread)];
    const [page, next] = await Promise.all([
      one.client.call('extents', { from: 0n, count: 1 }),
      other.client.call('extents', { from: 65536n, count: 1 }),
    ]);
    assert.equal(page.rows[0]?.kind, 'data');
    assert.equal(next.rows[0]?.kind, 'unallocated');
    assert.equal(threads.size, 1);
  });

  it('says why a file cannot be opened, and opens it when asked again', async () => {
    const path = join(folder, 'later.qcow2');
    const { client } = viewOn(threads.open(path));
    await assert.rejects(client.call('describe'), { code: 'read-failed', message: /later\.qcow2: ENOENT/ });
    writeFileSync(path, new ImageBuilder().toBytes());
    assert.equal((await client.call('describe')).file.kind, 'qcow2');
  });

  it('describes a file that is no image, and has no map of it', async () => {
    const path = join(folder, 'text.qcow2');
    writeFileSync(path, 'hello');
    const { client } = viewOn(threads.open(path));
    assert.notEqual((await client.call('describe')).file.kind, 'qcow2');
    await assert.rejects(client.call('picture', { space: 'guest', start: 0n, length: 1n, cells: 1 }), {
      code: 'damaged',
    });
    await assert.rejects(client.call('extents', { from: 0n, count: 1 }), { code: 'damaged' });
  });

  it('that crashes fails what was asked, and starts anew for the next request', async () => {
    const thread = threads.open(image);
    const [one, other] = [viewOn(thread), viewOn(thread)];
    await one.client.call('describe');
    thread.request(1, 'no message of ours: the worker cannot decode it');
    const lost = Promise.allSettled([one.client.call('scan'), other.client.call('scan')]);
    for (const result of await lost) {
      assert.equal(result.status === 'rejected' && result.reason.code, 'stopped');
      assert.match(result.status === 'rejected' ? result.reason.message : '', /image\.qcow2 has crashed\. Retry/);
    }
    assert.equal((await other.client.call('describe')).file.kind, 'qcow2');
    assert.match(defects.splice(0).join('|'), /^SyntaxError: [^|]*main\.ts[^|]*$/s);
  });

  it('outlives its last view for a while, so that a tab can be moved', async () => {
    const thread = threads.open(image);
    const first = viewOn(thread);
    await first.client.call('describe');
    first.close();
    threads.release(image);
    assert.equal(threads.open(image), thread);
    const second = viewOn(thread);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(threads.size, 1);
    second.close();
    threads.release(image);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(threads.size, 0);
  });
});
