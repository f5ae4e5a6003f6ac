import { leadsPastEnd } from '../../check/regions.ts';
import { compressedBeyond56, compressedMaxBytes } from '../../format/compressed.ts';
import {
  l2Compressed,
  l2CompressedFlag,
  l2Copied,
  l2HasReserved,
  l2HostOffset,
  l2Kind,
  l2Kinds,
  l2Unaligned,
} from '../../format/l2.ts';
import type { Geometry } from '../../image/geometry.ts';
import { l2Target } from '../../image/l2Flaws.ts';
import type { EndClusters } from './endClusters.ts';
import { type EntryRepair, isUnclaimed } from './entryRepair.ts';
import type { RepairCode } from './selection.ts';
import type { Survey } from './survey.ts';

/** An L2 entry; without extended L2 entries the words of the bitmap are 0. */
export interface L2Words {
  hi: number;
  lo: number;
  zero: number;
  alloc: number;
}

/** Where an entry is. */
export interface L2Place {
  /** Host offset of the entry in bytes. */
  readonly at: bigint;
  /** Index of its guest cluster. */
  readonly guest: number;
}

/** Gives the copy of a host cluster that a guest cluster gets for itself; undefined where it may keep the cluster. */
export type Separate = (cluster: number, guest: number) => number | undefined;

const copiedMask = 0x7fff_ffff;

/**
 * Puts an L2 entry right, in place. What it leads to is given up only where it can't be the guest's: then the guest reads
 * zeros, where it got errors or foreign bytes. Says what was done.
 */
export function mendL2Entry(words: L2Words, place: L2Place, repair: EntryRepair, separate: Separate): void {
  const { geometry } = repair.survey;
  mendFlippedBit(words, place, repair);
  if (l2Kind(words.hi, words.lo, geometry) === l2Kinds.compressed) {
    mendCompressed(words, place, repair);
    return;
  }
  mendBits(words, place, repair);
  const kind = l2Kind(words.hi, words.lo, geometry);
  if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
    mendTarget(words, place, repair, separate);
  }
}

/** Has an entry that leads nowhere by one wrong bit lead to its data again. */
function mendFlippedBit(words: L2Words, { at, guest }: L2Place, repair: EntryRepair): void {
  const { survey, wanted, mended, rejoined } = repair;
  const cluster = repair.meant.get(Number(at));
  if (cluster === undefined) {
    return;
  }
  const [code, where] = strayFinding(words, at, survey);
  if (wanted(code, where)) {
    if (l2Compressed(words.hi)) {
      words.hi &= ~l2CompressedFlag;
      survey.compressed.remove(cluster, 1);
    }
    setTarget(words, cluster * survey.geometry.clusterSize);
    survey.data.add(cluster, 1);
    rejoined({ guest, cluster });
    mended(code);
  }
}

/** What is wrong with where an entry leads, and the host offset of the finding. */
function strayFinding({ hi, lo }: L2Words, at: bigint, survey: Survey): [RepairCode, bigint] {
  const { geometry, structures, l2Tables, data } = survey;
  const target = l2HostOffset(hi, lo);
  if (l2Compressed(hi)) {
    return ['l2-compressed-copied', at];
  }
  if (target === 0) {
    return ['l2-copied-alone', at];
  }
  if (l2Unaligned(lo, geometry.clusterBits)) {
    return ['l2-entry-unaligned', at];
  }
  const cluster = target / geometry.clusterSize;
  const isOnTable = structures.has(cluster) || l2Tables.has(cluster);
  return [isOnTable ? 'clusters-overlap' : data.has(cluster) ? 'cluster-shared' : 'data-past-end', BigInt(target)];
}

/** Bits that say nothing, or contradict others. */
function mendBits(words: L2Words, { at }: L2Place, { survey: { geometry }, wanted, mended }: EntryRepair): void {
  const mend = (code: RepairCode, isWrong: boolean, change: () => void): void => {
    if (isWrong && wanted(code, at)) {
      change();
      mended(code);
    }
  };
  const { extended, dataFile, version } = geometry;
  mend('l2-entry-reserved', l2HasReserved(words.hi, words.lo), () => {
    words.hi &= ~0x3f00_0000;
    words.lo &= ~0x1fe;
  });
  mend('l2-extended-zero-bit', extended && (words.lo & 1) !== 0, () => (words.lo &= ~1));
  mend('l2-zero-in-version-2', version < 3 && (words.lo & 1) !== 0, () => (words.lo &= ~1));
  const nowhere = l2HostOffset(words.hi, words.lo) === 0;
  mend('l2-copied-alone', nowhere && l2Copied(words.hi) && !dataFile, () => (words.hi &= copiedMask));
  const isNormal = l2Kind(words.hi, words.lo, geometry) === l2Kinds.normal;
  mend('l2-subclusters-invalid', (isNormal ? words.alloc & words.zero : words.alloc) !== 0, () => {
    if (isNormal) {
      // The data is there: it is not said to be zeros.
      words.zero &= ~words.alloc;
    } else {
      words.alloc = 0;
    }
  });
}

