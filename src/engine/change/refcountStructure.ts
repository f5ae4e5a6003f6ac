import { Qcow2Error } from '../error.ts';
import { readRefcount, refcountBlockEntries, refcountTableEntryBytes, writeRefcount } from '../format/refcounts.ts';
import type { ClusterCounts } from '../image/clusterCounts.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import type { ByteWrite } from './changeSet.ts';
import { countedBlocks } from './countedBlocks.ts';
import type { Draft } from './draft.ts';
import type { FreeClusters } from './freeClusters.ts';
import { changeHeader } from './headerSteps.ts';
import type { StoredRefcounts } from './storedRefcounts.ts';
import { writesOf } from './writeStream.ts';

/** Clusters in a row that are referred to equally often. */
export interface CountedRun {
  readonly first: number;
  readonly count: number;
  readonly refcount: number;
}

/** How the new refcounts differ from those that are stored. */
export interface RefcountChange {
  /** Log2 of the bits of a refcount. */
  readonly order: number;
  /** Clusters of the file that are taken, ascending; whatever was counted for them before. */
  readonly added: readonly CountedRun[];
  /** Clusters that are given back, as often as they are counted. */
  readonly released?: ClusterCounts | undefined;
}

/** Where the refcounts that are replaced come from. */
export interface RefcountSource {
  readonly stored: StoredRefcounts;
  /** The clusters of the stored refcount table and its blocks: the new refcounts don't count them. */
  readonly own: ClusterSet;
  readonly free: FreeClusters;
}

/**
 * Drafts a refcount table and blocks in free clusters, to which one write of the header switches: until then the old
 * ones hold, afterwards nothing leads to them, and the new ones don't count them. The blocks are streamed. Throws
 * `too-large` where the table would be larger than the format allows.
 */
export async function replaceRefcounts(
  draft: Draft,
  source: RefcountSource,
  change: RefcountChange,
  says: string,
  progress: Progress,
): Promise<void> {
  const { geometry } = source.stored;
  const size = BigInt(geometry.clusterSize);
  const blocks = await countedBlocks(source.stored, change.order, progress);
  const layout = await place(source, change, blocks);
  const content = new NewBlocks(source, change, layout);
  draft.addStream(`${says}, in free clusters`, () => content.writes(), BigInt(layout.end) * size);
  const fields = {
    refcount_table_offset: BigInt(layout.table.start) * size,
    refcount_table_clusters: layout.table.clusters,
    refcount_order: change.order,
  };
  await changeHeader(draft, { fields }, `${says}: switch to them`);
}

/** Where the new refcounts lie, in clusters. */
interface Layout {
  /** By index in the table. */
  readonly blocks: ReadonlyMap<number, number>;
  readonly table: { readonly start: number; readonly clusters: number };
  /** All of these clusters. */
  readonly own: ClusterSet;
  /** After the last of them. */
  readonly end: number;
}

/** Finds room for the blocks, those that count the new clusters themselves among them, and for the table. */
async function place({ stored, free }: RefcountSource, change: RefcountChange, counted: ClusterSet): Promise<Layout> {
  const { geometry } = stored;
  const perBlock = refcountBlockEntries(geometry.clusterBits, change.order);
  const perTableCluster = geometry.clusterSize / refcountTableEntryBytes;
  const blocks = new Map<number, number>();
  const own = new ClusterSet();
  const countRun = (first: number, count: number): void => {
    const index = Math.floor(first / perBlock);
    counted.add(index, Math.floor((first + count - 1) / perBlock) - index + 1);
  };
  const take = async (count: number): Promise<number> => {
    const first = await free.find(count);
    free.take(first, count);
    own.add(first, count);
    countRun(first, count);
    return first;
  };
  for (const { first, count } of change.added) {
    countRun(first, count);
  }
  let table = { start: 0, clusters: 0 };
  for (;;) {
    for (let index = counted.next(0); index !== undefined; index = counted.next(index + 1)) {
      if (!blocks.has(index)) {
        blocks.set(index, await take(1));
      }
    }
    const clusters = Math.ceil(counted.end / perTableCluster);
    if (clusters * geometry.clusterSize > limits.refcountTableBytes) {
      throw new Qcow2Error('too-large', 'The image needs a refcount table of more than 8 MiB: refcounts are too wide.');
    }
    if (clusters > table.clusters) {
      own.remove(table.start, table.clusters);
      free.give(table.start, table.clusters);
      table = { start: await take(clusters), clusters };
    } else if (blocks.size === sizeOf(counted)) {
      const end = [...blocks.values()].reduce((last, cluster) => Math.max(last, cluster + 1), table.start + clusters);
      return { blocks, table, own, end };
    }
  }
}

function sizeOf(set: ClusterSet): number {
  let size = 0;
  for (let at = set.next(0); at !== undefined; at = set.next(at + 1)) {
    size++;
  }
  return size;
}

