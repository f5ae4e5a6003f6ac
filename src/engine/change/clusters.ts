import { Qcow2Error } from '../error.ts';
import {
  maxRefcount,
  readRefcount,
  readSmallRefcount,
  refcountTableEntryBytes,
  writeRefcount,
} from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import type { ByteWrite } from './changeSet.ts';
import type { Draft } from './draft.ts';
import { FreeClusters } from './freeClusters.ts';
import { refcountBlocksOf } from './storedRefcounts.ts';

/** Room that a refcount table is given when it moves, over what it needs: QEMU's half as much again. */
const tableRoom = 1.5;

/**
 * The refcounts of an image as a change will leave them, and the clusters that it takes and gives back. Everything is
 * written into the draft. What refers to a cluster is written in a later step than the one that takes it; it is given
 * back in a later step than the one after which nothing refers to it.
 */
export class Clusters {
  readonly #geometry: Geometry;
  readonly #draft: Draft;
  readonly #free: FreeClusters;
  /** By index in the refcount table: the cluster of the block; 0 for none. */
  readonly #blocks: number[];
  readonly #content = new Map<number, Uint8Array>();
  /** Where the refcount table is in the draft, in clusters. */
  #table: { start: number; clusters: number };
  #former: { start: number; clusters: number } | undefined;
  /** Whether the table must move, since there are more blocks than it has entries. */
  #outgrown = false;

  private constructor(image: Image, geometry: Geometry, draft: Draft, blocks: number[], progress: Progress) {
    this.#geometry = geometry;
    this.#draft = draft;
    this.#blocks = blocks;
    this.#free = new FreeClusters(image, (cluster) => this.refcount(cluster), progress);
    const { refcount_table_offset: offset = 0n, refcount_table_clusters: clusters = 0 } = image.header ?? {};
    this.#table = { start: Number(offset / BigInt(geometry.clusterSize)), clusters };
  }

  /** Reads the refcount table. Throws `damaged` where it has entries that lead nowhere, or can't be read. */
  static async of(image: Image, draft: Draft, progress: Progress): Promise<Clusters> {
    const { geometry } = image;
    if (!geometry) {
      throw new Qcow2Error('damaged', 'The header can’t be read as qcow2: there is nothing to change.');
    }
    return new Clusters(image, geometry, draft, await refcountBlocksOf(image, geometry), progress);
  }

