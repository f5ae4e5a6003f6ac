import assert from 'node:assert/strict';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { fileGate } from '../../src/platform/gate.ts';
import type { ChainFile } from '../../src/protocol/chainApi.ts';
import { type GuestMapKind, spaceKinds } from '../../src/protocol/mapApi.ts';
import { Backing } from '../../src/worker/backing.ts';
import { FileAccess } from '../../src/worker/fileAccess.ts';
import { type ImageHandlers, inspectStorage } from '../../src/worker/inspection.ts';
import { ImageBuilder } from '../support/builder.ts';
import { built, create, follow, img, io, overlay, raw, type Step } from '../support/imageRecipe.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** A file of `qemu-img info --backing-chain`. */
interface Info {
  readonly filename: string;
  readonly format: string;
  readonly 'virtual-size': number;
  readonly 'actual-size': number;
  readonly 'backing-filename'?: string;
  readonly 'full-backing-filename'?: string;
  readonly 'backing-filename-format'?: string;
}

/** A row of `qemu-img map`. */
interface MapRow {
  readonly start: number;
  readonly length: number;
  readonly depth: number;
  /** Whether a file of the chain tells of it. */
  readonly present?: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset?: number;
}

const context = { signal: new AbortController().signal, report: () => undefined, progress: noProgress };

interface Opened {
  readonly handlers: ImageHandlers;
  readonly backing: Backing;
  readonly files: readonly ChainFile[];
}

/** Opens an image and its chain, as the worker does by the user's word. */
async function withChain<T>(path: string, guess: boolean, use: (opened: Opened) => Promise<T>): Promise<T> {
  const access = new FileAccess({ path, virtual: false, trusted: true }, fileGate, () => undefined);
  const { image, handlers, close } = await inspectStorage(await openFile(path), access);
  const { files } = await handlers.openChain({ guess }, context);
  const backing = new Backing(image, access);
  try {
    return await use({ handlers, backing, files });
  } finally {
    await backing.close();
    await close();
  }
}

/** The chain as `qemu-img info` tells it: of each file what is known, and what it names. */
function asInfo(files: readonly ChainFile[]): unknown[] {
  return files
    .filter(({ state }) => state === 'open')
    .map((file) => {
      const below = files.find(({ depth }) => depth === file.depth + 1);
      return {
        filename: file.path,
        format: file.format,
        'virtual-size': Number(file.virtualSize),
        'actual-size': Number(file.allocated),
        ...(below === undefined
          ? {}
          : {
              'backing-filename': below.name,
              'full-backing-filename': below.path,
              ...(below.formatSource === 'named' ? { 'backing-filename-format': below.format } : {}),
            }),
      };
    });
}

async function theirs(path: string): Promise<unknown[]> {
  const infos: Info[] = JSON.parse(await qemuImg(['info', '-U', '--backing-chain', '--output=json', path]));
  return infos.map((info) => ({
    filename: info.filename,
    format: info.format,
    'virtual-size': info['virtual-size'],
    'actual-size': info['actual-size'],
    ...(info['backing-filename'] === undefined
      ? {}
      : {
          'backing-filename': info['backing-filename'],
          'full-backing-filename': info['full-backing-filename'],
          ...(info['backing-filename-format'] === undefined
            ? {}
            : { 'backing-filename-format': info['backing-filename-format'] }),
        }),
  }));
}

const zeros: ReadonlySet<GuestMapKind> = new Set([
  'zero-plain',
  'zero-allocated',
  'unallocated',
  'backing-zero',
  'backing-beyond-end',
]);