/** The bytes of the new blocks and of their table. */
class NewBlocks {
  readonly #source: RefcountSource;
  readonly #change: RefcountChange;
  readonly #layout: Layout;
  /** Clusters that a new block counts. */
  readonly #perBlock: number;

  constructor(source: RefcountSource, change: RefcountChange, layout: Layout) {
    this.#source = source;
    this.#change = change;
    this.#layout = layout;
    this.#perBlock = refcountBlockEntries(source.stored.geometry.clusterBits, change.order);
  }

  /** In the order of the file. */
  async *writes(): AsyncGenerator<ByteWrite> {
    const { blocks, table } = this.#layout;
    const places = [...blocks].map(([index, cluster]) => ({ index, cluster }));
    places.push({ index: -1, cluster: table.start });
    places.sort((a, b) => a.cluster - b.cluster);
    for (const { index, cluster } of places) {
      if (index < 0) {
        yield* this.#table();
      } else {
        yield* writesOf({
          structure: `refcount block[${index}]`,
          at: this.#at(cluster),
          bytes: await this.#block(index),
        });
      }
    }
  }

  *#table(): Generator<ByteWrite> {
    const { clusterSize } = this.#source.stored.geometry;
    const { blocks, table } = this.#layout;
    const perCluster = clusterSize / refcountTableEntryBytes;
    for (let cluster = 0; cluster < table.clusters; cluster++) {
      const bytes = new Uint8Array(clusterSize);
      const view = new DataView(bytes.buffer);
      for (let entry = 0; entry < perCluster; entry++) {
        const block = blocks.get(cluster * perCluster + entry) ?? 0;
        view.setBigUint64(entry * refcountTableEntryBytes, BigInt(block) * BigInt(clusterSize));
      }
      yield* writesOf({ structure: 'refcount table', at: this.#at(table.start + cluster), bytes });
    }
  }

  #at(cluster: number): bigint {
    return BigInt(cluster) * BigInt(this.#source.stored.geometry.clusterSize);
  }

  async #block(index: number): Promise<Uint8Array> {
    const { own } = this.#source;
    const { order, released } = this.#change;
    const bytes = await this.#copy(index);
    const first = index * this.#perBlock;
    const end = first + this.#perBlock;
    const set = (cluster: number, value: number): void => writeRefcount(bytes, cluster - first, order, value);
    const lower = (cluster: number, by: number): void => {
      const value = BigInt(readRefcount(bytes, cluster - first, order)) - BigInt(by);
      writeRefcount(bytes, cluster - first, order, value > 0n ? value : 0n);
    };
    eachIn(own, first, end, (cluster) => lower(cluster, 1));
    if (released) {
      eachIn(released, first, end, (cluster) => lower(cluster, released.count(cluster)));
    }
    for (const run of runsIn(this.#change.added, first, end)) {
      for (let cluster = Math.max(first, run.first); cluster < Math.min(end, run.first + run.count); cluster++) {
        set(cluster, run.refcount);
      }
    }
    eachIn(this.#layout.own, first, end, (cluster) => set(cluster, 1));
    return bytes;
  }

  /** What is stored for the clusters of a new block. */
  async #copy(index: number): Promise<Uint8Array> {
    const { stored } = this.#source;
    const { order } = this.#change;
    const { clusterSize, refcountBlockEntries: perStored, refcountOrder } = stored.geometry;
    const bytes = new Uint8Array(clusterSize);
    if (order === refcountOrder) {
      await stored.read(index, bytes);
      return bytes;
    }
    const block = new Uint8Array(clusterSize);
    const first = index * this.#perBlock;
    const end = first + this.#perBlock;
    for (let old = Math.floor(first / perStored); old * perStored < end; old++) {
      await stored.read(old, block);
      const base = old * perStored;
      for (let cluster = Math.max(first, base); cluster < Math.min(end, base + perStored); cluster++) {
        const value = readRefcount(block, cluster - base, refcountOrder);
        if (value !== 0 && value !== 0n) {
          writeRefcount(bytes, cluster - first, order, value);
        }
      }
    }
    return bytes;
  }
}

/** The members of a set from `first` to before `end`. */
function eachIn(set: Pick<ClusterSet, 'next'>, first: number, end: number, visit: (cluster: number) => void): void {
  for (let at = set.next(first); at !== undefined && at < end; at = set.next(at + 1)) {
    visit(at);
  }
}

/** The runs that have clusters from `first` to before `end`. */
function runsIn(runs: readonly CountedRun[], first: number, end: number): CountedRun[] {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = runs[middle];
    if (run && run.first + run.count <= first) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const found: CountedRun[] = [];
  for (let run = runs[low]; run && run.first < end; run = runs[low]) {
    found.push(run);
    low++;
  }
  return found;
}
