import { readRefcount } from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Image } from '../image/image.ts';
import { type RefcountTable, readRefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import type { Progress } from '../ports.ts';
import { type DifferenceVisitor, oneValue } from './difference.ts';
import { compareEntryTables } from './entryTables.ts';

/** Different refcounts that are counted; more are counted together. */
const mostValues = 4096;

/** Clusters by refcount, without those of refcount 0. */
class Counts {
  readonly byValue = new Map<number | bigint, number>();
  others = 0;

  add(refcount: number | bigint, count: number): void {
    // Refcounts of 64 bits are read as bigints.
    const value = refcount <= Number.MAX_SAFE_INTEGER ? Number(refcount) : refcount;
    const before = this.byValue.get(value);
    if (before === undefined && this.byValue.size >= mostValues) {
      this.others += count;
    } else {
      this.byValue.set(value, (before ?? 0) + count);
    }
  }
}

/** Compares refcount tables and refcounts: cluster by cluster where both images have the same geometry, and in numbers. */
export async function compareRefcounts(
  a: Image,
  b: Image,
  visit: DifferenceVisitor,
  progress: Progress,
): Promise<void> {
  const left = await RefcountReader.open(a);
  const right = await RefcountReader.open(b);
  if (left && right && sameGeometry(left.geometry, right.geometry)) {
    const of = { section: 'refcount-table', name: 'refcount table' } as const;
    const table = ({ image, table: { offset, entries } }: RefcountReader) => ({
      storage: image.storage,
      offset,
      entries,
    });
    await compareEntryTables(of, table(left), table(right), visit, progress);
    await compareBlocks(left, right, visit, progress);
  } else {
    await left?.countAll(progress);
    await right?.countAll(progress);
  }
  compareCounts(left?.counts ?? new Counts(), right?.counts ?? new Counts(), visit);
}

function sameGeometry(a: Geometry, b: Geometry): boolean {
  return a.clusterBits === b.clusterBits && a.refcountOrder === b.refcountOrder;
}

function compareCounts(a: Counts, b: Counts, visit: DifferenceVisitor): void {
  const values = new Set([...a.byValue.keys(), ...b.byValue.keys()]);
  const compare = (place: string, left: number, right: number): void => {
    if (left !== right) {
      visit({
        section: 'refcount-counts',
        place,
        a: oneValue(left, `${left} clusters`),
        b: oneValue(right, `${right} clusters`),
      });
    }
  };
  for (const value of [...values].sort((one, other) => (one < other ? -1 : one > other ? 1 : 0))) {
    compare(`refcount ${value}`, a.byValue.get(value) ?? 0, b.byValue.get(value) ?? 0);
  }
  compare('other refcounts', a.others, b.others);
}

/** Reads refcount blocks one by one. Blocks for clusters past the end of the file are not read: their number has no bound. */
class RefcountReader {
  readonly image: Image;
  readonly geometry: Geometry;
  readonly table: RefcountTable;
  readonly counts = new Counts();
  readonly block: Uint8Array;
  /** By index in the refcount table: host offset in bytes. */
  readonly blocks = new Map<number, number>();

  private constructor(image: Image, geometry: Geometry, table: RefcountTable) {
    this.image = image;
    this.geometry = geometry;
    this.table = table;
    this.block = new Uint8Array(geometry.clusterSize);
    for (const { index, block, unaligned } of refcountTableEntries(geometry, table)) {
      if (!unaligned && block !== 0 && index * geometry.refcountBlockEntries < geometry.fileClusters) {
        this.blocks.set(index, block);
      }
    }
  }

  static async open(image: Image): Promise<RefcountReader | undefined> {
    const { storage, geometry, header } = image;
    return geometry && header
      ? new RefcountReader(image, geometry, await readRefcountTable(storage, geometry, header))
      : undefined;
  }

  async read(index: number): Promise<void> {
    const offset = this.blocks.get(index);
    if (offset === undefined) {
      this.block.fill(0);
    } else {
      await readHostBytes(this.image.storage, BigInt(offset), this.block);
    }
  }

  async countAll(progress: Progress): Promise<void> {
    for (const index of this.blocks.keys()) {
      await this.read(index);
      eachRun(this.geometry, this.block, (value, _entry, count) => this.counts.add(value, count));
      await progress.step(0, 0);
    }
  }
}

/** Visits the runs of equal refcounts of a block that are not 0. */
function eachRun(
  { refcountBlockEntries: entries, refcountOrder: order }: Geometry,
  block: Uint8Array,
  visit: (value: number | bigint, entry: number, count: number) => void,
): void {
  for (let entry = 0; entry < entries; ) {
    const value = readRefcount(block, entry, order);
    let end = entry + 1;
    while (end < entries && readRefcount(block, end, order) === value) {
      end++;
    }
    if (BigInt(value) !== 0n) {
      visit(value, entry, end - entry);
    }
    entry = end;
  }
}

/** Compares the blocks of two images with the same geometry, and counts by value. */
async function compareBlocks(
  a: RefcountReader,
  b: RefcountReader,
  visit: DifferenceVisitor,
  progress: Progress,
): Promise<void> {
  const { geometry } = a;
  const { refcountBlockEntries: entries, refcountOrder: order, clusterSize } = geometry;
  const [words, others] = [new Uint32Array(a.block.buffer), new Uint32Array(b.block.buffer)];
  let run: { first: number; count: number; a: number | bigint; b: number | bigint } | undefined;
  const flush = (): void => {
    if (run) {
      const size = BigInt(clusterSize);
      const host = { start: BigInt(run.first) * size, length: BigInt(run.count) * size };
      const [left, right] = [oneValue(run.a), oneValue(run.b)];
      visit({ section: 'refcounts', place: 'clusters', host, count: run.count, a: left, b: right });
      run = undefined;
    }
  };
  const indices = [...new Set([...a.blocks.keys(), ...b.blocks.keys()])].sort((one, other) => one - other);
  for (const [done, index] of indices.entries()) {
    await a.read(index);
    await b.read(index);
    const same = words.every((word, at) => word === others[at]);
    eachRun(geometry, a.block, (value, _entry, count) => {
      a.counts.add(value, count);
      if (same) {
        b.counts.add(value, count);
      }
    });
    if (!same) {
      eachRun(geometry, b.block, (value, _entry, count) => b.counts.add(value, count));
      for (let entry = 0; entry < entries; entry++) {
        const [left, right] = [readRefcount(a.block, entry, order), readRefcount(b.block, entry, order)];
        const cluster = index * entries + entry;
        if (left === right) {
          flush();
        } else if (run && run.first + run.count === cluster && run.a === left && run.b === right) {
          run.count++;
        } else {
          flush();
          run = { first: cluster, count: 1, a: left, b: right };
        }
      }
    }
    await progress.step(done, indices.length);
  }
  flush();
}
