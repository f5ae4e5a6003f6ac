import { bitmapFields, bitmapFixedBytes } from '../format/bitmaps.ts';
import { type Snapshot, snapshotExtraFields, snapshotFields, snapshotFixedBytes } from '../format/snapshots.ts';
import type { Progress } from '../ports.ts';
import { walkBitmapDirectory } from './bitmapDirectory.ts';
import { segmentsOf } from './entryTables.ts';
import type { Geometry } from './geometry.ts';
import type { Image } from './image.ts';
import { type L2TableSet, l2TableSet } from './l2TableSet.ts';
import { readRefcountTable, refcountTableEntries } from './refcountTable.ts';
import { l1TablesOf } from './references.ts';
import { walkSnapshotTable } from './snapshotTable.ts';
import { fieldSpans, type StructurePart, type StructureSpan } from './structureSpans.ts';

/** The sizes of an entry of a table whose entries differ in length. */
interface ListEntry {
  readonly start: bigint;
  readonly fixed: number;
  readonly extra: number;
  readonly id: number;
  readonly name: number;
}

/**
 * The structures whose places other tables tell: snapshot table and bitmap directory with their tables, refcount blocks,
 * and L2 tables of all layers. Made by reading L1 tables and the refcount table once; L2 tables are not read.
 */
export class TableSpans {
  readonly #geometry: Geometry;
  readonly #snapshots: readonly ListEntry[];
  readonly #bitmaps: readonly ListEntry[];
  readonly #tables: readonly StructureSpan[];
  /** Host offsets in bytes, ascending, with the index in the refcount table. */
  readonly #blocks: readonly { readonly offset: number; readonly index: number }[];
  readonly #l2: L2TableSet;

  private constructor(
    geometry: Geometry,
    lists: { snapshots: readonly ListEntry[]; bitmaps: readonly ListEntry[]; tables: readonly StructureSpan[] },
    blocks: readonly { readonly offset: number; readonly index: number }[],
    l2: L2TableSet,
  ) {
    this.#geometry = geometry;
    this.#snapshots = lists.snapshots;
    this.#bitmaps = lists.bitmaps;
    this.#tables = lists.tables;
    this.#blocks = blocks;
    this.#l2 = l2;
  }

  /** Reads what leads to the tables. */
  static async read(image: Image, geometry: Geometry, progress: Progress): Promise<TableSpans> {
    const tables: StructureSpan[] = [];
    const snapshots = await snapshotEntries(image, tables);
    const bitmaps = await bitmapEntries(image, tables);
    const blocks = await refcountBlocks(image, geometry);
    const l1Tables = await l1TablesOf(image, geometry);
    const visitor = { reference: () => undefined };
    const pause = (): Promise<void> => progress.step(0, 0);
    const l2 = await l2TableSet(image.storage, geometry, segmentsOf(l1Tables), visitor, pause);
    return new TableSpans(geometry, { snapshots, bitmaps, tables }, blocks, l2);
  }

  /** The spans that touch a range of the file, the most exact ones first. */
  at(start: bigint, length: bigint): StructureSpan[] {
    const end = start + length;
    const touches = (span: StructureSpan): boolean => span.start < end && span.start + span.length > start;
    return [
      ...this.#snapshots.flatMap((entry, index) => listSpans(entry, end, start, 'snapshot', index)).filter(touches),
      ...this.#bitmaps.flatMap((entry, index) => listSpans(entry, end, start, 'bitmap', index)).filter(touches),
      ...this.#tables.filter(touches),
      ...this.#blocksAt(start, end),
      ...this.#l2At(start, end),
    ];
  }

  #blocksAt(start: bigint, end: bigint): StructureSpan[] {
    const { clusterSize, refcountOrder } = this.#geometry;
    const first = firstAfter(this.#blocks.length, (at) => this.#blocks[at]?.offset ?? 0, Number(start) - clusterSize);
    const spans: StructureSpan[] = [];
    for (let at = first; at < this.#blocks.length; at++) {
      const block = this.#blocks[at];
      if (!block || BigInt(block.offset) >= end) {
        break;
      }
      spans.push({
        start: BigInt(block.offset),
        length: BigInt(clusterSize),
        kind: 'refcount-block',
        name: `refcount block ${block.index}`,
        part: { part: 'refcount-entry', block: block.index },
        entryBits: 2 ** refcountOrder,
      });
    }
    return spans;
  }