function mendTarget(words: L2Words, place: L2Place, repair: EntryRepair, separate: Separate): void {
  const { survey, wanted, mended } = repair;
  const { geometry, structures, l2Tables, data } = survey;
  const { clusterBits, clusterSize, dataFile, fileClusters } = geometry;
  const target = l2HostOffset(words.hi, words.lo);
  if (dataFile) {
    const guestOffset = place.guest * clusterSize;
    if (target !== guestOffset && wanted('l2-data-file-offset', place.at)) {
      setTarget(words, guestOffset);
      mended('l2-data-file-offset');
    }
    return;
  }
  const cluster = Math.floor(target / clusterSize);
  if (l2Unaligned(words.lo, clusterBits)) {
    if (!wanted('l2-entry-unaligned', place.at)) {
      return;
    }
    if (
      isUnclaimed(survey, cluster) &&
      survey.counted.has(cluster) &&
      l2Kind(words.hi, words.lo, geometry) === l2Kinds.normal
    ) {
      setTarget(words, cluster * clusterSize);
      data.add(cluster, 1);
      mended('l2-entry-unaligned');
    } else {
      detach('l2-entry-unaligned', words, repair);
    }
  } else if (cluster >= fileClusters && !repair.end.has(cluster)) {
    if (wanted('data-past-end', BigInt(target))) {
      detach('data-past-end', words, repair);
    }
  } else if (structures.has(cluster) || l2Tables.has(cluster)) {
    if (wanted('clusters-overlap', BigInt(target))) {
      detach('clusters-overlap', words, repair);
    }
  } else {
    const copy = separate(cluster, place.guest);
    if (copy !== undefined) {
      setTarget(words, copy * clusterSize);
      words.hi &= copiedMask;
      mended('cluster-shared');
    }
  }
}

function mendCompressed(words: L2Words, { at }: L2Place, repair: EntryRepair): void {
  const { survey, wanted, mended } = repair;
  const { geometry } = survey;
  const { clusterBits, dataFile } = geometry;
  if (dataFile) {
    // Nothing tells where the data was to be.
    return;
  }
  const target = l2Target(words.hi, words.lo, geometry);
  const length = BigInt(compressedMaxBytes(words.hi, words.lo, clusterBits));
  if (compressedBeyond56(words.hi, clusterBits) && wanted('l2-compressed-offset', at)) {
    detach('l2-compressed-offset', words, repair);
  } else if (leadsPastEnd(geometry, target, length) && wanted('compressed-past-end', at)) {
    detach('compressed-past-end', words, repair);
  } else if (startsInTable(target, survey) && wanted('clusters-overlap', target)) {
    detach('clusters-overlap', words, repair);
  } else {
    if ((words.zero | words.alloc) !== 0 && wanted('l2-compressed-subclusters', at)) {
      words.zero = 0;
      words.alloc = 0;
      mended('l2-compressed-subclusters');
    }
    if (l2Copied(words.hi) && wanted('l2-compressed-copied', at)) {
      words.hi &= copiedMask;
      mended('l2-compressed-copied');
    }
  }
}

/** Whether compressed data would start in a table. Where it only ends in one, it may have been put there too long. */
function startsInTable(target: bigint, { geometry, structures, l2Tables }: Survey): boolean {
  const cluster = Number(target / BigInt(geometry.clusterSize));
  return structures.has(cluster) || l2Tables.has(cluster);
}

function setTarget(words: L2Words, offset: number): void {
  words.hi = (words.hi & ~0x00ff_ffff) | Math.floor(offset / 0x1_0000_0000);
  words.lo = (words.lo & 0x1ff) | (offset % 0x1_0000_0000);
}

/** Has the guest read zeros, without a host cluster, where an entry leads to what is not the guest's. */
function detach(code: RepairCode, words: L2Words, repair: EntryRepair): void {
  const { survey, backed, end, lost, mended } = repair;
  const { geometry } = survey;
  const kind = l2Kind(words.hi, words.lo, geometry);
  if (kind !== l2Kinds.zeroAllocated) {
    lost(code, 1);
  }
  mended(code);
  if (geometry.extended) {
    const read = kind === l2Kinds.compressed ? ~0 : words.zero | words.alloc;
    Object.assign(words, { hi: 0, lo: 0, zero: backed ? read : words.zero & read, alloc: 0 });
  } else if (kind === l2Kinds.zeroAllocated || (backed && geometry.version >= 3)) {
    Object.assign(words, { hi: 0, lo: 1 });
  } else {
    Object.assign(words, { hi: 0, lo: 0 });
    if (backed) {
      // Version 2 has no zero clusters: a new cluster, at the end of the file, reads as zeros.
      setTarget(words, zeroCluster(geometry, end));
    }
  }
}

function zeroCluster({ clusterSize }: Geometry, end: EndClusters): number {
  return end.take(1) * clusterSize;
}