  /** The refcount of a cluster in the draft. */
  async refcount(cluster: number): Promise<number | bigint> {
    const { refcountBlockEntries: perBlock, refcountOrder } = this.#geometry;
    const index = Math.floor(cluster / perBlock);
    return (this.#blocks[index] ?? 0) === 0
      ? 0
      : readRefcount(await this.#block(index), cluster % perBlock, refcountOrder);
  }

  /**
   * Takes `count` clusters in a row and returns the first: free by their refcounts, and proved to be referred to by
   * nothing. They get refcount 1. Throws `damaged` where that can't be proved, `too-large` at the format's bounds.
   */
  async allocate(count: number): Promise<number> {
    const first = await this.#take(count);
    if (this.#outgrown) {
      await this.#moveTable();
    }
    return first;
  }

  /**
   * Takes `count` clusters in a row behind everything in the file and returns the first, as `allocate` does, but without
   * holding their refcount blocks in memory: those come as a stream of their own, before the area. Nothing of the area is
   * in the draft yet.
   */
  async append(count: number): Promise<number> {
    const { clusterSize } = this.#geometry;
    const start = await this.#end();
    const { missing, total } = this.#blocksFor(start, count);
    this.#free.take(start, total);
    this.#draft.freshen(BigInt(start) * BigInt(clusterSize), BigInt(total) * BigInt(clusterSize));
    await this.#addKnown(start, total, missing);
    const area = { start, end: start + total };
    for (const [order, index] of missing.entries()) {
      this.#reserve(index);
      this.#blocks[index] = start + order;
    }
    await this.#writeBlocks(missing, area);
    if (this.#outgrown) {
      await this.#moveTable();
    } else {
      await this.#writeEntries(missing);
    }
    return start + missing.length;
  }

  /** The refcount blocks that there are, by their index in the refcount table, ascending. */
  *blocks(): Iterable<{ readonly index: number; readonly cluster: number }> {
    for (const [index, cluster] of this.#blocks.entries()) {
      if (cluster !== 0) {
        yield { index, cluster };
      }
    }
  }

  /** Takes a refcount block out of the refcount table: all clusters that it counts have refcount 0 then. */
  async dropBlock(index: number): Promise<void> {
    this.#blocks[index] = 0;
    this.#content.delete(index);
    await this.#writeEntries([index]);
  }

  /** Lowers the refcounts of `count` clusters from `first` on by one. Throws `damaged` where one is 0 already. */
  async release(first: number, count: number): Promise<void> {
    await this.#add(first, count, -1n);
  }

  /**
   * Gives back `count` clusters from `first` on to which one thing referred, and refers no more: they may be taken again,
   * in a later step. Throws `damaged` where something else refers to them too, and where a refcount is 0 already.
   */
  async free(first: number, count: number): Promise<void> {
    const shared = await this.#free.firstShared(first, count);
    if (shared !== undefined) {
      throw new Qcow2Error(
        'damaged',
        `Cluster ${shared} is in use for two things at once: freeing it would harm the other. Check and repair the image first.`,
      );
    }
    await this.release(first, count);
    for (let cluster = first; cluster < first + count; cluster++) {
      if (BigInt(await this.refcount(cluster)) === 0n) {
        this.#free.give(cluster, 1);
      }
    }
  }

  /** Raises the refcounts of `count` clusters from `first` on by one. They must have refcount blocks. */
  async share(first: number, count: number): Promise<void> {
    await this.#add(first, count, 1n);
  }

  /** Gives back what the refcounts themselves no longer need: in a step after all that allocates. */
  async settle(): Promise<void> {
    if (this.#former) {
      await this.release(this.#former.start, this.#former.clusters);
      this.#former = undefined;
    }
  }

  /** The first cluster behind everything: the file, what is referred to, and what is counted. */
  async #end(): Promise<number> {
    const { clusterSize, refcountBlockEntries: perBlock, refcountOrder } = this.#geometry;
    const fileEnd = Number((this.#draft.size + BigInt(clusterSize) - 1n) / BigInt(clusterSize));
    const end = Math.max(fileEnd, await this.#free.usedEnd());
    for (let index = this.#blocks.length - 1; index >= Math.floor(end / perBlock); index--) {
      const block = this.#blocks[index] ? await this.#block(index) : new Uint8Array();
      for (let entry = block.length === 0 ? -1 : perBlock - 1; entry >= 0; entry--) {
        if (readSmallRefcount(block, entry, refcountOrder) !== 0) {
          return Math.max(end, index * perBlock + entry + 1);
        }
      }
    }
    return end;
  }

  /** The refcount blocks that `count` clusters from `start` on need, and how many clusters they are with these. */
  #blocksFor(start: number, count: number): { missing: number[]; total: number } {
    const { refcountBlockEntries: perBlock } = this.#geometry;
    const missing: number[] = [];
    let total = count;
    for (let index = Math.floor(start / perBlock); index * perBlock < start + total; index++) {
      if ((this.#blocks[index] ?? 0) === 0) {
        missing.push(index);
        total++;
      }
    }
    return { missing, total };
  }

  /** Counts those clusters of a new area for which there are refcount blocks. */
  async #addKnown(start: number, total: number, missing: readonly number[]): Promise<void> {
    const { refcountBlockEntries: perBlock } = this.#geometry;
    const lacking = new Set(missing);
    for (let first = start; first < start + total; ) {
      const index = Math.floor(first / perBlock);
      const end = Math.min(start + total, (index + 1) * perBlock);
      if (!lacking.has(index)) {
        await this.#add(first, end - first, 1n);
      }
      first = end;
    }
  }

  /** Writes the refcount blocks of a new area: those that it fills as a stream, the others into the draft. */
  async #writeBlocks(missing: readonly number[], { start, end }: { start: number; end: number }): Promise<void> {
    const { clusterSize, refcountBlockEntries: perBlock, refcountOrder } = this.#geometry;
    const filled: number[] = [];
    for (const index of missing) {
      const first = Math.max(start, index * perBlock);
      const stop = Math.min(end, (index + 1) * perBlock);
      if (stop - first === perBlock) {
        filled.push(index);
        continue;
      }
      const bytes = new Uint8Array(clusterSize);
      for (let cluster = first; cluster < stop; cluster++) {
        writeRefcount(bytes, cluster % perBlock, refcountOrder, 1);
      }
      this.#content.set(index, bytes);
      await this.#draft.write(`refcount block[${index}]`, this.#offsetOf(index), bytes);
    }
    if (filled.length > 0) {
      const bytes = filledBlock(clusterSize, perBlock, refcountOrder);
      const writes = filled.map((index) => ({ structure: `refcount block[${index}]`, at: this.#offsetOf(index) }));
      const stream = async function* (): AsyncGenerator<ByteWrite> {
        for (const write of writes) {
          yield { ...write, bytes };
        }
      };
      this.#draft.addStream('Write refcount blocks where nothing is', stream, 0n);
    }
  }

  /** Writes entries of the refcount table, ascending, as they are in memory. */
  async #writeEntries(indices: readonly number[]): Promise<void> {
    const { clusterSize } = this.#geometry;
    for (let done = 0; done < indices.length; ) {
      const first = indices[done] ?? 0;
      let count = 1;
      while (indices[done + count] === first + count) {
        count++;
      }
      const bytes = new Uint8Array(count * refcountTableEntryBytes);
      const view = new DataView(bytes.buffer);
      for (let entry = 0; entry < count; entry++) {
        view.setBigUint64(entry * refcountTableEntryBytes, this.#offsetOf(first + entry));
      }
      const at = BigInt(this.#table.start) * BigInt(clusterSize) + BigInt(first * refcountTableEntryBytes);
      await this.#draft.write(`refcount table[${first}]`, at, bytes);
      done += count;
    }
  }

  /** Host offset of a refcount block; 0 for none. */
  #offsetOf(index: number): bigint {
    return BigInt(this.#blocks[index] ?? 0) * BigInt(this.#geometry.clusterSize);
  }

  async #take(count: number): Promise<number> {
    for (;;) {
      const first = await this.#free.find(count);
      const missing = this.#missingBlock(first, count);
      if (missing === undefined) {
        this.#free.take(first, count);
        const { clusterSize } = this.#geometry;
        this.#draft.freshen(BigInt(first) * BigInt(clusterSize), BigInt(count) * BigInt(clusterSize));
        await this.#add(first, count, 1n);
        return first;
      }
      await this.#addBlock(missing);
      this.#free.searchFrom(first);
    }
  }

  /** The index of the first refcount block that a run of clusters has not got. */
  #missingBlock(first: number, count: number): number | undefined {
    const { refcountBlockEntries: perBlock } = this.#geometry;
    const last = Math.floor((first + count - 1) / perBlock);
    for (let index = Math.floor(first / perBlock); index <= last; index++) {
      if ((this.#blocks[index] ?? 0) === 0) {
        return index;
      }
    }
    return undefined;
  }

  /** Makes a refcount block, which may count itself. */
  async #addBlock(index: number): Promise<void> {
    const { clusterSize, refcountBlockEntries: perBlock } = this.#geometry;
    this.#reserve(index);
    const cluster = await this.#free.find(1);
    const own = Math.floor(cluster / perBlock);
    if (own !== index && (this.#blocks[own] ?? 0) === 0) {
      await this.#addBlock(own);
      return;
    }
    this.#free.take(cluster, 1);
    this.#draft.freshen(BigInt(cluster) * BigInt(clusterSize), BigInt(clusterSize));
    this.#blocks[index] = cluster;
    const bytes = new Uint8Array(clusterSize);
    this.#content.set(index, bytes);
    await this.#draft.write(`refcount block[${index}]`, BigInt(cluster) * BigInt(clusterSize), bytes);
    await this.#add(cluster, 1, 1n);
    if (!this.#outgrown) {
      await this.#writeEntries([index]);
    }
  }

  /** Makes room for the entry of a block, at first only in memory. */
  #reserve(index: number): void {
    if (index < this.#blocks.length) {
      return;
    }
    const perCluster = this.#geometry.clusterSize / refcountTableEntryBytes;
    const clusters = Math.ceil(((index + 1) * tableRoom) / perCluster);
    if (clusters * this.#geometry.clusterSize > limits.refcountTableBytes) {
      throw new Qcow2Error('too-large', 'The image needs a refcount table of more than 8 MiB. Use larger clusters.');
    }
    while (this.#blocks.length < clusters * perCluster) {
      this.#blocks.push(0);
    }
    this.#outgrown = true;
  }

  /** Writes the refcount table anew, elsewhere, and has the header lead to it. */
  async #moveTable(): Promise<void> {
    const { clusterSize } = this.#geometry;
    const clusters = Math.ceil((this.#blocks.length * refcountTableEntryBytes) / clusterSize);
    const start = await this.#take(clusters);
    this.#outgrown = false;
    const bytes = new Uint8Array(clusters * clusterSize);
    const view = new DataView(bytes.buffer);
    for (const [index, block] of this.#blocks.entries()) {
      view.setBigUint64(index * refcountTableEntryBytes, BigInt(block) * BigInt(clusterSize));
    }
    await this.#draft.write('refcount table', BigInt(start) * BigInt(clusterSize), bytes);
    const place = new Uint8Array(12);
    new DataView(place.buffer).setBigUint64(0, BigInt(start) * BigInt(clusterSize));
    new DataView(place.buffer).setUint32(8, clusters);
    // refcount_table_offset and refcount_table_clusters.
    await this.#draft.write('header', 48n, place);
    this.#former = this.#table;
    this.#table = { start, clusters };
  }

  /** Changes the refcounts of a run by one. */
  async #add(first: number, count: number, by: 1n | -1n): Promise<void> {
    const { clusterSize, refcountBlockEntries: perBlock, refcountOrder } = this.#geometry;
    for (let done = 0; done < count; ) {
      const index = Math.floor((first + done) / perBlock);
      const from = (first + done) % perBlock;
      const part = Math.min(perBlock - from, count - done);
      const block = await this.#block(index);
      for (let entry = from; entry < from + part; entry++) {
        const value = BigInt(readRefcount(block, entry, refcountOrder)) + by;
        this.#requireCountable(index * perBlock + entry, value);
        writeRefcount(block, entry, refcountOrder, value);
      }
      const bits = 2 ** refcountOrder;
      const start = Math.floor((from * bits) / 8);
      const end = Math.ceil(((from + part) * bits) / 8);
      const at = BigInt(this.#blocks[index] ?? 0) * BigInt(clusterSize) + BigInt(start);
      const phase = by > 0n ? 'raised' : 'switch';
      await this.#draft.write(`refcount block[${index}]`, at, block.slice(start, end), phase);
      done += part;
    }
  }

  #requireCountable(cluster: number, value: bigint): void {
    if (value < 0n) {
      throw new Qcow2Error(
        'damaged',
        `The refcounts are wrong: cluster ${cluster} is in use, and its refcount is 0. Repair the refcounts first.`,
      );
    }
    if (value > maxRefcount(this.#geometry.refcountOrder)) {
      throw new Qcow2Error(
        'too-large',
        `The refcount of cluster ${cluster} would be ${value}, more than ${2 ** this.#geometry.refcountOrder} bits hold. Widen the refcounts (amend refcount_bits) first.`,
      );
    }
  }

  async #block(index: number): Promise<Uint8Array> {
    const known = this.#content.get(index);
    if (known) {
      return known;
    }
    const { clusterSize } = this.#geometry;
    const cluster = this.#blocks[index] ?? 0;
    if (cluster === 0) {
      throw new Qcow2Error('damaged', `Refcount block ${index} is missing. Repair the refcounts first.`);
    }
    const bytes = new Uint8Array(clusterSize);
    // A read error is the caller's: without its refcounts the image can't be changed.
    await this.#draft.read(BigInt(cluster) * BigInt(clusterSize), bytes);
    this.#content.set(index, bytes);
    return bytes;
  }
}

/** A refcount block whose clusters all have refcount 1. */
function filledBlock(clusterSize: number, perBlock: number, refcountOrder: number): Uint8Array {
  const bytes = new Uint8Array(clusterSize);
  for (let entry = 0; entry < perBlock; entry++) {
    writeRefcount(bytes, entry, refcountOrder, 1);
  }
  return bytes;
}
