import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callThread } from '../../src/editor/threadCall.ts';
import { createClient } from '../../src/protocol/client.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { copied, ImageBuilder } from '../support/builder.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');

describe('saving bytes in the thread of an image', () => {
  let folder = '';
  let image = '';
  let threads: ImageThreads;
  const defects: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-host-'));
    image = join(folder, 'image.qcow2');
    const builder = new ImageBuilder({ size: 8n * 65536n });
    builder
      .l1(0, copied | builder.at(4))
      .entry(4, 0, copied | builder.at(5))
      .put(builder.at(5), 'guest data');
    await writeFile(image, builder.truncate(builder.at(6)).toBytes());
    threads = new ImageThreads(entry, (defect) => defects.push(defect), 50);
  });
  afterEach(async () => {
    await threads.dispose();
    await rm(folder, { recursive: true });
    assert.deepEqual(defects.splice(0), []);
  });

  it('is done for the host', async () => {
    const path = join(folder, 'saved.bin');
    const range = { space: 'guest', start: 0n, length: 10n } as const;
    const saved = await callThread(threads, image, 'saveBytes', { range, path });
    assert.deepEqual(saved, { bytes: 10n, unknown: 0n });
    assert.equal(await readFile(path, 'utf8'), 'guest data');
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
    const path = join(folder, 'saved.bin');
    const range = { space: 'host', start: 0n, length: 10n } as const;
    await assert.rejects(page.call('saveBytes', { range, path }), { code: 'bad-argument' });
    assert.equal((await page.call('bytes', range)).bytes.length, 10);
    assert.deepEqual(await readdir(folder), ['image.qcow2']);
    thread.detach(view);
  });

  it('can be stopped, and leaves nothing', async () => {
    const path = join(folder, 'saved.bin');
    const range = { space: 'host', start: 0n, length: 1n << 30n } as const;
    const abort = new AbortController();
    const saving = callThread(threads, image, 'saveBytes', { range, path }, { signal: abort.signal });
    abort.abort();
    await assert.rejects(saving, { code: 'cancelled' });
    // The thread answers in order: what was stopped has ended.
    await callThread(threads, image, 'describe');
    assert.deepEqual(await readdir(folder), ['image.qcow2']);
  });
});
