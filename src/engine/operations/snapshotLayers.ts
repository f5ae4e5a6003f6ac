import { requireChangeable } from '../change/refusals.ts';
import { Qcow2Error } from '../error.ts';
import type { Header } from '../format/header.ts';
import { l1EntryBytes } from '../format/l1.ts';
import type { Snapshot } from '../format/snapshots.ts';
import type { EntryTable } from '../image/entryTables.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { activeSource } from '../image/reference.ts';
import { l1TablesOf } from '../image/references.ts';
import { readSnapshots } from '../image/snapshotTable.ts';

/** The layers of an image that can be changed. */
export interface SnapshotLayers {
  readonly header: Header;
  readonly geometry: Geometry;
  /** All entries of the snapshot table. */
  readonly snapshots: readonly Snapshot[];
  /** The L1 table of the active layer. */
  readonly active: EntryTable;
  /** The L1 tables of the snapshots, by index. */
  readonly tables: ReadonlyMap<number, EntryTable>;
  /** Where the snapshot table is. In bytes. */
  readonly snapshotTable: Area;
}

/** A part of the file. In bytes. */
export interface Area {
  readonly offset: bigint;
  readonly length: bigint;
}

/**
 * Reads the layers of an image whose snapshots are to be changed. Throws `refused` where it can't be changed,
 * `not-supported` (QEMU: ENOTSUP) where an external data file holds the data, `damaged`.
 */
export async function readSnapshotLayers(image: Image): Promise<SnapshotLayers> {
  requireChangeable(image, { clusters: true });
  const { header, geometry } = image;
  if (!header || !geometry) {
    throw new Qcow2Error('damaged', 'The header does not say where the tables are, so there are no snapshots.');
  }
  if (geometry.dataFile) {
    throw new Qcow2Error(
      'not-supported',
      'The image is not changed. Its data is in an external data file, of which no snapshots can be taken.',
      { system: 'EOPNOTSUPP' },
    );
  }
  const snapshots = await readSnapshots(image.storage, header);
  if (snapshots.length !== header.nb_snapshots) {
    throw new Qcow2Error(
      'damaged',
      `The snapshot table can't be read: of ${header.nb_snapshots} snapshots ${snapshots.length} were found. Nothing is changed. Repair it first.`,
    );
  }
  const tables = new Map((await l1TablesOf(image, geometry)).map((table) => [table.source, table]));
  return {
    header,
    geometry,
    snapshots,
    active: tableOf(tables, activeSource),
    tables,
    snapshotTable: { offset: header.snapshots_offset, length: image.snapshots.end - header.snapshots_offset },
  };
}

/** A snapshot and its L1 table. Throws `not-found` for an index that is not in the table. */
export function snapshotAt(
  { snapshots, tables }: SnapshotLayers,
  index: number,
): { readonly snapshot: Snapshot; readonly table: EntryTable } {
  const snapshot = snapshots[index];
  if (!snapshot) {
    throw new Qcow2Error('not-found', `There is no snapshot ${index}: the image has ${snapshots.length}.`, {
      system: 'ENOENT',
    });
  }
  return { snapshot, table: tableOf(tables, index) };
}

/** The part of the file that an L1 table takes. */
export function areaOf({ offset, entries }: EntryTable): Area {
  return { offset: BigInt(offset), length: BigInt(entries) * BigInt(l1EntryBytes) };
}

function tableOf(tables: ReadonlyMap<number, EntryTable>, source: number): EntryTable {
  const table = tables.get(source);
  if (!table) {
    throw new Qcow2Error(
      'damaged',
      'An L1 table is not at a cluster, or larger than QEMU allows. Nothing is changed. Check and repair the image first.',
    );
  }
  return table;
}