/** The guest's disk through the chain, its rows joined as qemu-img joins them. */
async function ourMap(path: string): Promise<MapRow[]> {
  return withChain(path, true, async ({ backing }) => {
    const { layer } = backing.image;
    assert(layer);
    const rows: MapRow[] = [];
    const add = (start: number, length: number, kind: GuestMapKind, depth: number, host: number): boolean => {
      const zero = zeros.has(kind);
      const last = rows.at(-1);
      const joins =
        last &&
        last.depth === depth &&
        last.zero === zero &&
        (last.offset === undefined ? host < 0 : host === last.offset + last.length);
      if (joins) {
        rows[rows.length - 1] = { ...last, length: last.length + length };
      } else {
        rows.push({ start, length, depth, zero, data: !zero, ...(host < 0 ? {} : { offset: host }) });
      }
      return true;
    };
    await backing.walk(layer, 0, Number(layer.size), add, noProgress);
    return rows;
  });
}

async function theirMap(path: string): Promise<MapRow[]> {
  return JSON.parse(await qemuImg(['map', '-U', '--output=json', path]));
}

/** Rows that differ in nothing but what was left out are one. */
function joined(rows: readonly MapRow[]): MapRow[] {
  const list: MapRow[] = [];
  for (const row of rows) {
    const last = list.at(-1);
    const alike = last && last.depth === row.depth && last.zero === row.zero && last.offset === undefined;
    if (alike && row.offset === undefined) {
      list[list.length - 1] = { ...last, length: last.length + row.length };
    } else {
      list.push(row);
    }
  }
  return list;
}

/** What `qemu-img map` has of each kind that comes from below, in bytes. */
function sumsOf(rows: readonly MapRow[], size: number): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { length, depth, zero, present } of rows) {
    const place = !present ? 'past the end' : depth === 0 ? 'own' : 'backing';
    const kind = present ? `${place} ${zero ? 'zero' : 'data'}` : place;
    sums[kind] = (sums[kind] ?? 0) + length;
  }
  assert.equal(
    Object.values(sums).reduce((sum, bytes) => sum + bytes, 0),
    size,
  );
  return sums;
}

