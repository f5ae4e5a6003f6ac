import { bitmapHasReserved, bitmapPlace, bitmapUnaligned } from '../format/bitmapTable.ts';
import { joinWords } from '../format/bits.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import { walkBitmapDirectory } from './bitmapDirectory.ts';
import { type EntryTable, type Pause, segmentsOf, walkEntries } from './entryTables.ts';
import type { Geometry } from './geometry.ts';
import type { Image } from './image.ts';
import { walkL2References } from './l2References.ts';
import { type L2TableSet, l2TableSet } from './l2TableSet.ts';
import { readRefcountTable, refcountTableEntries } from './refcountTable.ts';
import { activeSource, flaws, type Owner, owners, type ReferenceVisitor } from './reference.ts';
import { walkSnapshotTable } from './snapshotTable.ts';

/**
 * Visits every reference to a host cluster with its owner, tables before what they lead to: the header, the active L1
 * table and those of the snapshots, the refcount table and its blocks, the snapshot table, the LUKS area, the bitmap
 * directory with its tables and their data, L2 tables, and what their entries lead to. A table that several others
 * lead to is read once, however many they are, and its entries are visited once with that number. Tables that the
 * image places wrongly (`ERROR … not aligned` in a check) or beyond the limits have no references.
 */
export async function walkReferences(image: Image, visitor: ReferenceVisitor, progress: Progress): Promise<void> {
  const tables = await walkTableReferences(image, visitor, progress);
  if (tables && image.geometry) {
    await walkL2References(image.storage, image.geometry, tables, visitor, progress);
  }
}

/**
 * The first part of `walkReferences`: everything but what the entries of L2 tables lead to. Returns the L2 tables, for
 * `walkL2References`; undefined where no table can be found.
 */
export async function walkTableReferences(
  image: Image,
  visitor: ReferenceVisitor,
  progress: Progress,
): Promise<L2TableSet | undefined> {
  const { geometry, header, storage } = image;
  if (!geometry || !header) {
    return undefined;
  }
  const pause: Pause = () => progress.step(0, 0);
  visitor.reference(owners.header, 0, 0, 0, 1, 1);
  const l1Tables = await layerTables(image, geometry, visitor);
  await refcountReferences(image, geometry, visitor);
  luksReferences(image, geometry, visitor);
  await walkBitmapReferences(image, geometry, visitor, pause);
  return l2TableSet(storage, geometry, segmentsOf(l1Tables), visitor, pause);
}

/** The L1 tables of all layers that `walkReferences` follows. */
export async function l1TablesOf(image: Image, geometry: Geometry): Promise<EntryTable[]> {
  return layerTables(image, geometry, { reference: () => undefined });
}

/** Visits the clusters of the snapshot table and of all L1 tables; returns the L1 tables. */
async function layerTables(image: Image, geometry: Geometry, visitor: ReferenceVisitor): Promise<EntryTable[]> {
  const tables: EntryTable[] = [];
  const add = (source: number, offset: bigint, entries: number): void => {
    if (offset % BigInt(geometry.clusterSize) === 0n && entries * 8 <= limits.l1TableBytes) {
      area(geometry, visitor, owners.l1Table, offset, BigInt(entries) * 8n, source);
      tables.push({ source, offset: Number(offset), entries });
    }
  };
  add(activeSource, image.l1.offset, image.l1.entries);
  const end =
    image.header &&
    (await walkSnapshotTable(image.storage, image.header, ({ entries }) => {
      for (const { index, fields } of entries) {
        add(index, fields.l1_table_offset, fields.l1_size);
      }
    }));
  if (image.header && end) {
    const { snapshots_offset: offset } = image.header;
    area(geometry, visitor, owners.snapshotTable, offset, end.offset - offset);
  }
  return tables;
}

