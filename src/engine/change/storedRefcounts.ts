import { Qcow2Error } from '../error.ts';
import { readRefcount, refcountTableEntryBytes } from '../format/refcounts.ts';
import { showOffset } from '../format/show.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { readRefcountTable, refcountTableEntries } from '../image/refcountTable.ts';

/**
 * By index in the refcount table: the cluster of the refcount block; 0 for none. Throws `damaged` where the table has
 * entries that lead nowhere, or can't be read.
 */
export async function refcountBlocksOf({ header, storage }: Image, geometry: Geometry): Promise<number[]> {
  if (!header) {
    return [];
  }
  const table = await readRefcountTable(storage, geometry, header);
  if (table.unreadable.length > 0) {
    throw new Qcow2Error('damaged', 'The refcount table can’t be read: which clusters are free is not known.');
  }
  const entries = (header.refcount_table_clusters * geometry.clusterSize) / refcountTableEntryBytes;
  const blocks = Array.from({ length: entries }, () => 0);
  for (const { index, block, reserved, unaligned } of refcountTableEntries(geometry, table)) {
    if (reserved || unaligned || BigInt(block) >= storage.size) {
      throw new Qcow2Error(
        'damaged',
        `Entry ${index} of the refcount table leads to no refcount block (${showOffset(block)}). Repair the refcounts first.`,
      );
    }
    blocks[index] = block / geometry.clusterSize;
  }
  return blocks;
}

/** The refcounts as they are in the file, block by block. */
export class StoredRefcounts {
  /** By index in the refcount table: the cluster of the block; 0 for none. */
  readonly blocks: readonly number[];
  readonly geometry: Geometry;
  readonly #storage: Image['storage'];
  /** The block that was asked for last, for the next question. */
  readonly #last: Uint8Array;
  #lastIndex = -1;

  private constructor(image: Image, geometry: Geometry, blocks: readonly number[]) {
    this.#storage = image.storage;
    this.geometry = geometry;
    this.blocks = blocks;
    this.#last = new Uint8Array(geometry.clusterSize);
  }

  /** Reads the refcount table. Throws `damaged` as `refcountBlocksOf` does. */
  static async of(image: Image, geometry: Geometry): Promise<StoredRefcounts> {
    return new StoredRefcounts(image, geometry, await refcountBlocksOf(image, geometry));
  }

  /** The index of the block that counts a cluster. */
  blockOf(cluster: number): number {
    return Math.floor(cluster / this.geometry.refcountBlockEntries);
  }

  /** Reads a block, which is all zeros where there is none. Throws `read-failed`: without it nothing can be changed. */
  async read(index: number, into: Uint8Array): Promise<void> {
    const cluster = this.blocks[index] ?? 0;
    const at = BigInt(cluster) * BigInt(this.geometry.clusterSize);
    into.fill(0, cluster === 0 ? 0 : await this.#storage.read(at, into));
  }

  /** The refcount of a cluster. */
  async refcount(cluster: number): Promise<number | bigint> {
    const index = this.blockOf(cluster);
    if (index !== this.#lastIndex) {
      await this.read(index, this.#last);
      this.#lastIndex = index;
    }
    const { refcountBlockEntries, refcountOrder } = this.geometry;
    return readRefcount(this.#last, cluster % refcountBlockEntries, refcountOrder);
  }
}
