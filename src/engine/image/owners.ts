import { l1Place } from '../format/l1.ts';
import type { Progress } from '../ports.ts';
import { segmentsOf, walkEntries } from './entryTables.ts';
import { type Geometry, type GuestOffset, guestOffset } from './geometry.ts';
import type { Image } from './image.ts';
import { walkL2References } from './l2References.ts';
import type { L2Summaries } from './l2Summaries.ts';
import { type L2TableSet, someTables } from './l2TableSet.ts';
import { type Owner, owners, type ReferenceVisitor } from './reference.ts';
import { l1TablesOf, walkTableReferences } from './references.ts';
import { share } from './scan.ts';

/** One reference to a run of host clusters. */
export interface ClusterOwner {
  readonly owner: Owner;
  /** Snapshot index, -1 for the active layer; bitmap index for bitmaps; 0 for what there is one of. */
  readonly source: number;
  /** As in `ReferenceVisitor`: guest cluster of data, L1 index of an L2 table, index in a refcount or bitmap table. */
  readonly index: number;
  /** For data and compressed data: the guest offset of their (first) cluster. */
  readonly guest?: GuestOffset;
  /** The host clusters of the range that it refers to: the first one, and how many. */
  readonly cluster: number;
  readonly count: number;
}

/** The owners of a range of host clusters. */
export interface OwnersFound {
  /** The first ones, as they were met: tables before data. */
  readonly owners: readonly ClusterOwner[];
  /** How many there are in all. */
  readonly count: number;
  /** L2 tables that were read. */
  readonly tables: number;
}

/** All owners of a host cluster, in the active layer and in every snapshot. Walks all tables. */
export async function ownersOf(image: Image, cluster: number, progress: Progress): Promise<readonly ClusterOwner[]> {
  const range = { from: cluster, to: cluster + 1 };
  return (await ownersIn(image, range, undefined, Number.POSITIVE_INFINITY, progress)).owners;
}

/**
 * The owners of the host clusters `from` to `to` (exclusive), at most `most` of them listed. With summaries, only those
 * L2 tables are read whose entries reach there; else all. Reports progress in L2 tables.
 */
export async function ownersIn(
  image: Image,
  range: { readonly from: number; readonly to: number },
  summaries: L2Summaries | undefined,
  most: number,
  progress: Progress,
): Promise<OwnersFound> {
  const { geometry } = image;
  if (!geometry) {
    return { owners: [], count: 0, tables: 0 };
  }
  const list = new OwnerList(geometry, range, most);
  const set = await walkTableReferences(image, list.visitor(), share(progress, 0, 0));
  if (!set) {
    return { owners: list.owners, count: list.count, tables: 0 };
  }
  const tables = summaries ? someTables(summaries.tables, summaries.reaching(range.from, range.to)) : set;
  const ofTables = list.visitorOf(tables);
  await walkL2References(image.storage, geometry, tables, ofTables, share(progress, 0, 1));
  await list.addShared(image, share(progress, 1, 1));
  return { owners: list.owners, count: list.count, tables: tables.count };
}

/** A reference by way of an L2 table that several L1 entries lead to. */
interface SharedOwner {
  readonly owner: ClusterOwner;
  /** Index of its guest cluster in the L2 table. */
  readonly entry: number;
}

class OwnerList {
  readonly owners: ClusterOwner[] = [];
  count = 0;
  readonly #geometry: Geometry;
  readonly #range: { readonly from: number; readonly to: number };
  readonly #most: number;
  /** By host offset of the L2 table, in bytes. */
  readonly #shared = new Map<number, SharedOwner[]>();
  #kept = 0;

  constructor(geometry: Geometry, range: { readonly from: number; readonly to: number }, most: number) {
    this.#geometry = geometry;
    this.#range = range;
    this.#most = most;
  }

  /** Takes references that the tables' places tell. */
  visitor(): ReferenceVisitor {
    return {
      reference: (owner, source, index, cluster, count) => {
        const found = this.#within(owner, source, index, cluster, count);
        if (found) {
          this.#add(found);
        }
      },
    };
  }

  /** Takes references of the entries of L2 tables. */
  visitorOf(tables: L2TableSet): ReferenceVisitor {
    let table = 0;
    return {
      table: (index) => {
        table = tables.offsets[index] ?? 0;
      },
      reference: (owner, source, index, cluster, count, references) => {
        const found = this.#within(owner, source, index, cluster, count);
        if (found && references > 1) {
          this.#addOf(table, found, references);
        } else if (found) {
          this.#add(found);
        }
      },
    };
  }

  /** Adds the owners by way of shared L2 tables, once for each L1 entry that leads there. Walks all L1 tables. */
  async addShared(image: Image, progress: Progress): Promise<void> {
    if (this.#shared.size === 0) {
      return;
    }
    const { l2Entries } = this.#geometry;
    for (const table of await l1TablesOf(image, this.#geometry)) {
      await walkEntries(
        image.storage,
        segmentsOf([table]),
        (_segment, l1Index, hi, lo) => {
          for (const { owner, entry } of this.#shared.get(l1Place(hi, lo)) ?? []) {
            const index = l1Index * l2Entries + entry;
            this.#list({ ...owner, source: table.source, index, guest: guestOffset(this.#geometry, index) });
          }
        },
        () => undefined,
        () => progress.step(0, 0),
      );
    }
  }

  #add(owner: ClusterOwner): void {
    this.count++;
    this.#list(owner);
  }

  #list(owner: ClusterOwner): void {
    if (this.owners.length < this.#most) {
      this.owners.push(owner);
    }
  }

  /** Counts an owner as often as its table is referred to; who they are is found out later. */
  #addOf(table: number, owner: ClusterOwner, references: number): void {
    this.count += references;
    if (this.#kept >= this.#most) {
      return;
    }
    this.#kept++;
    const list = this.#shared.get(table) ?? [];
    this.#shared.set(table, list);
    list.push({ owner, entry: owner.index % this.#geometry.l2Entries });
  }

  /** The part of a reference that lies in the range. */
  #within(owner: Owner, source: number, index: number, first: number, count: number): ClusterOwner | undefined {
    const cluster = Math.max(first, this.#range.from);
    const end = Math.min(first + count, this.#range.to);
    if (cluster >= end) {
      return undefined;
    }
    const place = { owner, source, cluster, count: end - cluster };
    if (owner !== owners.data && owner !== owners.compressed) {
      return { ...place, index };
    }
    // A run of data is one guest cluster each; compressed data is of one guest cluster.
    const of = owner === owners.data ? index + (cluster - first) : index;
    return { ...place, index: of, guest: guestOffset(this.#geometry, of) };
  }
}
