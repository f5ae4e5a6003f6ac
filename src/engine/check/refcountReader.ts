import { readRefcount } from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import { type RefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';

/** A refcount block as read. */
export interface BlockBytes {
  readonly bytes: Uint8Array;
  /** Why its refcounts are not known: the system's code; undefined where they are. */
  readonly system?: string | undefined;
  /** Its host offset in bytes, where that is not the start of a cluster. */
  readonly unaligned?: number;
}

const noBytes = new Uint8Array(0);

/** Bytes of blocks that are read together, and that are kept. */
const windowBytes = 2 ** 20;
const keptBytes = 64 * 2 ** 20;

/** Reads refcounts as QEMU does (qcow2_get_refcount), and keeps the blocks that were asked for last. */
export class RefcountReader {
  readonly geometry: Geometry;
  readonly #storage: Storage;
  /** By index in the refcount table: host offset in bytes. */
  readonly #blocks = new Map<number, { readonly block: number; readonly unaligned: boolean }>();
  readonly #kept = new Map<number, BlockBytes>();
  /** The part of the file that was read last, and where it starts. */
  #window = new Uint8Array(0);
  #windowAt = -1;
  /** Indices in the refcount table that lead to a block, ascending. */
  readonly indices: readonly number[];

  constructor(storage: Storage, geometry: Geometry, table: RefcountTable) {
    this.#storage = storage;
    this.geometry = geometry;
    for (const { index, block, unaligned } of refcountTableEntries(geometry, table)) {
      if (block !== 0) {
        this.#blocks.set(index, { block, unaligned });
      }
    }
    this.indices = [...this.#blocks.keys()];
  }

  /** The block of an index in the refcount table; undefined where there is none: all its refcounts are 0. */
  async block(index: number): Promise<BlockBytes | undefined> {
    const place = this.#blocks.get(index);
    if (place === undefined) {
      return undefined;
    }
    const known = this.#kept.get(index);
    if (known !== undefined) {
      this.#kept.delete(index);
      this.#kept.set(index, known);
      return known;
    }
    const read = place.unaligned
      ? { bytes: noBytes, system: 'EIO', unaligned: place.block }
      : BigInt(place.block) + BigInt(this.geometry.clusterSize) > limits.fileEnd
        ? { bytes: noBytes, system: 'EIO' }
        : await this.#read(place.block);
    this.#keep(index, read);
    return read;
  }

  /** The refcount of a cluster, a number where that is exact; undefined where it is not known. */
  async refcount(cluster: number): Promise<number | bigint | undefined> {
    const { refcountBlockEntries: perBlock, refcountOrder } = this.geometry;
    const block = await this.block(Math.floor(cluster / perBlock));
    if (block === undefined) {
      return 0;
    }
    if (block.system !== undefined) {
      return undefined;
    }
    const refcount = readRefcount(block.bytes, cluster % perBlock, refcountOrder);
    return refcount > Number.MAX_SAFE_INTEGER ? refcount : Number(refcount);
  }

  async #read(at: number): Promise<BlockBytes> {
    const { clusterSize } = this.geometry;
    const from = at - this.#windowAt;
    if (this.#windowAt >= 0 && from >= 0 && from + clusterSize <= this.#window.length) {
      return { bytes: this.#window.slice(from, from + clusterSize) };
    }
    const window = new Uint8Array(
      Math.max(clusterSize, this.#windowAt >= 0 && from === this.#window.length ? windowBytes : clusterSize),
    );
    const bad = await readHostBytes(this.#storage, BigInt(at), window);
    this.#windowAt = bad.length === 0 ? at : -1;
    this.#window = window;
    const own = bad.find((one) => one.from < clusterSize);
    return { bytes: window.slice(0, clusterSize), ...(own ? { system: own.system ?? 'EIO' } : {}) };
  }

  #keep(index: number, block: BlockBytes): void {
    this.#kept.set(index, block);
    if (this.#kept.size * this.geometry.clusterSize > keptBytes) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
  }
}
