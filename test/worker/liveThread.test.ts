import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JournalWriter } from '../../src/engine/change/journal.ts';
import { journalBeside } from '../../src/platform/journalFile.ts';
import { createClient } from '../../src/protocol/client.ts';
import type { ToWebview } from '../../src/protocol/messages.ts';
import type { FileNews } from '../../src/protocol/news.ts';
import { defaultSettings } from '../../src/protocol/settings.ts';
import type { ImageThread, VirtualFile } from '../../src/worker/imageThread.ts';
import { ImageThreads } from '../../src/worker/imageThreads.ts';
import { copied, ImageBuilder } from '../support/builder.ts';

const entry = join(import.meta.dirname, '../../src/worker/main.ts');
const mib = 2n ** 20n;

/** A view that keeps the news, and counts what it hears. */
function viewOn(thread: ImageThread) {
  const news: FileNews[] = [];
  const heard: string[] = [];
  let hear: (message: unknown) => void = () => undefined;
  let wake: () => void = () => undefined;
  const view = thread.attach((message: ToWebview) => {
    heard.push(message.type);
    if (message.type === 'news') {
      news.push(message.news);
      wake();
    }
    hear(message);
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
  /** Waits for news of which `wanted` is true. */
  const until = async (wanted: (news: FileNews) => boolean): Promise<FileNews> => {
    for (;;) {
      const found = news.find(wanted);
      if (found !== undefined) {
        return found;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { client, news, heard, until, view };
}

/** An image of `size` bytes whose first `clusters` clusters hold data. */
function image(size: bigint, clusters = 0): Uint8Array {
  const builder = new ImageBuilder({ size }).l1(0, copied | (4n * 65536n));
  for (let cluster = 0; cluster < clusters; cluster++) {
    builder.entry(4, cluster, copied | (BigInt(5 + cluster) * 65536n));
  }
  return builder.truncate(BigInt(5 + clusters) * 65536n).toBytes();
}

describe('the thread of an image whose file changes', function () {
  this.timeout(20_000);
  let folder: string;
  let threads: ImageThreads;
  const defects: string[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-live-'));
  });
  beforeEach(() => {
    threads = new ImageThreads(entry, (defect) => defects.push(defect), 50);
  });
  afterEach(async () => {
    await threads.dispose();
    assert.deepEqual(defects.splice(0), []);
  });
  after(() => rmSync(folder, { recursive: true }));

  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  it('tells which opening a view reads before its first reply', async () => {
    const thread = threads.open(write('first.qcow2', image(mib)));
    const [one, other] = [viewOn(thread), viewOn(thread)];
    await one.client.call('describe');
    assert.equal(one.heard[0], 'news');
    await other.client.call('describe');
    assert.equal(other.heard[0], 'news');
    assert.equal(one.news[0]?.opened, other.news[0]?.opened);
    assert.equal(one.news[0]?.cause, 'first');
  });

  it('reads a file that was written over, and says that it did', async () => {
    const path = write('over.qcow2', image(mib));
    const { client, until, news } = viewOn(threads.open(path));
    assert.equal((await client.call('describe')).geometry?.virtualSize, mib);
    const first = news[0]?.opened;
    write('over.qcow2', image(2n * mib));
    const again = await until(({ opened }) => opened !== first);
    assert.equal(again.cause, 'changed');
    assert.equal((await client.call('describe')).geometry?.virtualSize, 2n * mib);
  });

  it('tells of a change that was interrupted or can be undone, but not while this window makes one', async () => {
    const path = write('journal.qcow2', image(mib));
    const place = journalBeside(path);
    const thread = threads.open(path);
    const { client, until } = viewOn(thread);
    await client.call('describe');
    await until(({ journal }) => journal.state === 'none');
    threads.changing(path, { running: true });
    await until(({ journal }) => journal.state === 'running');
    const journal = await JournalWriter.create(place);
    const before = { identity: '1:2', size: mib, modified: 1n, changed: 1n };
    await journal.begin({ before, sizeAfter: mib, title: 'Resize' });
    threads.changing(path, { running: false });
    const told = await until(({ journal: found }) => found.state === 'interrupted');
    assert.deepEqual(told.journal, { state: 'interrupted', title: 'Resize' });
    await journal.complete(before);
    await until(({ journal: found }) => found.state === 'finished');
  });

  it('finds the journal where the user has put it', async () => {
    const path = write('placed.qcow2', image(mib));
    const elsewhere = join(folder, 'placed-journal');
    const journal = await JournalWriter.create(journalBeside(path, elsewhere));
    await journal.begin({ before: { identity: '', size: 0n, modified: 0n, changed: 0n }, sizeAfter: 0n, title: 'A' });
    await journal.leave();
    threads.changing(path, { running: false, journal: elsewhere });
    const { client, until } = viewOn(threads.open(path));
    await client.call('describe');
    await until(({ journal: found }) => found.state === 'interrupted');
  });

  it('reads another file that was put into its place', async () => {
    const path = write('replaced.qcow2', image(mib));
    const { client, until, news } = viewOn(threads.open(path));
    await client.call('describe');
    const first = news[0]?.opened;
    renameSync(write('new.qcow2', image(3n * mib)), path);
    await until(({ opened }) => opened !== first);
    assert.equal((await client.call('describe')).geometry?.virtualSize, 3n * mib);
  });

  it('says that the file has gone, still answers about it, and reads it when it is back', async () => {
    const path = write('gone.qcow2', image(mib));
    const { client, until, news } = viewOn(threads.open(path));
    await client.call('describe');
    const first = news[0]?.opened;
    rmSync(path);
    const lost = await until(({ file }) => file.state === 'lost');
    assert.match(lost.file.state === 'lost' ? lost.file.message : '', /gone\.qcow2: ENOENT/);
    assert.equal((await client.call('describe')).geometry?.virtualSize, mib);
    write('gone.qcow2', image(2n * mib));
    await until(({ opened }) => opened !== first);
    assert.equal((await client.call('describe')).geometry?.virtualSize, 2n * mib);
  });

  it('opens a file that comes into being after the first try', async () => {
    const path = join(folder, 'later.qcow2');
    const { client, until } = viewOn(threads.open(path));
    await assert.rejects(client.call('describe'), { code: 'read-failed' });
    write('later.qcow2', image(mib));
    await until(({ opened }) => opened > 0);
    assert.equal((await client.call('describe')).geometry?.virtualSize, mib);
  });

  it('only tells of a change when the user wants to be asked, and reads it on Reload', async () => {
    threads.configure({ ...defaultSettings, refreshOnChange: 'ask' });
    const path = write('ask.qcow2', image(mib));
    const { client, until, news } = viewOn(threads.open(path));
    await client.call('describe');
    const first = news[0]?.opened;
    write('ask.qcow2', image(2n * mib));
    const changed = await until(({ file }) => file.state === 'changed');
    assert.equal(changed.opened, first);
    threads.reload(path);
    const again = await until(({ opened }) => opened !== first);
    assert.equal(again.cause, 'asked');
    assert.equal((await client.call('describe')).geometry?.virtualSize, 2n * mib);
  });

  it('has the same image again on Reload, in all views', async () => {
    const path = write('same.qcow2', image(mib));
    const thread = threads.open(path);
    const [one, other] = [viewOn(thread), viewOn(thread)];
    await Promise.all([one.client.call('describe'), other.client.call('describe')]);
    const first = one.news[0]?.opened;
    threads.reload(path);
    await Promise.all([one, other].map(({ until }) => until(({ opened }) => opened !== first)));
  });

  it('tells the L2 tables that differ from those of an earlier opening', async () => {
    const path = write('tables.qcow2', image(mib, 1));
    const { client, until, news } = viewOn(threads.open(path));
    await client.call('scan');
    const first = news[0]?.opened ?? 0;
    assert.equal(await client.call('tableChanges', { since: first }), null);
    // What the scan has begun for the next time is complete when this is.
    write('tables.qcow2', image(mib, 3));
    const { opened } = await until((one) => one.opened !== first);
    await client.call('scan');
    const changes = await client.call('tableChanges', { since: first });
    const none = new Uint32Array();
    assert.deepEqual(changes, { added: none, removed: none, changed: new Uint32Array([0]) });
    assert.equal(await client.call('tableChanges', { since: opened + 1 }), null);
  });

  it('writes offsets as the user wants them, also those that were told already', async () => {
    const path = write('notation.qcow2', image(mib));
    const { client, until, news } = viewOn(threads.open(path));
    const shown = async () =>
      (await client.call('describe')).header?.fields.find(({ name }) => name === 'l1_table_offset')?.shown;
    assert.equal(await shown(), '0x3_0000');
    const first = news[0]?.opened;
    threads.configure({ ...defaultSettings, addresses: 'decimal' });
    await until(({ opened }) => opened !== first);
    assert.equal(await shown(), '196\u202f608');
  });

  it('reads a virtual file from its host, again when that has heard of a change', async () => {
    let bytes = image(mib);
    let reads = 0;
    let heard: () => void = () => undefined;
    let watched = 0;
    const file: VirtualFile = {
      read: async () => {
        reads++;
        return bytes;
      },
      look: async () => ({ state: 'there', stamp: String(bytes.length) }),
      watch: (listener) => {
        heard = listener;
        watched++;
        return () => watched--;
      },
    };
    const { client, until, news } = viewOn(threads.open('memfs:/a.qcow2', file));
    assert.equal((await client.call('describe')).geometry?.virtualSize, mib);
    assert.equal((await client.call('scan')).guest.data, 0n);
    assert.equal(reads, 1);
    const first = news[0]?.opened;
    bytes = image(2n * mib, 2);
    heard();
    await until(({ opened }) => opened !== first);
    assert.equal((await client.call('describe')).geometry?.virtualSize, 2n * mib);
    assert.equal((await client.call('scan')).guest.data, 2n * 65536n);
    assert.equal(reads, 2);
    await threads.dispose();
    assert.equal(watched, 0);
  });

  it('says what the host says when it can’t read a virtual file', async () => {
    const file: VirtualFile = {
      read: () => Promise.reject(new Error('It has 300 MiB')),
      look: async () => ({ state: 'there', stamp: '1' }),
      watch: () => () => undefined,
    };
    const { client } = viewOn(threads.open('memfs:/big.qcow2', file));
    await assert.rejects(client.call('describe'), { code: 'read-failed', message: 'It has 300 MiB' });
  });
});
