import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { type Gate, noProgress, type Storage } from '../../src/engine/ports.ts';
import { Backing } from '../../src/worker/backing.ts';
import { chainMethods } from '../../src/worker/chainMethods.ts';
import { FileAccess } from '../../src/worker/fileAccess.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

const cluster = 65536;

/** A gate to files in memory that counts what is open. */
class Files implements Gate {
  handles = 0;
  asked = 0;
  readonly #files: Readonly<Record<string, Storage>>;

  constructor(files: Readonly<Record<string, Storage>>) {
    this.#files = files;
  }

  async open(name: string) {
    this.asked++;
    const file = this.#files[name];
    if (file === undefined) {
      throw new Qcow2Error('read-failed', `Can't open /folder/${name}: ENOENT.`, { system: 'ENOENT' });
    }
    this.handles++;
    const storage: Storage = {
      size: file.size,
      read: (at, into) => file.read(at, into),
      close: async () => {
        this.handles--;
      },
    };
    return { path: `/folder/${name}`, identity: name, storage };
  }
}

/** A disk of 8 clusters: data, nothing, zeros, then nothing. */
function top(name = 'middle', format: string | null = 'qcow2'): Storage {
  const image = new ImageBuilder({ size: 8 * cluster }).backing(name, format ?? undefined);
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 2, zero);
  return image.truncate(image.at(6)).toStorage();
}

/** A disk of 7 clusters: nothing, data, data, compressed, zeros, a wrong entry, nothing. */
function middle(): Storage {
  const image = new ImageBuilder({ size: 7 * cluster }).backing('base', 'raw');
  image.l1(0, copied | image.at(4));
  image.entry(4, 1, copied | image.at(5)).entry(4, 2, copied | image.at(6));
  image
    .entry(4, 3, compressed | image.at(7))
    .entry(4, 4, zero)
    .entry(4, 5, copied | (image.at(5) + 512n));
  return image.truncate(image.at(8)).toStorage();
}

function base(): Storage {
  return new MemoryStorage(BigInt(6 * cluster + 4096));
}

async function backingOf(storage: Storage, gate: Gate, trusted = true) {
  const access = new FileAccess({ path: '/folder/top', virtual: false, trusted }, gate, () => undefined);
  const image = await openImage(storage);
  const backing = new Backing(image, access);
  const context = { signal: new AbortController().signal, report: () => undefined, progress: noProgress };
  const { chain, openChain, closeChain, guestSource } = chainMethods(backing);
  return {
    access,
    image,
    backing,
    chain: () => chain(undefined, context),
    open: (guess = false) => openChain({ guess }, context),
    close: () => closeChain(undefined, context),
    source: (guest: number) => guestSource({ guest: BigInt(guest) }, context),
    walk: async (from = 0, to = 8 * cluster) => {
      const runs: string[] = [];
      assert(image.layer);
      const visit = (start: number, length: number, kind: string, depth: number, host: number): boolean => {
        runs.push(`${start / cluster}+${length / cluster} ${kind} ${depth} ${host}`);
        return true;
      };
      return (await backing.walk(image.layer, from, to, visit, noProgress)) ? runs : undefined;
    },
  };
}

