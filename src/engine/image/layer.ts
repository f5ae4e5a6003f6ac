import type { ByteRange } from '../finding.ts';
import { clustersOf, type Geometry, unitOffset } from './geometry.ts';
import type { L1Table } from './l1Table.ts';

/** A state of the guest's disk: the active one, or that of a snapshot. */
export interface Layer {
  readonly geometry: Geometry;
  readonly l1: L1Table;
  /** Index in the snapshot table; undefined for the active layer. */
  readonly snapshot: number | undefined;
  /** Bytes of the disk. */
  readonly size: bigint;
  /** Guest clusters that both the disk and the L1 table have, the last one perhaps in part. */
  readonly clusters: number;
}

/** The layer that an L1 table maps. `size`: bytes of the disk. */
export function layerOf(geometry: Geometry, l1: L1Table, size: bigint, snapshot?: number): Layer {
  const reach = l1.entries * geometry.l2Entries;
  const needed = clustersOf(size, geometry.clusterBits);
  const clusters = needed < BigInt(reach) ? Number(needed) : reach;
  return { geometry, l1, snapshot, size, clusters };
}

/** Units (subclusters, or clusters without extended L2 entries) of a layer. */
export function layerUnits(layer: Layer): number {
  return layer.clusters * layer.geometry.clusterUnits;
}

/** The guest bytes of a run of units, cut at the end of the disk. */
export function guestRange(layer: Layer, unit: number, count: number): ByteRange {
  const offset = unitOffset(layer.geometry, unit);
  const end = unitOffset(layer.geometry, unit + count);
  return { offset, length: (end < layer.size ? end : layer.size) - offset };
}

/** The end of the disk that the L1 table does not reach; undefined where it reaches all. */
export function beyondL1(layer: Layer): ByteRange | undefined {
  const reach = unitOffset(layer.geometry, layerUnits(layer));
  return reach < layer.size ? { offset: reach, length: layer.size - reach } : undefined;
}