async function refcountReferences(image: Image, geometry: Geometry, visitor: ReferenceVisitor): Promise<void> {
  if (!image.header) {
    return;
  }
  const table = await readRefcountTable(image.storage, geometry, image.header);
  area(geometry, visitor, owners.refcountTable, table.offset, BigInt(table.entries) * 8n);
  const place = (index: number, block: number) => ({
    owner: owners.refcountBlock,
    source: 0,
    table: index,
    entry: -1,
    count: 1,
    host: table.offset + BigInt(index) * 8n,
    target: BigInt(block),
    raw: 0n,
  });
  for (const { from, to, system } of table.unreadable) {
    const index = Math.floor(from / 8);
    visitor.flaw?.(flaws.unreadable, { ...place(index, 0), count: Math.ceil(to / 8) - index, system });
  }
  for (const { index, block, reserved, unaligned } of refcountTableEntries(geometry, table)) {
    if (reserved) {
      visitor.flaw?.(flaws.reserved, place(index, block));
    }
    if (unaligned) {
      visitor.flaw?.(flaws.unaligned, place(index, block));
    } else if (block !== 0) {
      visitor.reference(owners.refcountBlock, 0, index, block / geometry.clusterSize, 1, 1);
    }
  }
}

/** An area beyond the limit is followed up to it. */
function luksReferences({ luksArea }: Image, geometry: Geometry, visitor: ReferenceVisitor): void {
  if (luksArea) {
    const most = BigInt(limits.luksAreaBytes);
    const length = luksArea.length < most ? luksArea.length : most;
    area(geometry, visitor, owners.luksArea, luksArea.offset, length);
  }
}

/** The part of `walkReferences` that the bitmaps are: the directory, the tables and what their entries lead to. */
export async function walkBitmapReferences(
  image: Image,
  geometry: Geometry,
  visitor: ReferenceVisitor,
  pause: Pause,
): Promise<void> {
  const directory = image.bitmapDirectory;
  if (!directory) {
    return;
  }
  area(geometry, visitor, owners.bitmapDirectory, directory.directoryOffset, directory.directorySize);
  const tables: EntryTable[] = [];
  await walkBitmapDirectory(image.storage, directory, ({ entries }) => {
    for (const { index, fields } of entries) {
      const { bitmap_table_offset: offset, bitmap_table_size: size } = fields;
      if (offset % BigInt(geometry.clusterSize) === 0n && size <= limits.bitmapTableEntries) {
        area(geometry, visitor, owners.bitmapTable, offset, BigInt(size) * 8n, index);
        cutTable(geometry, visitor, index, offset, size * 8);
        tables.push({ source: index, offset: Number(offset), entries: size });
      }
    }
  });
  await walkEntries(
    image.storage,
    segmentsOf(tables),
    ({ source, offset, first, references }, table, hi, lo) => {
      const target = bitmapPlace(hi, lo);
      const host = BigInt(offset + (table - first) * 8);
      const words = { target: BigInt(target), raw: joinWords(hi, lo) };
      const place = { owner: owners.bitmapData, source, table, entry: -1, count: 1, host, ...words };
      if (bitmapHasReserved(hi, lo)) {
        visitor.flaw?.(flaws.reserved, place);
      }
      if (bitmapUnaligned(lo, geometry.clusterBits)) {
        visitor.flaw?.(flaws.unaligned, place);
      } else if (target !== 0) {
        visitor.reference(owners.bitmapData, source, table, target / geometry.clusterSize, 1, references);
      }
    },
    ({ source, offset, first }, table, count, system) => {
      const host = BigInt(offset + (table - first) * 8);
      const place = { owner: owners.bitmapData, source, table, entry: -1, count, host, target: 0n, raw: 0n, system };
      visitor.flaw?.(flaws.unreadable, place);
    },
    pause,
  );
}

/** A bitmap table that is not wholly in the file's clusters. */
function cutTable(geometry: Geometry, visitor: ReferenceVisitor, index: number, offset: bigint, length: number): void {
  if (offset + BigInt(length) > BigInt(geometry.fileClusters) * BigInt(geometry.clusterSize)) {
    const place = { owner: owners.bitmapTable, source: index, table: 0, entry: -1, count: 1, host: offset };
    visitor.flaw?.(flaws.pastEnd, { ...place, target: offset, length, raw: 0n });
  }
}

/** Visits the clusters of an area of bytes as one reference. */
function area(
  geometry: Geometry,
  visitor: ReferenceVisitor,
  owner: Owner,
  offset: bigint,
  length: bigint,
  source = 0,
): void {
  if (length > 0n) {
    const size = BigInt(geometry.clusterSize);
    const first = offset / size;
    const end = (offset + length + size - 1n) / size;
    visitor.reference(owner, source, 0, Number(first), Number(end - first), 1);
  }
}