describe('the files that an image is based on', () => {
  it('are named and not opened before the user says so', async () => {
    const files = new Files({ middle: middle(), base: base() });
    const { chain, walk } = await backingOf(top(), files);
    const { open, blocked, files: shown } = await chain();
    assert.deepEqual([open, blocked], [false, undefined]);
    assert.deepEqual(
      shown.map(({ depth, name, format, state, path }) => [depth, name, format, state, path]),
      [
        [0, '/folder/top', 'qcow2', 'open', '/folder/top'],
        [1, 'middle', 'qcow2', 'not-opened', '/folder/middle'],
      ],
    );
    assert.equal(await walk(), undefined);
    assert.equal(files.asked, 0);
  });

  it('are opened by the user’s word, with sizes, and closed by it', async () => {
    const files = new Files({ middle: middle(), base: base() });
    const { chain, open, close } = await backingOf(top(), files);
    const before = await chain();
    const { files: shown, open: isOpen, generation } = await open();
    assert.equal(isOpen, true);
    assert.notEqual(generation, before.generation);
    assert.deepEqual(
      shown.map(({ name, format, virtualSize, state }) => [name, format, virtualSize, state]),
      [
        ['/folder/top', 'qcow2', BigInt(8 * cluster), 'open'],
        ['middle', 'qcow2', BigInt(7 * cluster), 'open'],
        ['base', 'raw', BigInt(6 * cluster + 4096), 'open'],
      ],
    );
    assert.equal(files.handles, 2);
    assert.equal((await close()).open, false);
    assert.equal(files.handles, 0);
    assert.equal((await chain()).files.length, 2);
  });

  it('are never opened in Restricted Mode, whatever the page asks for', async () => {
    const files = new Files({ middle: middle(), base: base() });
    const { chain, open, walk, access } = await backingOf(top(), files, false);
    await assert.rejects(open(), { code: 'not-allowed' });
    assert.equal((await chain()).blocked, 'untrusted');
    assert.equal(await walk(), undefined);
    assert.equal(files.asked, 0);
    access.trust(true);
    assert.equal((await open()).open, true);
    access.trust(false);
    assert.equal((await chain()).open, false);
    assert.equal(files.handles, 0);
  });

  it('tell where the guest’s bytes come from', async () => {
    const { open, walk } = await backingOf(top(), new Files({ middle: middle(), base: base() }));
    await open();
    assert.deepEqual(await walk(), [
      `0+1 data 0 ${5 * cluster}`,
      `1+1 backing-data 1 ${5 * cluster}`,
      '2+1 zero-plain 0 -1',
      '3+1 backing-data 1 -1',
      '4+1 backing-zero 1 -1',
      '5+1 wrong 1 -1',
      `6+0.0625 backing-data 2 ${6 * cluster}`,
      '6.0625+0.9375 backing-beyond-end 1 -1',
      '7+1 backing-beyond-end 0 -1',
    ]);
    assert.deepEqual(await walk(3 * cluster, 4 * cluster), ['3+1 backing-data 1 -1']);
  });

  it('tell where a single byte comes from, and nothing while they are closed', async () => {
    const { open, source } = await backingOf(top(), new Files({ middle: middle(), base: base() }));
    assert.deepEqual(await source(cluster + 7), {});
    await open();
    const host = BigInt(5 * cluster + 7);
    assert.deepEqual(await source(7), { source: { kind: 'data', depth: 0, path: '/folder/top', host } });
    assert.deepEqual(await source(cluster + 7), {
      source: { kind: 'backing-data', depth: 1, path: '/folder/middle', host },
    });
    assert.deepEqual(await source(3 * cluster), { source: { kind: 'backing-data', depth: 1, path: '/folder/middle' } });
    assert.deepEqual(await source(6 * cluster), {
      source: { kind: 'backing-data', depth: 2, path: '/folder/base', host: BigInt(6 * cluster) },
    });
    assert.deepEqual(await source(8 * cluster - 1), {
      source: { kind: 'backing-beyond-end', depth: 0, path: '/folder/top' },
    });
    await assert.rejects(source(8 * cluster), { code: 'bad-argument' });
  });

  it('say what is not known where one of them is missing', async () => {
    const { open, walk } = await backingOf(top(), new Files({ middle: middle() }));
    const { files } = await open();
    assert.deepEqual(
      files.slice(2).map(({ depth, name, state, message }) => [depth, name, state, message]),
      [[2, 'base', 'missing', "Can't open /folder/base: ENOENT."]],
    );
    assert.deepEqual((await walk())?.slice(-2), ['6+1 backing 1 -1', '7+1 backing-beyond-end 0 -1']);
  });

  it('are guessed in their format only if asked, and marked so', async () => {
    const files = new Files({ middle: middle(), base: base() });
    const { open } = await backingOf(top('middle', null), files);
    const named = await open();
    assert.deepEqual([named.files[1]?.state, named.files[1]?.format, files.asked], ['no-format', undefined, 0]);
    const guessed = await open(true);
    assert.deepEqual(
      guessed.files.map(({ format, formatSource }) => [format, formatSource]),
      [
        ['qcow2', 'given'],
        ['qcow2', 'probed'],
        ['raw', 'named'],
      ],
    );
  });

  it('refuse names that are no paths, before anything is opened', async () => {
    const { chain } = await backingOf(top('nbd://host/x', 'raw'), new Files({}));
    const [, named] = (await chain()).files;
    assert.deepEqual([named?.state, named?.path], ['refused-name', undefined]);
    assert.match(named?.message ?? '', /protocols are never followed/);
  });

  it('may be a data file', async () => {
    const image = new ImageBuilder({ incompatible_features: 4 }).extension(0x44415441, 'data.raw').toStorage();
    const files = new Files({ 'data.raw': new MemoryStorage(7n) });
    const { chain, open, close } = await backingOf(image, files);
    const before = (await chain()).files[0]?.dataFile;
    assert.deepEqual([before?.name, before?.state, before?.path], ['data.raw', 'not-opened', '/folder/data.raw']);
    const after = (await open()).files[0]?.dataFile;
    assert.deepEqual([after?.state, after?.fileSize], ['open', 7n]);
    await close();
    assert.equal(files.handles, 0);
  });

  it('are opened again with an image that is read anew, as long as it names the same', async () => {
    const files = new Files({ middle: middle(), base: base(), other: base() });
    const { open, access, backing } = await backingOf(top(), files);
    await open();
    await backing.close();
    assert.equal(files.handles, 0);
    assert.equal(await backing.opened(), undefined);
    const again = new Backing(await openImage(top()), access);
    assert.equal((await again.opened())?.chain.layers.length, 3);
    await again.close();
    const changed = new Backing(await openImage(top('other', 'raw')), access);
    assert.equal(await changed.opened(), undefined);
    assert.equal(files.handles, 0);
  });
});
