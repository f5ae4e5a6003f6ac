import type { ByteWrite } from '../change/changeSet.ts';
import { unproved } from '../change/freeClusters.ts';
import { piecesOf } from '../change/writeStream.ts';
import { encodeL1Entry, l1EntryBytes, l1Place } from '../format/l1.ts';
import { l2Copied, l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import { inHostOrder } from '../image/l2References.ts';
import { indexOfTable, type L2TableSet, someTables } from '../image/l2TableSet.ts';
import { walkL2Tables } from '../image/l2Tables.ts';
import type { Progress, Storage } from '../ports.ts';

/** COPIED in the high word of an entry. */
const copiedBit = 0x8000_0000;

/**
 * The tables of a set that can't serve the active layer as they are: a COPIED flag in them is not as the refcounts will
 * be, and it can't be changed in place, since refcount and flag would not change at the same moment.
 *
 * @param single - the clusters whose refcount will be 1
 */
export async function tablesToCopy(
  storage: Storage,
  geometry: Geometry,
  tables: L2TableSet,
  single: ClusterSet,
  progress: Progress,
): Promise<L2TableSet> {
  const indices: number[] = [];
  const visitor = {
    absent: () => true,
    entries: (table: number, from: number, to: number, view: DataView, at: number) => {
      if (indices.at(-1) !== table && hasWrongFlag(view, at, to - from, geometry, single)) {
        indices.push(table);
      }
      return true;
    },
    lost: () => {
      throw unproved('an L2 table can’t be read');
    },
  };
  const range = { from: 0, to: tables.count * geometry.l2Entries };
  await walkL2Tables(storage, geometry, inHostOrder(tables), range, visitor, progress);
  return someTables(tables, indices);
}

function hasWrongFlag(view: DataView, at: number, count: number, geometry: Geometry, single: ClusterSet): boolean {
  const { l2EntryBytes } = geometry;
  for (let entry = at; entry < at + count * l2EntryBytes; entry += l2EntryBytes) {
    const hi = view.getUint32(entry);
    if (l2Copied(hi) !== wantsCopied(hi, view.getUint32(entry + 4), geometry, single)) {
      return true;
    }
  }
  return false;
}

/** Whether COPIED belongs to an L2 entry: never to compressed clusters, as QEMU has it. */
function wantsCopied(hi: number, lo: number, geometry: Geometry, single: ClusterSet): boolean {
  const kind = l2Kind(hi, lo, geometry);
  return (
    (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) &&
    single.has(l2HostOffset(hi, lo) / geometry.clusterSize)
  );
}

/** L2 tables that are copied, and where to. */
export interface TableCopies {
  readonly tables: L2TableSet;
  /** By index in `tables`: the cluster of the copy. Ascending. */
  readonly targets: Float64Array;
}

/** The writes of the copies: the tables as they are, with the COPIED flags as the refcounts will be. */
export async function* copyWrites(
  storage: Storage,
  geometry: Geometry,
  { tables, targets }: TableCopies,
  single: ClusterSet,
): AsyncGenerator<ByteWrite> {
  const { clusterSize, l2EntryBytes } = geometry;
  for (const { index, count, byte, length } of piecesOf(targets, clusterSize)) {
    const bytes = new Uint8Array(length);
    await readTables(storage, clusterSize, tables.offsets.subarray(index, index + count), byte, bytes);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < length; at += l2EntryBytes) {
      const hi = view.getUint32(at);
      const copied = wantsCopied(hi, view.getUint32(at + 4), geometry, single);
      if (copied !== l2Copied(hi)) {
        view.setUint32(at, (hi ^ copiedBit) >>> 0);
      }
    }
    const start = BigInt(targets[index] ?? 0) * BigInt(clusterSize);
    yield { structure: 'L2 table', at: start + BigInt(byte), bytes };
  }
}

/** Reads tables one after the other; of a single one perhaps a part. Those that follow each other are read together. */
async function readTables(
  storage: Storage,
  clusterSize: number,
  offsets: Float64Array,
  byte: number,
  into: Uint8Array,
): Promise<void> {
  if (offsets.length === 1) {
    into.fill(0, await storage.read(BigInt((offsets[0] ?? 0) + byte), into));
    return;
  }
  for (let index = 0; index < offsets.length; ) {
    let count = 1;
    while (offsets[index + count] === (offsets[index] ?? 0) + count * clusterSize) {
      count++;
    }
    const part = into.subarray(index * clusterSize, (index + count) * clusterSize);
    part.fill(0, await storage.read(BigInt(offsets[index] ?? 0), part));
    index += count;
  }
}

/**
 * The active L1 table made from another one: it leads to the copies where there are such, and COPIED is as the refcounts
 * will be. Entries without an L2 table stay as they are, and what the other table has not got is empty.
 *
 * @param base - the bytes of the other table
 * @param entries - that it gets, at least as many as the other one has
 */
export function activeL1Table(
  base: Uint8Array,
  entries: number,
  { tables, targets }: TableCopies,
  single: ClusterSet,
  clusterSize: number,
): Uint8Array {
  const bytes = new Uint8Array(entries * l1EntryBytes);
  bytes.set(base);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < base.length; at += l1EntryBytes) {
    const hi = view.getUint32(at);
    const table = l1Place(hi, view.getUint32(at + 4));
    const index = table === 0 ? -1 : indexOfTable(tables, table);
    if (index >= 0) {
      const offset = BigInt(targets[index] ?? 0) * BigInt(clusterSize);
      const entry = encodeL1Entry(offset, tables.references[index] === 1);
      view.setUint32(at, entry.hi);
      view.setUint32(at + 4, entry.lo);
    } else if (table !== 0) {
      const copied = single.has(table / clusterSize);
      view.setUint32(at, ((hi & 0x7fff_ffff) | (copied ? copiedBit : 0)) >>> 0);
    }
  }
  return bytes;
}
