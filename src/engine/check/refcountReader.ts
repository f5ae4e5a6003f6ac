import {
  readRefcount,
  readSmallRefcount,
  refcountTableEntryBytes,
  refcountTableReservedBits,
} from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes, type Unreadable } from '../image/hostBytes.ts';
import { type RefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';

/** A refcount block as read. */
export interface BlockBytes {
  readonly bytes: Uint8Array;
  /** Why its refcounts are not known: the system's code; undefined where they are. */
  readonly system?: string | undefined;
  /** Its host offset in bytes, where that is not the start of a cluster. */
  readonly unaligned?: bigint;
}

const noBytes = new Uint8Array(0);

/** Bytes of small blocks that are read together, and of all that are kept. */
const windowBytes = 2 ** 18;
const keptBytes = 64 * 2 ** 20;

/** Reads refcounts as QEMU does (qcow2_get_refcount), and keeps those blocks that came last. */
export class RefcountReader {
  readonly geometry: Geometry;
  readonly #storage: Storage;
  /** By index in the refcount table: host offset in bytes. */
  readonly #blocks = new Map<number, { readonly block: number; readonly unaligned?: bigint }>();
  readonly #kept = new Map<number, BlockBytes>();
  /** The part of the file that was read last, and where it starts. */
  readonly #window = new Uint8Array(windowBytes);
  #windowAt = -1;
  /** Stands for blocks that there are not. */
  readonly #uncounted: BlockBytes;
  /** The block that was asked for last. */
  #lastIndex = -1;
  #last: BlockBytes | undefined;
  /** Indices in the refcount table that lead to a block, ascending. */
  readonly indices: readonly number[];

  constructor(storage: Storage, geometry: Geometry, table: RefcountTable) {
    this.#storage = storage;
    this.geometry = geometry;
    this.#uncounted = { bytes: new Uint8Array(geometry.clusterSize) };
    for (const { index, block, unaligned } of refcountTableEntries(geometry, table)) {
      if (block !== 0) {
        // More digits than a number holds.
        const exact = table.view.getBigUint64(index * refcountTableEntryBytes) & ~refcountTableReservedBits;
        this.#blocks.set(index, { block, ...(unaligned && { unaligned: exact }) });
      }
    }
    this.indices = [...this.#blocks.keys()];
  }

  /**
   * Reads the block of an index in the refcount table; undefined where there is none: all its refcounts are 0.
   *
   * @param into - a cluster of bytes for it
   */
  async read(index: number, into: Uint8Array): Promise<BlockBytes | undefined> {
    const place = this.#blocks.get(index);
    if (place === undefined) {
      return undefined;
    }
    const { block, unaligned } = place;
    if (unaligned !== undefined) {
      return { bytes: noBytes, system: 'EIO', unaligned };
    }
    if (BigInt(block) + BigInt(this.geometry.clusterSize) > limits.fileEnd) {
      return { bytes: noBytes, system: 'EIO' };
    }
    const [bad] = await this.#readBytes(block, into);
    return { bytes: into, ...(bad ? { system: bad.system ?? 'EIO' } : {}) };
  }

  /** The refcount of a cluster, a number where that is exact; undefined where it is not known. */
  async refcount(cluster: number): Promise<number | bigint | undefined> {
    const index = Math.floor(cluster / this.geometry.refcountBlockEntries);
    if (!this.#kept.has(index)) {
      this.#keep(index, (await this.read(index, new Uint8Array(this.geometry.clusterSize))) ?? this.#uncounted);
    }
    return this.keptRefcount(cluster);
  }

  /** As `refcount`, for the hot loops, which do not wait: also undefined where its block is not kept. */
  keptRefcount(cluster: number): number | bigint | undefined {
    const { refcountBlockEntries: perBlock, refcountOrder } = this.geometry;
    const index = Math.floor(cluster / perBlock);
    if (index !== this.#lastIndex) {
      this.#last = this.#kept.get(index);
      this.#lastIndex = index;
    }
    if (this.#last === undefined || this.#last.system !== undefined) {
      return undefined;
    }
    const place = cluster - index * perBlock;
    const refcount = readSmallRefcount(this.#last.bytes, place, refcountOrder);
    return refcount > Number.MAX_SAFE_INTEGER ? readRefcount(this.#last.bytes, place, refcountOrder) : refcount;
  }

  /** Small blocks that lie one after the other are read together. */
  async #readBytes(at: number, into: Uint8Array): Promise<readonly Unreadable[]> {
    if (into.length > windowBytes / 16) {
      return readHostBytes(this.#storage, BigInt(at), into);
    }
    const isInWindow = this.#windowAt >= 0 && at >= this.#windowAt && at + into.length <= this.#windowAt + windowBytes;
    if (!isInWindow) {
      const bad = await readHostBytes(this.#storage, BigInt(at), this.#window);
      this.#windowAt = bad.length === 0 ? at : -1;
      if (bad.length > 0) {
        return readHostBytes(this.#storage, BigInt(at), into);
      }
    }
    into.set(this.#window.subarray(at - this.#windowAt, at - this.#windowAt + into.length));
    return [];
  }

  #keep(index: number, block: BlockBytes): void {
    this.#kept.set(index, block);
    this.#lastIndex = -1;
    if (this.#kept.size * this.geometry.clusterSize > keptBytes) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
  }
}