  #l2At(start: bigint, end: bigint): StructureSpan[] {
    const { clusterSize, l2EntryBytes } = this.#geometry;
    const { count, offsets, sources, l1Indices } = this.#l2;
    const first = firstAfter(count, (at) => offsets[at] ?? 0, Number(start) - clusterSize);
    const spans: StructureSpan[] = [];
    for (let at = first; at < count && BigInt(offsets[at] ?? 0) < end; at++) {
      const source = sources[at] ?? -1;
      const l1 = l1Indices[at] ?? 0;
      const layer = source < 0 ? {} : { snapshot: source };
      spans.push({
        start: BigInt(offsets[at] ?? 0),
        length: BigInt(clusterSize),
        kind: 'l2-table',
        name: `${source < 0 ? '' : `snapshot[${source}] -> `}L1[${l1}] -> L2`,
        part: { part: 'l2-entry', l1, ...layer },
        entryBits: l2EntryBytes * 8,
      });
    }
    return spans;
  }
}

/** The index of the first of ascending offsets that is greater than a bound. */
function firstAfter(count: number, offsetAt: (index: number) => number, bound: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsetAt(middle) > bound) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

async function snapshotEntries(image: Image, tables: StructureSpan[]): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  const add = ({ index, offset, fields }: Snapshot): void => {
    const { extra_data_size: extra, id_str_size: id, name_size: name } = fields;
    entries.push({ start: offset, fixed: snapshotFixedBytes, extra, id, name });
    tables.push({
      start: fields.l1_table_offset,
      length: BigInt(fields.l1_size) * 8n,
      kind: 'l1-table',
      name: `snapshot[${index}] -> L1`,
      part: { part: 'l1-entry', snapshot: index },
      entryBits: 64,
    });
  };
  if (image.header) {
    await walkSnapshotTable(image.storage, image.header, (chunk) => {
      chunk.entries.forEach(add);
    });
  }
  return entries;
}

async function bitmapEntries(image: Image, tables: StructureSpan[]): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  if (image.bitmapDirectory) {
    await walkBitmapDirectory(image.storage, image.bitmapDirectory, (chunk) => {
      for (const { index, offset, fields } of chunk.entries) {
        const { extra_data_size: extra, name_size: name } = fields;
        entries.push({ start: offset, fixed: bitmapFixedBytes, extra, id: 0, name });
        tables.push({
          start: fields.bitmap_table_offset,
          length: BigInt(fields.bitmap_table_size) * 8n,
          kind: 'bitmap',
          name: `bitmap[${index}].table`,
          part: { part: 'bitmap', index },
          entryBits: 64,
        });
      }
    });
  }
  return entries;
}

async function refcountBlocks(
  { storage, header }: Image,
  geometry: Geometry,
): Promise<{ offset: number; index: number }[]> {
  if (!header) {
    return [];
  }
  const table = await readRefcountTable(storage, geometry, header);
  return [...refcountTableEntries(geometry, table)]
    .filter(({ block, unaligned }) => block !== 0 && !unaligned)
    .map(({ block, index }) => ({ offset: block, index }))
    .sort((a, b) => a.offset - b.offset);
}

/** The fields of an entry of the snapshot table or the bitmap directory, if it touches the range. */
function listSpans(
  { start, fixed, extra, id, name }: ListEntry,
  end: bigint,
  from: bigint,
  list: 'snapshot' | 'bitmap',
  index: number,
): StructureSpan[] {
  const length = fixed + extra + id + name;
  if (start >= end || start + BigInt(length) <= from) {
    return [];
  }
  const part: StructurePart = { part: list, index };
  const of = { kind: list === 'snapshot' ? 'snapshot-table' : 'bitmap', name: `${list}[${index}]`, part } as const;
  const known = list === 'snapshot' ? snapshotExtraFields : [];
  return [
    ...fieldSpans(list === 'snapshot' ? snapshotFields : bitmapFields, start, of),
    ...fieldSpans(
      known.filter((field) => field.offset + field.width <= extra),
      start + BigInt(fixed),
      of,
    ),
    ...fieldSpans(
      [
        { name: 'extra_data', offset: fixed, width: extra },
        { name: 'id', offset: fixed + extra, width: id },
        { name: 'name', offset: fixed + extra + id, width: name },
      ].filter(({ width }) => width > 0),
      start,
      of,
    ),
  ];
}
