import { type ClusterRange, ExtentReader, type Walked } from '../engine/image/extents.ts';
import { Fragments, type FragmentVisitor } from '../engine/image/fragments.ts';
import { clustersOf, type Geometry } from '../engine/image/geometry.ts';
import { type ExtentKind, guestKindOf } from '../engine/image/kinds.ts';
import { type L2Visitor, type Lost, walkL2Tables } from '../engine/image/l2Tables.ts';
import type { Layer } from '../engine/image/layer.ts';
import { RunMerger } from '../engine/image/runMerger.ts';
import type { Progress } from '../engine/ports.ts';
import { type GuestMapKind, spaceKinds } from '../protocol/mapApi.ts';
import { addRun, emptyBins } from './mapBins.ts';
import { powerOfTwo } from './mapCells.ts';
import type { RunVisitor, Space } from './mapSpace.ts';
import { sharedRun } from './sharedRun.ts';

/** Bins of a whole disk: 24 MiB of counts, whatever its size. */
const mostBins = 2 ** 19;

const kinds: readonly GuestMapKind[] = spaceKinds.guest;

/** The columns of a guest's bins after those of the kinds. All count units: those of whole clusters here. */
export const fragmentColumns = { allocated: kinds.length, fragmented: kinds.length + 1 } as const;

const columns = kinds.length + 2;

/**
 * The guest's disk as a layer has it. Reads nothing before it is asked; then all L2 tables once, of which the counts of
 * each of at most 2^19 bins are remembered. Smaller parts are read from their L2 tables each time.
 *
 * @param backed - whether the image names a backing file: what is not allocated comes from there
 */
export function guestSpace(image: Walked, layer: Layer, backed: boolean): Space {
  const { geometry, size } = layer;
  const { clusterSize, clusterUnits, unitSize } = geometry;
  const clusters = Number(clustersOf(size, geometry.clusterBits));
  const fitting = powerOfTwo(Math.ceil(clusters / mostBins));
  // Counts of 2^32 and more take twice the memory each.
  const binClusters = fitting * clusterUnits < 2 ** 32 ? fitting : fitting * 2;
  const columnOf = (kind: ExtentKind): number => {
    const named = guestKindOf(kind);
    return kinds.indexOf(named === 'unallocated' && backed ? 'backing' : named);
  };
  const byKind = Array.from({ length: 8 }, (_, kind) => columnOf(kind as ExtentKind));
  const part: Space['part'] = async (range, perBin, { fragments }, progress) => {
    const bins = emptyBins(range.from * clusterUnits, perBin * clusterUnits, binsOf(range, perBin), columns);
    const add: RunVisitor = (column, unit, count) => addRun(bins, unit, count, column);
    const addFragments: FragmentVisitor = (cluster, count, fragmented) => {
      addRun(bins, cluster * clusterUnits, count * clusterUnits, fragmentColumns.allocated);
      if (fragmented > 0) {
        addRun(bins, cluster * clusterUnits, fragmented * clusterUnits, fragmentColumns.fragmented);
      }
    };
    await walkGuest(image, layer, range, byKind, add, fragments ? addFragments : undefined, progress);
    return bins;
  };
  const whole = sharedRun((progress) => part({ from: 0, to: clusters }, binClusters, { fragments: true }, progress));
  return {
    size,
    clusterSize,
    clusters,
    clusterUnits,
    unitSize,
    binClusters,
    kinds: kinds.length,
    whole: (context) => whole.result(context),
    part,
    runs: (range, visit, progress) => walkGuest(image, layer, range, byKind, visit, undefined, progress),
    fragments: (range, visit, progress) => walkGuest(image, layer, range, byKind, () => undefined, visit, progress),
  };
}

function binsOf({ from, to }: ClusterRange, binClusters: number): number {
  return Math.ceil((to - from) / binClusters);
}

/** Visits the runs of a range by column, without units past the end of the disk. */
async function walkGuest(
  { storage }: Walked,
  layer: Layer,
  range: ClusterRange,
  byKind: readonly number[],
  visit: RunVisitor,
  fragments: FragmentVisitor | undefined,
  progress: Progress,
): Promise<void> {
  const { geometry, l1, size } = layer;
  const { clusterUnits, unitSize } = geometry;
  const diskUnits = Number((size + BigInt(unitSize) - 1n) / BigInt(unitSize));
  const end = Math.min(range.to * clusterUnits, diskUnits);
  const clipped = { from: range.from, to: Math.min(range.to, layer.clusters) };
  if (clipped.from < clipped.to) {
    const merger = new RunMerger(geometry, (kind, start, count) => {
      if (start < end) {
        visit(byKind[kind] ?? 0, start, Math.min(count, end - start));
      }
      return true;
    });
    const extents = new ExtentReader(geometry, clipped, merger);
    if (fragments) {
      const reader = new FragmentReader(geometry, clipped, extents, fragments);
      await walkL2Tables(storage, geometry, l1, reader.range, reader, progress);
    } else {
      await walkL2Tables(storage, geometry, l1, clipped, extents, progress);
    }
    merger.end();
  }
  // What the L1 table does not reach can't be read: QEMU refuses such an image.
  const beyond = Math.max(range.from, layer.clusters) * clusterUnits;
  if (end > beyond) {
    visit(kinds.indexOf('wrong'), beyond, end - beyond);
  }
}

/** Reads extents, and counts allocated and fragmented clusters besides: for these, an L2 table from its start on. */
class FragmentReader implements L2Visitor {
  /** What has to be walked. */
  readonly range: ClusterRange;
  readonly #inner: L2Visitor;
  readonly #fragments: Fragments;
  readonly #l2Entries: number;
  readonly #entryBytes: number;
  readonly #from: number;

  constructor(geometry: Geometry, range: ClusterRange, inner: L2Visitor, visit: FragmentVisitor) {
    const { l2Entries, l2EntryBytes } = geometry;
    this.#l2Entries = l2Entries;
    this.#entryBytes = l2EntryBytes;
    this.#from = range.from;
    this.#inner = inner;
    this.range = { from: range.from - (range.from % l2Entries), to: range.to };
    this.#fragments = new Fragments(geometry, (cluster, count, fragmented) => {
      const skipped = Math.max(0, range.from - cluster);
      if (skipped < count) {
        visit(cluster + skipped, count - skipped, skipped === 0 ? fragmented : 0);
      }
    });
  }

  absent(l1Index: number, count: number): boolean {
    return this.#inner.absent(l1Index, count);
  }

  lost(l1Index: number, from: number, to: number, why: Lost): boolean {
    const first = Math.max(from, this.#from - l1Index * this.#l2Entries);
    return first >= to || this.#inner.lost(l1Index, first, to, why);
  }

  entries(l1Index: number, from: number, to: number, view: DataView, at: number): boolean {
    this.#fragments.add(l1Index, from, to, view, at);
    const first = Math.max(from, this.#from - l1Index * this.#l2Entries);
    return first >= to || this.#inner.entries(l1Index, first, to, view, at + (first - from) * this.#entryBytes);
  }
}
