import { Draft } from '../../change/draft.ts';
import { compressedCluster } from '../../format/compressed.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../../format/l2.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { l2TableOf } from '../../image/l1Table.ts';
import type { Progress, Storage } from '../../ports.ts';
import { EndClusters } from './endClusters.ts';
import { requireGeometry } from './entries.ts';
import { isL2Table, unclaimed } from './orphans.ts';
import { survey } from './survey.ts';

/** An L2 table to which nothing leads, and where it could belong. */
export interface TableOffer {
  /** Host offset in bytes. */
  readonly table: bigint;
  /** Entries that lead to data. */
  readonly entries: number;
  /** Places in the active L1 table for which something speaks, the strongest first. */
  readonly places: readonly TablePlace[];
  /** Empty places in the L1 table, whether something speaks for them or not. */
  readonly empty: number;
}

/** A place in the L1 table, and what speaks for it. */
export interface TablePlace {
  readonly l1Index: number;
  /** As a sentence. */
  readonly why: string;
}

/** The first and the last host cluster of data that a table leads to. */
interface Span {
  readonly first: number;
  readonly last: number;
  readonly entries: number;
}

/** Tables that are offered at most: more of them are no lost tables, but a lost L1 table. */
const mostOffers = 1000;

/** Looks for L2 tables to which nothing leads among the clusters in use. Reads the L2 tables of the active layer. */
export async function offerTables(image: Image, storage: Storage, progress: Progress): Promise<TableOffer[]> {
  const geometry = requireGeometry(image.geometry);
  const draft = new Draft(storage);
  const found = await survey(image, geometry, new EndClusters(geometry), true, progress);
  const orphans = await unclaimed(found, mostOffers, (cluster) => isL2Table(draft, geometry, cluster), progress);
  if (orphans.length === 0) {
    return [];
  }
  const { spans, empty } = await activeSpans(image, geometry, progress);
  const offers: TableOffer[] = [];
  for (const orphan of orphans) {
    const span = await spanOf(storage, geometry, orphan * geometry.clusterSize);
    const places = placesFor(orphan, span, spans, empty, orphans.length);
    const table = BigInt(orphan) * BigInt(geometry.clusterSize);
    offers.push({ table, entries: span?.entries ?? 0, places, empty: empty.size });
  }
  return offers;
}

/** By L1 index: where the data of the table lies; and the indices without a table. */
async function activeSpans(
  { l1, storage }: Image,
  geometry: Geometry,
  progress: Progress,
): Promise<{ spans: ReadonlyMap<number, Span>; empty: ReadonlySet<number> }> {
  const spans = new Map<number, Span>();
  const empty = new Set<number>();
  const reach = BigInt(geometry.l2Entries) * BigInt(geometry.clusterSize);
  for (let index = 0; index < l1.entries && BigInt(index) * reach < geometry.guestSize; index++) {
    const table = l2TableOf(l1, index);
    const span = table === 0 ? undefined : await spanOf(storage, geometry, table);
    if (table === 0) {
      empty.add(index);
    } else if (span) {
      spans.set(index, span);
    }
    await progress.step(index, l1.entries);
  }
  return { spans, empty };
}

async function spanOf(storage: Storage, geometry: Geometry, table: number): Promise<Span | undefined> {
  const { clusterSize, clusterBits, l2EntryBytes } = geometry;
  const bytes = new Uint8Array(clusterSize);
  await readHostBytes(storage, BigInt(table), bytes);
  const view = new DataView(bytes.buffer);
  let first = -1;
  let last = -1;
  let entries = 0;
  for (let at = 0; at < clusterSize; at += l2EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const kind = l2Kind(hi, lo, geometry);
    if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated || kind === l2Kinds.compressed) {
      const isPacked = kind === l2Kinds.compressed;
      last = isPacked ? compressedCluster(hi, lo, clusterBits) : Math.floor(l2HostOffset(hi, lo) / clusterSize);
      first = entries === 0 ? last : first;
      entries++;
    }
  }
  return entries === 0 ? undefined : { first, last, entries };
}

/** What is written in order lies in order: between two tables' data there is at most the second table itself. */
function follows(first: number, last: number): boolean {
  return first > last && first - last <= 2;
}

function placesFor(
  orphan: number,
  span: Span | undefined,
  spans: ReadonlyMap<number, Span>,
  empty: ReadonlySet<number>,
  orphans: number,
): TablePlace[] {
  const places = new Map<number, string[]>();
  const speak = (l1Index: number, why: string): void => {
    if (empty.has(l1Index)) {
      places.set(l1Index, [...(places.get(l1Index) ?? []), why]);
    }
  };
  for (const [index, other] of span ? spans : []) {
    if (follows(span?.first ?? 0, other.last) || follows(orphan, other.last)) {
      speak(index + 1, `its data goes on where that of L1[${index}] ends`);
    }
    if (follows(other.first, span?.last ?? 0)) {
      speak(index - 1, `its data ends where that of L1[${index}] begins`);
    }
  }
  const [only] = empty;
  if (empty.size === 1 && only !== undefined) {
    speak(only, orphans === 1 ? 'it is the only table, and the place is the only one' : 'the place is the only one');
  }
  return [...places]
    .map(([l1Index, whys]) => ({ l1Index, whys }))
    .sort((a, b) => b.whys.length - a.whys.length || a.l1Index - b.l1Index)
    .map(({ l1Index, whys }) => ({ l1Index, why: `${whys.join(', and ')}.` }));
}
