import assert from 'node:assert/strict';
import { type ApplyOptions, apply } from '../../../src/engine/change/apply.ts';
import type { ChangeSet } from '../../../src/engine/change/changeSet.ts';
import { Draft } from '../../../src/engine/change/draft.ts';
import { openJournal } from '../../../src/engine/change/journal.ts';
import { journalState, takeBack } from '../../../src/engine/change/recovery.ts';
import { fitOf } from '../../../src/engine/change/rollback.ts';
import { Qcow2Error } from '../../../src/engine/error.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { requireSame } from '../../crash/crashCase.ts';
import { LoggedFiles } from '../../crash/loggedFiles.ts';
import { MemoryStorage } from '../../support/memoryStorage.ts';

const quietly: ApplyOptions = { keepUndo: false, progress: noProgress };

/** A file of three sectors and a bit, all bytes 1. */
function someFile(): MemoryStorage {
  return new MemoryStorage(new Uint8Array(1700).fill(1));
}

/** Changes bytes in two steps, one of them twice, streams a part, and makes the file longer. */
async function someChange(files: LoggedFiles): Promise<ChangeSet> {
  const draft = new Draft(files.image);
  await draft.write('first', 10n, Uint8Array.of(2, 2));
  await draft.write('second', 1600n, new Uint8Array(500).fill(3));
  await draft.endStep('one');
  draft.addStream(
    'stream',
    async function* () {
      yield { structure: 'streamed', at: 4096n, bytes: new Uint8Array(1024).fill(4) };
    },
    5120n,
  );
  await draft.write('first', 11n, Uint8Array.of(5));
  await draft.endStep('two');
  return draft.changeSet('Some change', await files.image.state());
}

function wanted(): MemoryStorage {
  const file = someFile();
  file.write(10n, Uint8Array.of(2, 5));
  file.write(1600n, new Uint8Array(500).fill(3));
  file.write(4096n, new Uint8Array(1024).fill(4));
  return file;
}

describe('a change that is applied', () => {
  it('writes what was drafted, and leaves no journal', async () => {
    const file = someFile();
    const files = new LoggedFiles(file);
    await apply(await someChange(files), files.image, files.place, quietly);
    requireSame('applied', file, wanted());
    assert.equal(files.journal, undefined);
  });

  it('leaves the journal of the one before where it writes nothing', async () => {
    const files = new LoggedFiles(someFile());
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    const nothing = new Draft(files.image).changeSet('Nothing', await files.image.state());
    for (const keepUndo of [true, false]) {
      await apply(nothing, files.image, files.place, { ...quietly, keepUndo });
      const left = await journalState(files.place);
      assert.ok(left.state !== 'none' && left.title === 'Some change');
    }
  });

  it('has the old bytes in a journal with a name before it writes the first byte', async () => {
    const files = new LoggedFiles(someFile());
    await apply(await someChange(files), files.image, files.place, quietly);
    const first = files.log.findIndex(({ file }) => file === 'image');
    const kinds = files.log.slice(0, first).map(({ act }) => act.kind);
    assert.deepEqual(kinds, ['write', 'flush', 'write', 'flush', 'publish']);
  });

  it('is undone to the byte, as long as the journal is kept', async () => {
    const file = someFile();
    const files = new LoggedFiles(file);
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    assert.deepEqual(await journalState(files.place), { state: 'finished', title: 'Some change' });
    await takeBack(files.image, files.place, 'finished', false);
    requireSame('undone', file, someFile());
    assert.equal(files.journal, undefined);
  });

  it('is undone too where one write is longer than a record of the journal may be', async () => {
    const file = new MemoryStorage(new Uint8Array(2 ** 21).fill(1));
    const files = new LoggedFiles(file);
    const long = 300 * 1024 + 7;
    const draft = new Draft(files.image);
    await draft.write('table', 512n, new Uint8Array(long).fill(2));
    await draft.endStep('one');
    const bytes = new Uint8Array(2 ** 20).fill(3);
    draft.addStream(
      'stream',
      async function* () {
        yield { structure: 'streamed', at: 2n ** 20n, bytes };
      },
      2n ** 21n,
    );
    const change = draft.changeSet('A long write', await files.image.state());
    await apply(change, files.image, files.place, { ...quietly, keepUndo: true });
    assert.deepEqual(file.slice(512n, long), new Uint8Array(long).fill(2));
    assert.deepEqual(file.slice(2n ** 20n, bytes.length), bytes);
    await takeBack(files.image, files.place, 'finished', false);
    requireSame('undone', file, new MemoryStorage(new Uint8Array(2 ** 21).fill(1)));
  });

  it('is given up before anything is written where a stream does not write whole sectors', async () => {
    for (const [at, length] of [
      [4100n, 512],
      [4096n, 100],
    ] as const) {
      const file = someFile();
      const files = new LoggedFiles(file);
      const draft = new Draft(files.image);
      draft.addStream(
        'stream',
        async function* () {
          yield { structure: 'streamed', at, bytes: new Uint8Array(length) };
        },
        8192n,
      );
      const change = draft.changeSet('A crooked write', await files.image.state());
      await assert.rejects(apply(change, files.image, files.place, quietly), /whole sectors/);
      requireSame('nothing was written', file, someFile());
    }
  });

  it('is not undone where somebody else has written to one of its sectors', async () => {
    const file = someFile();
    const files = new LoggedFiles(file);
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    file.write(4200n, Uint8Array.of(9));
    const changed = file.clone();
    await assert.rejects(takeBack(files.image, files.place, 'finished', true), /Somebody else has written/);
    requireSame('refused', file, changed);
    assert.ok(files.journal);
  });

  it('is undone with a word more where only other places of the file were written since', async () => {
    const file = someFile();
    const files = new LoggedFiles(file);
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    await files.image.write(600n, Uint8Array.of(9));
    await assert.rejects(takeBack(files.image, files.place, 'finished', false), /was written since the change/);
    await takeBack(files.image, files.place, 'finished', true);
    assert.deepEqual(file.slice(600n, 1), Uint8Array.of(9));
  });

  it('is refused for a file that is not what it was planned for', async () => {
    const files = new LoggedFiles(someFile());
    const change = await someChange(files);
    await files.image.write(1000n, Uint8Array.of(7));
    await assert.rejects(apply(change, files.image, files.place, quietly), codeIs('changed-since'));
    assert.equal(files.journal, undefined);
  });

  it('is refused while there is the journal of an interrupted one, and takes the place of a finished one', async () => {
    const files = new LoggedFiles(someFile());
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    assert.ok(files.journal);
    // The second sector says that the change is complete.
    files.journal.write(512n, new Uint8Array(512));
    await assert.rejects(apply(await someChange(files), files.image, files.place, quietly), codeIs('journal-exists'));
  });

  it('is rolled back when a write fails, wherever that is', async () => {
    const count = await actsOf();
    for (let failing = 0; failing < count; failing++) {
      const file = someFile();
      const files = new LoggedFiles(file);
      const change = await someChange(files);
      let acts = 0;
      files.onAct = () => {
        if (acts++ === failing) throw new Qcow2Error('write-failed', 'No space', { system: 'ENOSPC' });
      };
      await assert.rejects(apply(change, files.image, files.place, quietly), codeIs('write-failed'), `${failing}`);
      requireSame(`act ${failing} fails`, file, failing === count - 1 ? wanted() : someFile());
    }
  });

  it('is rolled back when it is cancelled, wherever that is', async () => {
    for (let steps = 0; ; steps++) {
      const file = someFile();
      const files = new LoggedFiles(file);
      const change = await someChange(files);
      let left = steps;
      const progress = {
        step: async () => {
          if (left-- === 0) throw new Qcow2Error('cancelled', 'Cancelled');
        },
      };
      try {
        await apply(change, files.image, files.place, { ...quietly, progress });
        assert.ok(steps > 4);
        return;
      } catch (error) {
        assert.ok(error instanceof Qcow2Error && error.code === 'cancelled');
        requireSame(`cancelled after ${steps}`, file, someFile());
        assert.equal(files.journal, undefined);
      }
    }
  });

  it('says before the first byte where there is no room for it, and is not begun then', async () => {
    const file = someFile();
    const files = new LoggedFiles(file);
    const image = { ...files.image, free: async () => 1000n };
    await assert.rejects(
      apply(await someChange(files), image, files.place, { ...quietly, begun: () => assert.fail('begun') }),
      /No space left.*Nothing was written/,
    );
    requireSame('no room', file, someFile());
  });
});

