import { maxRefcount } from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { messages } from './messages.ts';
import { type CopiedFlags, copiedFlags, type ReferenceCounts } from './referenceCounts.ts';
import type { Tally } from './tally.ts';

/** Bytes of a sector, by which QEMU measures a file. */
const sectorBytes = 512n;

/** Bytes of the file as QEMU sees it: whole sectors. */
export function measuredSize({ fileSize }: Geometry): bigint {
  return ((fileSize + sectorBytes - 1n) / sectorBytes) * sectorBytes;
}

/** Whether QEMU does not count a reference, since it leads past the end of the file by a cluster or more. In bytes. */
export function leadsPastEnd(geometry: Geometry, offset: bigint, length: bigint): boolean {
  return offset + length - measuredSize(geometry) >= BigInt(geometry.clusterSize);
}

/** Counts references to regions of bytes, as QEMU does (qcow2_inc_refcounts_imrt). */
export class Regions {
  readonly #geometry: Geometry;
  readonly #counts: ReferenceCounts;
  readonly #tally: Tally;
  /** What a refcount can count at most. */
  readonly #mostReferences: number;

  constructor(geometry: Geometry, counts: ReferenceCounts, tally: Tally) {
    this.#geometry = geometry;
    this.#counts = counts;
    this.#tally = tally;
    this.#mostReferences = Number(maxRefcount(geometry.refcountOrder));
  }

  /** Reports a reference that leads past the end of the file; returns whether it does. */
  tellPastEnd(offset: bigint, length: bigint): boolean {
    const isPast = leadsPastEnd(this.#geometry, offset, length);
    if (isPast) {
      this.#tally.corrupt(messages.pastEnd(offset, length));
    }
    return isPast;
  }

  /** Counts a reference to `length` bytes at a host offset; returns whether they are in the file. */
  refer(offset: bigint, length: bigint, flags: CopiedFlags = copiedFlags.none): boolean {
    if (length <= 0n) {
      return true;
    }
    if (this.tellPastEnd(offset, length)) {
      return false;
    }
    const size = BigInt(this.#geometry.clusterSize);
    const first = Number(offset / size);
    const end = Number((offset + length - 1n) / size) + 1;
    for (let cluster = first; cluster < end; cluster++) {
      if (this.#counts.count(cluster) >= this.#mostReferences) {
        this.#tally.overflow(cluster, this.#geometry.clusterSize);
      } else {
        this.#counts.add(cluster, 1, 1, flags);
      }
    }
    return true;
  }
}
