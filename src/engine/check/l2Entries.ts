import { joinWords } from '../format/bits.ts';
import { compressedMaxBytes } from '../format/compressed.ts';
import { l2Copied, l2HasReserved, l2HostOffset, l2Kind, l2Kinds, l2Unaligned } from '../format/l2.ts';
import type { Geometry } from '../image/geometry.ts';
import { l2Target } from '../image/l2Flaws.ts';
import type { UseCounter } from './clusterUse.ts';
import { messages } from './messages.ts';
import { type CopiedFlags, copiedFlags } from './referenceCounts.ts';

/** What becomes of what the entries of an L2 table say. */
export interface EntrySink {
  /** Something is wrong with an entry. */
  corrupt(message: string): void;
  /** An entry refers to the bytes of a cluster at a host offset, which need not be that of a cluster. */
  referData(offset: number, flags: CopiedFlags): void;
  /** An entry refers to `length` bytes of compressed data at a host offset. */
  referCompressed(offset: bigint, length: bigint): void;
  readonly use: UseCounter;
}

/** Without bits 63 and 62: what QEMU prints of compressed entries is without COPIED. */
const copiedBit = 1n << 63n;

/**
 * Checks the entries of an L2 table in their order, as QEMU does (check_refcounts_l2). `view` has the table from byte
 * `at` on.
 */
export function checkL2Entries(view: DataView, at: number, geometry: Geometry, sink: EntrySink): void {
  const { l2Entries, l2EntryBytes, extended } = geometry;
  for (let index = 0; index < l2Entries; index++) {
    const entry = at + index * l2EntryBytes;
    const hi = view.getUint32(entry);
    const lo = view.getUint32(entry + 4);
    const zero = extended ? view.getUint32(entry + 8) : 0;
    const alloc = extended ? view.getUint32(entry + 12) : 0;
    if ((hi | lo | zero | alloc) !== 0) {
      checkEntry(index, { hi, lo, zero, alloc }, geometry, sink);
    }
  }
}

interface Words {
  readonly hi: number;
  readonly lo: number;
  readonly zero: number;
  readonly alloc: number;
}

function checkEntry(index: number, words: Words, geometry: Geometry, sink: EntrySink): void {
  const { hi, lo, alloc } = words;
  const kind = l2Kind(hi, lo, geometry);
  if (kind === l2Kinds.compressed) {
    checkCompressed(index, words, geometry, sink);
    return;
  }
  if (l2HasReserved(hi, lo)) {
    sink.corrupt(messages.l2Reserved(joinWords(hi, lo)));
  }
  if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
    checkAllocated(words, geometry, sink);
  } else if (kind === l2Kinds.unallocated && alloc !== 0) {
    sink.corrupt(messages.unallocatedSubclusters);
  }
}

function checkCompressed(index: number, { hi, lo, zero, alloc }: Words, geometry: Geometry, sink: EntrySink): void {
  const target = l2Target(hi, lo, geometry);
  if (l2Copied(hi)) {
    sink.corrupt(messages.compressedCopied(target));
  }
  const entry = joinWords(hi, lo) & ~copiedBit;
  if (geometry.dataFile) {
    sink.corrupt(messages.compressedInDataFile(index, entry));
  } else if ((zero | alloc) !== 0) {
    sink.corrupt(messages.compressedWithSubclusters(index, entry));
  } else {
    sink.referCompressed(target, BigInt(compressedMaxBytes(hi, lo, geometry.clusterBits)));
    sink.use.addCompressed();
  }
}

function checkAllocated({ hi, lo, zero, alloc }: Words, geometry: Geometry, sink: EntrySink): void {
  const { clusterBits, clusterSize, dataFile, extended } = geometry;
  const offset = l2HostOffset(hi, lo);
  if ((zero & alloc) !== 0) {
    sink.corrupt(messages.subclustersCorrupted(offset));
  }
  if (l2Unaligned(lo, clusterBits)) {
    const containsData = extended ? alloc !== 0 : (lo & 1) === 0;
    sink.corrupt(containsData ? messages.dataUnaligned(offset) : messages.preallocatedUnaligned(offset));
  }
  sink.use.add(offset, 1, clusterSize);
  if (!dataFile) {
    sink.referData(offset, l2Copied(hi) ? copiedFlags.copied : copiedFlags.notCopied);
  }
}
