import type { ClusterRange } from '../engine/image/extents.ts';
import type { FragmentVisitor } from '../engine/image/fragments.ts';
import type { Progress } from '../engine/ports.ts';
import type { MapBins } from './mapBins.ts';
import type { Extent } from './mapCells.ts';
import type { CallContext } from './server.ts';

/** What is wanted of a part of a space. */
export interface Wanted {
  /** The counts of allocated and fragmented clusters too, which need an L2 table from its start on. */
  readonly fragments: boolean;
}

/** Called for runs of units in order, without a gap, each of one column. */
export type RunVisitor = (column: number, unit: number, count: number) => void;

/** A space that is mapped: the guest's disk as a layer has it, or the file. */
export interface Space extends Extent {
  /** Units (subclusters, or clusters without extended L2 entries) a cluster, and bytes a unit. */
  readonly clusterUnits: number;
  readonly unitSize: number;
  /** Clusters a bin of `whole`: a power of two. */
  readonly binClusters: number;
  /** Columns of the bins that are kinds; together they count every unit once. Others may follow. */
  readonly kinds: number;
  /** The bins of the whole space, made once. */
  whole(context: CallContext): Promise<MapBins>;
  /** The bins of a range, of so many clusters each. */
  part(range: ClusterRange, binClusters: number, wanted: Wanted, progress: Progress): Promise<MapBins>;
  /** The runs of a range: those of the columns of kinds only. */
  runs(range: ClusterRange, visit: RunVisitor, progress: Progress): Promise<void>;
  /** Of the guest: visits the clusters of a range that have a place in the file, in order. */
  readonly fragments?: (range: ClusterRange, visit: FragmentVisitor, progress: Progress) => Promise<void>;
}
