import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../src/protocol/client.ts';
import type { ToWebview } from '../../src/protocol/messages.ts';
import type { ImageThread } from '../../src/worker/imageThread.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { ImageBuilder } from '../support/builder.ts';
import { until } from '../support/vscode/within.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');

/** A view on an image, with the kinds of messages that it got besides replies, and the openings that it was told of. */
function viewOn(thread: ImageThread) {
  const heard: string[] = [];
  const openings = new Set<number>();
  let hear: (message: unknown) => void = () => undefined;
  const view = thread.attach((message: ToWebview) => {
    heard.push(message.type);
    if (message.type === 'news') {
      openings.add(message.news.opened);
    }
    hear(JSON.parse(JSON.stringify(message)));
  });
  const client = createClient(
    (message) => {
      assert.equal(message.type, 'request');
      thread.request(view, message.body);
    },
    (listener) => {
      hear = listener;
    },
  );
  return { client, heard, openings, close: () => thread.detach(view) };
}

/** How often this process has a file open. */
function handlesOn(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

describe('the thread of an image with a backing file', function () {
  this.timeout(20_000);
  let folder: string;
  let top: string;
  let base: string;
  let threads: ImageThreads;
  const defects: string[] = [];

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'qcow2-chain-thread-')));
    top = join(folder, 'top.qcow2');
    base = join(folder, 'base.qcow2');
    writeFileSync(base, new ImageBuilder().toBytes());
    writeFileSync(top, new ImageBuilder().backing('base.qcow2', 'qcow2').toBytes());
  });
  beforeEach(() => {
    threads = new ImageThreads(entry, (defect) => defects.push(defect), 50);
  });
  afterEach(async () => {
    await threads.dispose();
    assert.deepEqual(defects.splice(0), []);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('refuses to open it where nobody has said that the workspace is trusted', async () => {
    const { client } = viewOn(threads.open(top));
    await assert.rejects(client.call('openChain', { guess: true }), { code: 'not-allowed' });
    const { blocked, files } = await client.call('chain');
    assert.equal(blocked, 'untrusted');
    assert.deepEqual(
      files.map(({ name, state }) => [name, state]),
      [
        [top, 'open'],
        ['base.qcow2', 'not-opened'],
      ],
    );
    assert.equal(handlesOn(base), 0);
  });

  it('opens it by the user’s word once the workspace is trusted, and tells every view', async () => {
    const thread = threads.open(top);
    const [one, other] = [viewOn(thread), viewOn(thread)];
    await one.client.call('chain');
    threads.trust(true);
    assert.equal((await one.client.call('chain')).blocked, undefined);
    assert.equal(handlesOn(base), 0);
    assert.equal((await one.client.call('openChain', { guess: false })).files[1]?.state, 'open');
    assert.equal(handlesOn(base), 1);
    assert.equal((await other.client.call('chain')).open, true);
    assert.deepEqual(
      other.heard.filter((type) => type === 'chain'),
      ['chain', 'chain'],
    );
    await other.client.call('closeChain');
    assert.equal(handlesOn(base), 0);
  });

  it('keeps the word for the next thread of the image, until the image is closed', async () => {
    threads.trust(true);
    const thread = threads.open(top);
    const first = viewOn(thread);
    await first.client.call('openChain', { guess: false });
    await thread.stop();
    assert.equal(handlesOn(base), 0);
    assert.equal((await first.client.call('chain')).open, true);
    threads.forget(top);
    assert.equal((await first.client.call('chain')).open, false);
    await thread.stop();
    assert.equal((await first.client.call('chain')).open, false);
    assert.equal(handlesOn(base), 0);
  });

  it('opens it again when the image is read anew', async () => {
    threads.trust(true);
    const thread = threads.open(top);
    const { client, openings } = viewOn(thread);
    await client.call('openChain', { guess: false });
    thread.reload();
    // Until then the opening before may answer.
    await until(() => openings.size > 1 || undefined, 'the image is opened anew');
    assert.equal((await client.call('chain')).open, true);
    // The opening before is closed a moment after the news.
    await until(() => handlesOn(base) === 1 || undefined, 'one handle is left');
  });
});