describe('a rollback journal', () => {
  it('that is cut or torn at any byte is void, or refused, or whole: never rolled back in part', async () => {
    const file = someFile();
    const files = new LoggedFiles(file);
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    const after = file.clone();
    const journal = files.journal?.clone();
    assert.ok(journal);
    for (let at = 0; at < Number(journal.size); at++) {
      const cut = journal.clone();
      cut.truncate(BigInt(at));
      const torn = journal.clone();
      torn.write(BigInt(at), Uint8Array.of((torn.slice(BigInt(at), 1)[0] ?? 0) ^ 0x40));
      for (const damaged of [cut, torn]) {
        await requireHarmless(after, damaged, `byte ${at}`);
      }
    }
  });

  it('does not fit another file, nor one that has grown', async () => {
    const files = new LoggedFiles(someFile());
    await apply(await someChange(files), files.image, files.place, { ...quietly, keepUndo: true });
    const journal = await openJournal(files.place);
    assert.ok(journal !== 'none' && journal !== 'void');
    const other = { ...files.image, state: async () => ({ ...(await files.image.state()), identity: 'memory:2' }) };
    assert.match(JSON.stringify(await fitOf(journal, other)), /made for another file/);
    await files.image.write(5120n, Uint8Array.of(1));
    assert.match(JSON.stringify(await fitOf(journal, files.image)), /has grown/);
  });
});

/** Takes back with a damaged journal: the image is then what it was before the change, or what it was after it. */
async function requireHarmless(after: MemoryStorage, damaged: MemoryStorage, name: string): Promise<void> {
  const file = after.clone();
  const files = new LoggedFiles(file, damaged);
  const found = await journalState(files.place);
  try {
    await takeBack(files.image, files.place, found.state === 'interrupted' ? 'interrupted' : 'finished', true);
    requireSame(name, file, someFile());
  } catch (error) {
    assert.ok(error instanceof Qcow2Error, `${name}: ${String(error)}`);
    requireSame(name, file, after);
  }
}

/** How many acts the change takes. */
async function actsOf(): Promise<number> {
  const files = new LoggedFiles(someFile());
  await apply(await someChange(files), files.image, files.place, quietly);
  return files.log.length;
}

function codeIs(code: Qcow2Error['code']): (error: unknown) => boolean {
  return (error) => error instanceof Qcow2Error && error.code === code;
}
