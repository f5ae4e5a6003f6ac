import { Qcow2Error } from '../error.ts';
import { l1EntryBytes, l1Place, l1Unaligned } from '../format/l1.ts';
import { refcountTableEntry, refcountTableEntryBytes, refcountTableUnaligned } from '../format/refcounts.ts';
import { limits } from '../limits.ts';
import type { Geometry } from './geometry.ts';
import { readHostBytes } from './hostBytes.ts';
import type { Image } from './image.ts';

/** A table of the image: the L1 table of a layer, the L2 table of an L1 entry, the refcount table, one of its blocks. */
export type TableId =
  | { readonly kind: 'l1'; readonly snapshot?: number }
  | { readonly kind: 'l2'; readonly l1: number; readonly snapshot?: number }
  | { readonly kind: 'refcount-table' }
  | { readonly kind: 'refcount-block'; readonly index: number };

/** Whether there is a table to be looked at, and if not, why. */
export type TableState =
  | 'present'
  /** The entry that should lead to it leads nowhere. */
  | 'unallocated'
  /** The entry leads to a place that is not the start of a cluster: QEMU reads no table there. */
  | 'unaligned'
  /** The system failed to read the entry that leads to it. */
  | 'unreadable';

/** Where a table is in the file. */
export interface TablePlace {
  readonly id: TableId;
  readonly state: TableState;
  /** Host offset in bytes; 0 where it is not known. */
  readonly offset: bigint;
  /** Entries that can be looked at; 0 unless `present`. */
  readonly entries: number;
  /** Entries that the header or the snapshot gives it; more than `entries` beyond QEMU's limits. */
  readonly named: number;
  /** Bits of an entry: 1 to 64 in a refcount block, 64 or 128 in the others. */
  readonly entryBits: number;
  /** Of L1 and L2 tables: bytes of the layer's disk. */
  readonly diskSize?: bigint;
  /** The system's code, such as `EIO`, where it is `unreadable`. */
  readonly system?: string | undefined;
}

/** Where the L1 table of a layer is, as the header or the snapshot says. */
export interface L1Place {
  /** Host offset in bytes. */
  readonly offset: bigint;
  readonly entries: number;
  /** Bytes of the disk. */
  readonly size: bigint;
}

/** Tells where the L1 tables of snapshots are. Throws `not-found` for an index that the snapshot table lacks. */
export type SnapshotL1 = (index: number) => Promise<L1Place>;

/**
 * Finds a table. Reads the entry that leads to it at most (and what `snapshotL1` reads). Throws `damaged` where the
 * header does not say where the tables are, `not-found` where the table that leads to it has no such entry.
 */
export async function placeTable(image: Image, id: TableId, snapshotL1: SnapshotL1): Promise<TablePlace> {
  const { geometry, header } = image;
  if (!geometry || !header) {
    throw new Qcow2Error('damaged', 'The header does not say where the tables are.');
  }
  switch (id.kind) {
    case 'l1':
      return placeL1(image, id, snapshotL1);
    case 'l2': {
      const parent = await placeL1(image, { kind: 'l1', ...layerOf(id) }, snapshotL1);
      const shape = { id, entryBits: geometry.l2EntryBytes * 8, diskSize: parent.diskSize ?? 0n };
      const leads = (hi: number, lo: number): Lead => [l1Place(hi, lo), l1Unaligned(lo, geometry.clusterBits)];
      return follow(image, shape, parent, id.l1, geometry.l2Entries, leads);
    }
    case 'refcount-table':
      return placeRefcountTable(geometry, header.refcount_table_offset, header.refcount_table_clusters);
    case 'refcount-block': {
      const parent = placeRefcountTable(geometry, header.refcount_table_offset, header.refcount_table_clusters);
      const leads = (hi: number, lo: number): Lead => [
        refcountTableEntry(hi, lo),
        refcountTableUnaligned(lo, geometry.clusterBits),
      ];
      const shape = { id, entryBits: 2 ** geometry.refcountOrder };
      return follow(image, shape, parent, id.index, geometry.refcountBlockEntries, leads);
    }
  }
}

function layerOf({ snapshot }: { readonly snapshot?: number }): { snapshot?: number } {
  return snapshot === undefined ? {} : { snapshot };
}

async function placeL1(
  { header }: Image,
  id: Extract<TableId, { kind: 'l1' }>,
  snapshotL1: SnapshotL1,
): Promise<TablePlace> {
  const active = { offset: header?.l1_table_offset ?? 0n, entries: header?.l1_size ?? 0, size: header?.size ?? 0n };
  const { offset, entries, size } = id.snapshot === undefined ? active : await snapshotL1(id.snapshot);
  const most = limits.l1TableBytes / l1EntryBytes;
  const shown = Math.min(entries, most);
  return { id, state: 'present', offset, entries: shown, named: entries, entryBits: 64, diskSize: size };
}

function placeRefcountTable(geometry: Geometry, offset: bigint, clusters: number): TablePlace {
  const named = (clusters * geometry.clusterSize) / refcountTableEntryBytes;
  const entries = Math.min(named, limits.refcountTableBytes / refcountTableEntryBytes);
  return { id: { kind: 'refcount-table' }, state: 'present', offset, entries, named, entryBits: 64 };
}

/** Host offset in bytes of the table that an entry leads to, 0 for none; and whether it is not at a cluster. */
type Lead = readonly [offset: number, unaligned: boolean];

/** The table that entry `index` of `parent` leads to. */
async function follow(
  { storage }: Image,
  shape: Pick<TablePlace, 'id' | 'entryBits' | 'diskSize'>,
  parent: TablePlace,
  index: number,
  entries: number,
  leads: (hi: number, lo: number) => Lead,
): Promise<TablePlace> {
  if (!Number.isInteger(index) || index < 0 || index >= parent.entries) {
    const name = parent.id.kind === 'l1' ? 'L1' : 'refcount';
    throw new Qcow2Error(
      'not-found',
      `The ${name} table has ${parent.entries} entries, so there is no entry ${index}.`,
    );
  }
  const bytes = new Uint8Array(8);
  const [bad] = await readHostBytes(storage, parent.offset + BigInt(index * 8), bytes);
  const none = { ...shape, offset: 0n, entries: 0, named: entries };
  if (bad) {
    return { ...none, state: 'unreadable', system: bad.system };
  }
  const view = new DataView(bytes.buffer);
  const [offset, unaligned] = leads(view.getUint32(0), view.getUint32(4));
  if (offset === 0) {
    return { ...none, state: 'unallocated' };
  }
  return unaligned
    ? { ...none, state: 'unaligned', offset: BigInt(offset) }
    : { ...none, state: 'present', offset: BigInt(offset), entries };
}
