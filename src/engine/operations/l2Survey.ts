import { Qcow2Error } from '../error.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import { showOffset } from '../format/show.ts';
import { ClusterCounts } from '../image/clusterCounts.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { inHostOrder } from '../image/l2References.ts';
import type { L2TableSet } from '../image/l2TableSet.ts';
import { type L2Visitor, type Lost, walkL2Tables } from '../image/l2Tables.ts';
import { activeSource, flaws, type ReferenceVisitor } from '../image/reference.ts';
import { walkTableReferences } from '../image/references.ts';
import type { Progress, Storage } from '../ports.ts';

/** Zero entries that are told of by their place. */
const mostPlaces = 10;

/** What the L2 tables of all layers have that versions 2 and 3 see differently. */
export interface L2Survey {
  readonly tables: L2TableSet;
  /** By table: entries whose cluster reads as zeros. */
  readonly zeros: Uint32Array;
  /** All of them; a table counts once, however many layers have it. */
  readonly zeroCount: number;
  /** The first ones, as chains with guest and host offset. */
  readonly places: readonly string[];
  /** The host clusters that such entries keep, with the number of their references. */
  readonly kept: ClusterCounts;
  /** Whether any cluster is compressed. */
  readonly compressed: boolean;
}

/** Reads all L2 tables. Throws `damaged` where one can't be read. */
export async function surveyL2(image: Image, progress: Progress): Promise<L2Survey> {
  const { geometry, storage } = image;
  const tables = await walkTableReferences(image, wholeTables, progress);
  if (!tables || !geometry) {
    throw new Qcow2Error('damaged', 'The header can’t be read as qcow2: there is nothing to change.');
  }
  const survey = new Survey(geometry, tables);
  await walkTables(storage, geometry, tables, survey, progress);
  return survey;
}

/** Visits the entries of tables, in the order in which the tables lie in the file. */
export async function walkTables(
  storage: Storage,
  geometry: Geometry,
  tables: L2TableSet,
  visitor: L2Visitor,
  progress: Progress,
): Promise<void> {
  const range = { from: 0, to: tables.count * geometry.l2Entries };
  if (range.to > 0) {
    await walkL2Tables(storage, geometry, inHostOrder(tables), range, visitor, progress);
  }
}

/** The part of an `L2Visitor` that needs every entry. */
export const wholeEntries = {
  absent: (): boolean => true,
  lost: (_table: number, _from: number, _to: number, { at }: Lost): boolean => {
    throw unread(at);
  },
} as const;

/** Needs every L1 entry. */
const wholeTables: ReferenceVisitor = {
  reference: () => undefined,
  flaw(flaw, { host }) {
    if (flaw === flaws.unreadable || flaw === flaws.unaligned) {
      throw unread(host);
    }
  },
};

function unread(at: bigint): Qcow2Error {
  return new Qcow2Error(
    'damaged',
    `The L2 tables can’t be read as a whole: the entry at ${showOffset(at)} can’t be read or is not aligned. Check and repair the image first.`,
    { at },
  );
}

class Survey implements L2Survey, L2Visitor {
  readonly tables: L2TableSet;
  readonly zeros: Uint32Array;
  zeroCount = 0;
  readonly places: string[] = [];
  readonly kept = new ClusterCounts();
  compressed = false;
  readonly absent = wholeEntries.absent;
  readonly lost = wholeEntries.lost;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry, tables: L2TableSet) {
    this.#geometry = geometry;
    this.tables = tables;
    this.zeros = new Uint32Array(tables.count);
  }

  entries(table: number, from: number, to: number, view: DataView, at: number): boolean {
    const geometry = this.#geometry;
    let place = at;
    for (let entry = from; entry < to; entry++, place += geometry.l2EntryBytes) {
      const hi = view.getUint32(place);
      const lo = view.getUint32(place + 4);
      if ((hi & 0x4000_0000) !== 0) {
        this.compressed = true;
      } else if ((lo & 1) !== 0 && !geometry.extended) {
        this.#zero(table, entry, hi, lo);
      }
    }
    return true;
  }

  #zero(table: number, entry: number, hi: number, lo: number): void {
    this.zeros[table] = (this.zeros[table] ?? 0) + 1;
    this.zeroCount++;
    if (this.places.length < mostPlaces) {
      this.places.push(this.#placeOf(table, entry));
    }
    if (l2Kind(hi, lo, this.#geometry) === l2Kinds.zeroAllocated) {
      const cluster = l2HostOffset(hi, lo) / this.#geometry.clusterSize;
      if (cluster % 1 !== 0 || cluster >= this.#geometry.fileClusters) {
        throw new Qcow2Error(
          'damaged',
          `${this.#placeOf(table, entry)} leads to no cluster of the file. Check and repair the image first.`,
        );
      }
      this.kept.add(cluster, this.tables.references[table] ?? 0);
    }
  }

  #placeOf(table: number, entry: number): string {
    const { clusterSize, l2Entries, l2EntryBytes } = this.#geometry;
    const l1Index = this.tables.l1Indices[table] ?? 0;
    const source = this.tables.sources[table] ?? 0;
    const layer = source === activeSource ? '' : `snapshot[${source}] `;
    const guest = (BigInt(l1Index) * BigInt(l2Entries) + BigInt(entry)) * BigInt(clusterSize);
    const host = BigInt(this.tables.offsets[table] ?? 0) + BigInt(entry * l2EntryBytes);
    return `${layer}L1[${l1Index}] -> L2[${entry}] (entry at ${showOffset(host)}, guest offset ${showOffset(guest)})`;
  }
}
