import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callThread } from '../../src/editor/threadCall.ts';
import { createClient } from '../../src/protocol/client.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { small, withSnapshot } from '../support/brokenImages.ts';
import { runQcow2 } from '../support/command.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');

describe('the metadata of an image, compared and copied by its thread', () => {
  let folder = '';
  let a = '';
  let b = '';
  let threads: ImageThreads;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-metadata-'));
    a = join(folder, 'a.qcow2');
    b = join(folder, 'b.qcow2');
    await writeFile(a, small().toBytes());
    await writeFile(b, withSnapshot().toBytes());
    threads = new ImageThreads(entry, (defect) => assert.fail(defect), 50);
  });
  afterEach(async () => {
    await threads.dispose();
    await rm(folder, { recursive: true });
  });

  it('tells what qcow2 diff tells', async () => {
    const text = await callThread(threads, a, 'compareMetadata', { path: b });
    assert.match(text, /nb_snapshots/);
    assert.equal(text, (await runQcow2(['diff', a, b], folder)).stdout);
    assert.match(await callThread(threads, a, 'compareMetadata', { path: a }), /The metadata is the same\.\n$/);
  });

  it('can’t be compared with a file that has none, or is not there', async () => {
    const other = join(folder, 'other.img');
    await writeFile(other, 'no image');
    await assert.rejects(callThread(threads, a, 'compareMetadata', { path: other }), { code: 'damaged' });
    await assert.rejects(callThread(threads, a, 'compareMetadata', { path: join(folder, 'gone') }), /gone/);
  });

  it('is copied without the guest’s data, and says what was left out', async () => {
    const path = join(folder, 'copy.qcow2');
    const lines = await callThread(threads, b, 'copyMetadata', { path, anonymous: true, bitmapData: true });
    assert.match(lines.join('\n'), /guest data: 64 KiB/);
    assert.match(lines.join('\n'), /Names inside, replaced by others of the same length: of 1 snapshot/);
    const { stdout } = await runQcow2(['diff', b, path], folder);
    assert.doesNotMatch(stdout, /L2 tables|Refcounts|Findings/);
  });

  it('is not copied over the image itself', async () => {
    const request = { path: b, anonymous: false, bitmapData: true };
    await assert.rejects(callThread(threads, b, 'copyMetadata', request), { code: 'bad-argument' });
    assert.deepEqual((await readdir(folder)).sort(), ['a.qcow2', 'b.qcow2']);
  });

  it('is neither compared nor copied for a page', async () => {
    const thread = threads.open(a);
    let hear: (message: unknown) => void = () => undefined;
    const view = thread.attach((message) => hear(message));
    const client = createClient(
      ({ body }) => thread.request(view, body),
      (heard) => {
        hear = heard;
      },
    );
    await assert.rejects(client.call('compareMetadata', { path: b }), { code: 'bad-argument' });
    const request = { path: join(folder, 'x'), anonymous: false, bitmapData: true };
    await assert.rejects(client.call('copyMetadata', request), { code: 'bad-argument' });
    thread.detach(view);
    threads.release(a);
  });
});
