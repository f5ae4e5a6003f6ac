import type { Progress, Storage } from '../ports.ts';
import { addExtendedRuns, addStandardRuns } from './entryRuns.ts';
import type { Geometry } from './geometry.ts';
import { type ExtentKind, extentKinds } from './kinds.ts';
import { type L2Visitor, type Lost, walkL2Tables } from './l2Tables.ts';
import type { Layer } from './layer.ts';
import { type ExtentVisitor, RunMerger } from './runMerger.ts';

export type { ExtentVisitor } from './runMerger.ts';

/** A range of guest clusters: from `from` to before `to`. */
export interface ClusterRange {
  readonly from: number;
  readonly to: number;
}

/** What the walks read an image by. */
export interface Walked {
  readonly storage: Storage;
}

/**
 * Walks the extents of a range of a layer, as far as its L1 table reaches (`beyondL1` is the rest). Reads only the L2
 * entries of the range. The last cluster may reach past the disk's end: `guestRange` cuts it. Never throws for what is
 * in the file.
 */
export async function walkExtents(
  image: Walked,
  layer: Layer,
  range: ClusterRange,
  visit: ExtentVisitor,
  progress: Progress,
): Promise<void> {
  const clipped = { from: Math.max(0, range.from), to: Math.min(range.to, layer.clusters) };
  if (clipped.from >= clipped.to) {
    return;
  }
  const { geometry, l1 } = layer;
  const merger = new RunMerger(geometry, visit);
  await walkL2Tables(image.storage, geometry, l1, clipped, new ExtentReader(geometry, clipped, merger), progress);
  merger.end();
}

/** Turns the L2 entries of a range into runs of units. The caller ends the merger. */
export class ExtentReader implements L2Visitor {
  readonly #geometry: Geometry;
  readonly #range: ClusterRange;
  readonly #merger: RunMerger;

  constructor(geometry: Geometry, range: ClusterRange, merger: RunMerger) {
    this.#geometry = geometry;
    this.#range = range;
    this.#merger = merger;
  }

  absent(l1Index: number, count: number): boolean {
    const { l2Entries } = this.#geometry;
    const from = Math.max(this.#range.from, l1Index * l2Entries);
    const to = Math.min(this.#range.to, (l1Index + count) * l2Entries);
    return this.#clusters(extentKinds.unallocatedPlain, from, to);
  }

  lost(l1Index: number, from: number, to: number, why: Lost): boolean {
    const first = l1Index * this.#geometry.l2Entries;
    const kind = why.reason === 'unaligned' ? extentKinds.invalid : extentKinds.unreadable;
    return this.#clusters(kind, first + from, first + to);
  }

  entries(l1Index: number, from: number, to: number, view: DataView, at: number): boolean {
    const first = l1Index * this.#geometry.l2Entries + from;
    const count = to - from;
    return this.#geometry.extended
      ? addExtendedRuns(this.#geometry, this.#merger, first, count, view, at)
      : addStandardRuns(this.#geometry, this.#merger, first, count, view, at);
  }

  #clusters(kind: ExtentKind, from: number, to: number): boolean {
    const { clusterUnits } = this.#geometry;
    return this.#merger.add(kind, from * clusterUnits, (to - from) * clusterUnits, 0, 0);
  }
}
