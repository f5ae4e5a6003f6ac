import { compressedByte, compressedCluster } from '../format/compressed.ts';
import {
  l2Fault,
  l2Faults,
  l2HostOffset,
  l2Kind,
  l2Kinds,
  subclusterKind,
  subclusterRun,
  subclustersPerCluster,
} from '../format/l2.ts';
import type { Geometry } from './geometry.ts';
import { type ExtentKind, extentKinds, hasHost } from './kinds.ts';
import type { RunMerger } from './runMerger.ts';

/**
 * Adds the runs of `count` entries of 8 bytes to the merger: that of guest cluster `first` is at byte `at` of `view`.
 * The hot loop: most entries go on as the one before, which shows in their two words, so that nothing has to be
 * decoded. Returns false when the walk shall end.
 */
export function addStandardRuns(
  geometry: Geometry,
  merger: RunMerger,
  first: number,
  count: number,
  view: DataView,
  at: number,
): boolean {
  const { clusterSize } = geometry;
  const stop = at + count * 8;
  let cluster = first;
  for (let entry = at; entry < stop; ) {
    const start = cluster;
    const hi = view.getUint32(entry);
    const lo = view.getUint32(entry + 4);
    const kind = standardKind(hi, lo, cluster, geometry);
    const placed = kind === extentKinds.normal || kind === extentKinds.zeroAllocated;
    const step = placed ? clusterSize : 0;
    let nextHi = hi;
    let nextLo = lo;
    do {
      entry += 8;
      cluster++;
      nextLo += step;
      if (nextLo > 0xffff_ffff) {
        nextLo -= 0x1_0000_0000;
        nextHi++;
      }
    } while (
      entry < stop &&
      kind !== extentKinds.invalid &&
      view.getUint32(entry + 4) === nextLo &&
      view.getUint32(entry) === nextHi
    );
    const more =
      kind === extentKinds.compressed
        ? addCompressed(geometry, merger, start, cluster - start, hi, lo)
        : merger.add(kind, start, cluster - start, placed ? l2HostOffset(hi, lo) / clusterSize : 0, 0);
    if (!more) {
      return false;
    }
  }
  return true;
}

/** As `addStandardRuns`, for entries of 16 bytes, with 32 subclusters each. */
export function addExtendedRuns(
  geometry: Geometry,
  merger: RunMerger,
  first: number,
  count: number,
  view: DataView,
  at: number,
): boolean {
  for (let index = 0; index < count; ) {
    const entry = at + index * 16;
    const hi = view.getUint32(entry);
    const lo = view.getUint32(entry + 4);
    const zero = view.getUint32(entry + 8);
    const alloc = view.getUint32(entry + 12);
    const same = uniform(alloc) && uniform(zero) ? sameClusters(geometry, view, entry, at + count * 16) : 1;
    if (!addSubclusters(geometry, merger, first + index, same, hi, lo, alloc, zero)) {
      return false;
    }
    index += same;
  }
  return true;
}

function uniform(bits: number): boolean {
  return bits === 0 || bits === 0xffff_ffff;
}

/**
 * How many entries from the one at byte `from` on, before `stop`, go on as it does: with the same bitmap, and the next
 * host cluster if it has one.
 */
function sameClusters(geometry: Geometry, view: DataView, from: number, stop: number): number {
  const hi = view.getUint32(from);
  const lo = view.getUint32(from + 4);
  const step = l2Kind(hi, lo, geometry) === l2Kinds.normal ? geometry.clusterSize : 0;
  const zero = view.getUint32(from + 8);
  const alloc = view.getUint32(from + 12);
  let nextLo = lo + step;
  let entry = from + 16;
  while (
    entry < stop &&
    nextLo <= 0xffff_ffff &&
    view.getUint32(entry + 4) === nextLo &&
    view.getUint32(entry) === hi &&
    view.getUint32(entry + 8) === zero &&
    view.getUint32(entry + 12) === alloc
  ) {
    nextLo += step;
    entry += 16;
  }
  return (entry - from) / 16;
}

/** Adds the subclusters of `count` clusters that go on as the first one; more than one only if each is of one kind. */
function addSubclusters(
  geometry: Geometry,
  merger: RunMerger,
  cluster: number,
  count: number,
  hi: number,
  lo: number,
  alloc: number,
  zero: number,
): boolean {
  const unit = cluster * subclustersPerCluster;
  const all = count * subclustersPerCluster;
  if (l2Fault(hi, lo, alloc, zero, cluster * geometry.clusterSize, geometry) !== l2Faults.none) {
    return merger.add(extentKinds.invalid, unit, all, 0, 0);
  }
  const host = (l2HostOffset(hi, lo) / geometry.clusterSize) * subclustersPerCluster;
  for (let sub = 0; sub < subclustersPerCluster; ) {
    const kind = subclusterKind(hi, lo, alloc, zero, sub, geometry);
    if (kind === extentKinds.compressed) {
      return addCompressed(geometry, merger, unit, all, hi, lo);
    }
    const run = count > 1 ? all : subclusterRun(hi, lo, alloc, zero, sub, geometry);
    if (!merger.add(kind, unit + sub, run, hasHost(kind) ? host + sub : 0, 0)) {
      return false;
    }
    sub += run;
  }
  return true;
}

function addCompressed(
  geometry: Geometry,
  merger: RunMerger,
  unit: number,
  count: number,
  hi: number,
  lo: number,
): boolean {
  const { clusterBits } = geometry;
  const byte = compressedByte(lo, clusterBits);
  return merger.add(extentKinds.compressed, unit, count, compressedCluster(hi, lo, clusterBits), byte);
}

function standardKind(hi: number, lo: number, cluster: number, geometry: Geometry): ExtentKind {
  if (l2Kind(hi, lo, geometry) === l2Kinds.unallocated) {
    return extentKinds.unallocatedPlain;
  }
  if (l2Fault(hi, lo, 0, 0, cluster * geometry.clusterSize, geometry) !== l2Faults.none) {
    return extentKinds.invalid;
  }
  return subclusterKind(hi, lo, 0, 0, 0, geometry);
}
