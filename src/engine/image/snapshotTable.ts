import type { TableChunk } from '../format/chunk.ts';
import { parseSnapshotTable, type Snapshot } from '../format/snapshots.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';
import { type TableEnd, walkEntryTable } from './entryTable.ts';

/** Where the snapshot table is: fields of the header, by the spec's names. */
export interface SnapshotTablePlace {
  readonly nb_snapshots: number;
  readonly snapshots_offset: bigint;
}

/**
 * Walks the snapshot table entry by entry; undefined where there is none, or where it has more entries than the limit.
 * The table itself is never in memory: with all its extra data it may have 64 MiB.
 */
export async function walkSnapshotTable(
  storage: Storage,
  place: SnapshotTablePlace,
  visit: (chunk: TableChunk<Snapshot>) => void,
): Promise<TableEnd | undefined> {
  const { nb_snapshots: count, snapshots_offset: tableOffset } = place;
  if (count === 0 || count > limits.snapshots) {
    return undefined;
  }
  const format = { count, tableOffset };
  return walkEntryTable(storage, tableOffset, (bytes, at) => parseSnapshotTable(bytes, at, format), visit);
}

/** The entries of the snapshot table that can be read. */
export async function readSnapshots(storage: Storage, place: SnapshotTablePlace): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  await walkSnapshotTable(storage, place, ({ entries }) => {
    for (const entry of entries) {
      snapshots.push(entry);
    }
  });
  return snapshots;
}