describe('the chain against qemu-img', function () {
  this.timeout(120_000);
  let folder = '';
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'qcow2-chain-')));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function make(...steps: Step[]): Promise<void> {
    await follow({ name: 'chain', steps }, folder);
  }

  /** Overlays of different sizes, cluster sizes and content on a raw file: `depth` files below the top one. */
  async function makeChain(depth: number): Promise<string> {
    await make(raw('base0', 5 * 2 ** 20 + 1000, [0, 65536, 1], [3 * 2 ** 20, 200_000, 2]));
    for (let level = 1; level <= depth; level++) {
      const format = level === 1 ? 'raw' : 'qcow2';
      const clusters = ['cluster_size=64k', 'cluster_size=4k', 'cluster_size=64k,extended_l2=on'][level % 3];
      await make(
        overlay(`base${level}`, `base${level - 1}`, format, `${4 + ((level * 3) % 7)}M`, clusters),
        io(`base${level}`, `write -P ${level} ${level * 300}k 100k`, `write -z ${level * 500}k 64k`),
        io(`base${level}`, `write -c -P 9 ${(level % 3) * 64}k 64k`),
      );
    }
    return join(folder, `base${depth}`);
  }

  for (let depth = 1; depth <= 5; depth++) {
    it(`has the same names, formats and sizes, ${depth} deep`, async () => {
      const path = await makeChain(depth);
      const expected = await theirs(path);
      assert.equal(expected.length, depth + 1);
      assert.deepEqual(await withChain(path, false, async ({ files }) => asInfo(files)), expected);
    });

    it(`tells the same of every byte of the disk, ${depth} deep`, async () => {
      const path = await makeChain(depth);
      const expected = (await theirMap(path)).map(({ present: _, ...row }) => row);
      assert.deepEqual(await ourMap(path), joined(expected));
    });
  }

  it('counts in its map what qemu-img tells of the files below', async () => {
    const path = await makeChain(3);
    const rows = await theirMap(path);
    const size = rows.reduce((sum, { length }) => sum + length, 0);
    const expected = sumsOf(rows, size);
    await withChain(path, false, async ({ handlers }) => {
      const wanted = { space: 'guest', start: 0n, length: BigInt(size) } as const;
      const { kinds, clusters } = await handlers.counts(wanted, context);
      const bytes = (kind: GuestMapKind): number => Number(kinds[spaceKinds.guest.indexOf(kind)]?.bytes);
      assert.deepEqual(
        {
          'own data': bytes('data') + bytes('compressed'),
          'own zero': bytes('zero-plain') + bytes('zero-allocated'),
          'backing data': bytes('backing-data'),
          'backing zero': bytes('backing-zero'),
          'past the end': bytes('backing-beyond-end'),
        },
        expected,
      );
      assert.equal(bytes('backing') + bytes('unallocated') + bytes('wrong'), 0);
      const check = JSON.parse((await runProgram('qemu-img', ['check', '--output=json', path])).stdout);
      assert.deepEqual(clusters, {
        allocated: check['allocated-clusters'],
        compressed: check['compressed-clusters'],
        fragmented: check['fragmented-clusters'],
      });
      await handlers.closeChain(undefined, context);
      const alone = (await handlers.counts(wanted, context)).kinds;
      const fromBelow = (['backing-data', 'backing-zero', 'backing-beyond-end'] as const).map(bytes);
      assert.equal(
        Number(alone[spaceKinds.guest.indexOf('backing')]?.bytes),
        fromBelow.reduce((sum, one) => sum + one, 0),
      );
    });
  });

  for (const depth of [1, 4]) {
    it(`reads the bytes that the guest reads, ${depth} deep`, async () => {
      const path = await makeChain(depth);
      const flat = join(folder, 'flat.raw');
      await qemuImg(['convert', '-O', 'raw', path, flat]);
      const expected = await readFile(flat);
      await withChain(path, false, async ({ handlers }) => {
        const parts: Uint8Array[] = [];
        for (let start = 0; start < expected.length; start += 2 ** 20) {
          const { bytes } = await handlers.bytes({ space: 'guest', start: BigInt(start), length: 2n ** 20n }, context);
          parts.push(bytes);
        }
        assert.equal(Buffer.concat(parts).compare(expected), 0);
      });
    });
  }

  it('guesses a format that is not named as QEMU does, when asked', async () => {
    await make(
      raw('base.raw', 2 ** 20, [0, 65536, 1]),
      built('middle.qcow2', new ImageBuilder().backing('base.raw')),
      built('top.qcow2', new ImageBuilder().backing('middle.qcow2')),
    );
    const path = join(folder, 'top.qcow2');
    const expected = await theirs(path);
    assert.deepEqual(await withChain(path, true, async ({ files }) => asInfo(files)), expected);
  });

  it('says which file is missing, where qemu-img gives up', async () => {
    const path = await makeChain(3);
    await rm(join(folder, 'base1'));
    const { code, stderr } = await runProgram('qemu-img', ['info', '--backing-chain', path]);
    assert.equal(code, 1);
    assert.match(stderr, /Could not open '.*base1': No such file or directory/);
    await withChain(path, false, async ({ files }) => {
      assert.deepEqual(
        files.map(({ name, state }) => [name, state]),
        [
          [path, 'open'],
          ['base2', 'open'],
          ['base1', 'missing'],
        ],
      );
      assert.match(files[2]?.message ?? '', /base1: ENOENT/);
    });
  });

  it('says where a chain comes back to itself, as qemu-img does', async () => {
    await make(create('a.qcow2', '4M'), overlay('b.qcow2', 'a.qcow2', 'qcow2'));
    await make(img('rebase', '-u', '-b', 'b.qcow2', '-F', 'qcow2', 'a.qcow2'));
    const path = join(folder, 'a.qcow2');
    const { stderr } = await runProgram('qemu-img', ['info', '--backing-chain', path]);
    assert.match(stderr, /infinite loop/);
    await withChain(path, false, async ({ files }) => {
      assert.deepEqual(
        files.map(({ name, state }) => [name, state]),
        [
          [path, 'open'],
          ['b.qcow2', 'open'],
          ['a.qcow2', 'loop'],
        ],
      );
    });
  });
});
