import type { ByteWrite } from '../change/changeSet.ts';
import type { Geometry } from '../image/geometry.ts';

/** What L2 entries of new guest clusters say. */
export interface NewEntries {
  /** They have a host cluster: of the file, or of the external data file. */
  readonly allocated: boolean;
  /** They read as zeros, whatever is in a host cluster or a backing file. */
  readonly zero: boolean;
  /** Of extended entries: all subclusters are allocated, not just the cluster. */
  readonly subclusters: boolean;
}

/** Writes the entry of a guest cluster into an L2 table. `host`: its host cluster, if it has one. */
export function encodeNewEntry(
  geometry: Geometry,
  table: DataView,
  entry: number,
  what: NewEntries,
  host: number,
): void {
  const { clusterSize, extended, l2EntryBytes } = geometry;
  const at = entry * l2EntryBytes;
  const offset = what.allocated ? host * clusterSize : 0;
  // COPIED goes with each host cluster; in a data file it is what tells that there is one.
  table.setUint32(at, (what.allocated ? 0x8000_0000 : 0) + Math.floor(offset / 2 ** 32));
  table.setUint32(at + 4, (offset % 2 ** 32) + (what.zero && !extended ? 1 : 0));
  if (extended) {
    table.setUint32(at + 8, what.zero ? 0xffff_ffff : 0);
    table.setUint32(at + 12, what.subclusters ? 0xffff_ffff : 0);
  }
}

/** New L2 tables, one after the other in the file, for guest clusters one after the other. */
export interface NewTables {
  /** First cluster. */
  readonly start: number;
  readonly count: number;
  /** L1 index of the first. */
  readonly l1Index: number;
  /** The guest cluster at which the disk ends: entries from there on stay zero. */
  readonly end: number;
  readonly what: NewEntries;
  /** The host cluster of a guest cluster. */
  readonly hostOf: (guestCluster: number) => number;
}

/** The bytes of new L2 tables, each made when it is asked for. */
export async function* newTableWrites(geometry: Geometry, tables: NewTables): AsyncGenerator<ByteWrite> {
  const { clusterSize, l2Entries } = geometry;
  const { start, count, l1Index, end, what, hostOf } = tables;
  for (let table = 0; table < count; table++) {
    const bytes = new Uint8Array(clusterSize);
    const view = new DataView(bytes.buffer);
    const first = (l1Index + table) * l2Entries;
    for (let entry = 0; entry < Math.min(l2Entries, end - first); entry++) {
      encodeNewEntry(geometry, view, entry, what, hostOf(first + entry));
    }
    const at = BigInt(start + table) * BigInt(clusterSize);
    yield { structure: `L2 table[${l1Index + table}]`, at, bytes };
  }
}
