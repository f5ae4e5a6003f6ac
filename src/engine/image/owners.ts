import { l1Place } from '../format/l1.ts';
import type { Progress } from '../ports.ts';
import { type EntryTable, segmentsOf, walkEntries } from './entryTables.ts';
import { type Geometry, type GuestOffset, guestOffset } from './geometry.ts';
import type { Image } from './image.ts';
import { type Owner, owners } from './reference.ts';
import { l1TablesOf, walkReferences } from './references.ts';

/** One reference to a host cluster. */
export interface ClusterOwner {
  readonly owner: Owner;
  /** Snapshot index, -1 for the active layer; bitmap index for bitmaps; 0 for what there is one of. */
  readonly source: number;
  /** As in `ReferenceVisitor`: guest cluster of data, L1 index of an L2 table, index in a refcount or bitmap table. */
  readonly index: number;
  /** For data and compressed data: the guest offset of their cluster. */
  readonly guest?: GuestOffset;
}

/** All owners of a host cluster, in the active layer and in every snapshot. Walks all tables. */
export async function ownersOf(image: Image, cluster: number, progress: Progress): Promise<ClusterOwner[]> {
  const { geometry } = image;
  if (!geometry) {
    return [];
  }
  const found: ClusterOwner[] = [];
  const shared: ClusterOwner[] = [];
  const reference = (
    owner: Owner,
    source: number,
    index: number,
    first: number,
    count: number,
    references: number,
  ): void => {
    if (cluster < first || cluster >= first + count) {
      return;
    }
    if (owner !== owners.data && owner !== owners.compressed) {
      found.push({ owner, source, index });
      return;
    }
    // A run of data is one guest cluster each; compressed data is of one guest cluster.
    const of = owner === owners.data ? index + (cluster - first) : index;
    (references > 1 ? shared : found).push({ owner, source, index: of, guest: guestOffset(geometry, of) });
  };
  await walkReferences(image, { reference }, progress);
  if (shared.length > 0) {
    const tables = await l1TablesOf(image, geometry);
    for (const owner of shared) {
      found.push(...(await allLayers(image, geometry, tables, owner, progress)));
    }
  }
  return found;
}

/** An owner by way of an L2 table that several L1 entries lead to: once for each of them. */
async function allLayers(
  image: Image,
  geometry: Geometry,
  tables: readonly EntryTable[],
  { owner, source, index }: ClusterOwner,
  progress: Progress,
): Promise<ClusterOwner[]> {
  const inTable = index % geometry.l2Entries;
  const wanted = (index - inTable) / geometry.l2Entries;
  const found: ClusterOwner[] = [];
  let l2Table = 0;
  const eachEntry = async (
    some: readonly EntryTable[],
    visit: (source: number, index: number, table: number) => void,
  ) => {
    for (const table of some) {
      const entry = (_segment: unknown, l1Index: number, hi: number, lo: number): void =>
        visit(table.source, l1Index, l1Place(hi, lo));
      await walkEntries(
        image.storage,
        segmentsOf([table]),
        entry,
        () => undefined,
        () => progress.step(0, 0),
      );
    }
  };
  const own = tables.filter((table) => table.source === source);
  await eachEntry(own, (_source, l1Index, table) => {
    l2Table = l1Index === wanted ? table : l2Table;
  });
  await eachEntry(tables, (other, l1Index, table) => {
    if (table === l2Table) {
      const guest = l1Index * geometry.l2Entries + inTable;
      found.push({ owner, source: other, index: guest, guest: guestOffset(geometry, guest) });
    }
  });
  return found;
}
