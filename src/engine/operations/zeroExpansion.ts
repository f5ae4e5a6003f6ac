import type { CountedRun } from '../change/refcountStructure.ts';
import type { StoredRefcounts } from '../change/storedRefcounts.ts';
import { Qcow2Error } from '../error.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import { showOffset } from '../format/show.ts';
import { ClusterCounts } from '../image/clusterCounts.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { type L2TableSet, someTables } from '../image/l2TableSet.ts';
import { activeSource } from '../image/reference.ts';
import type { Progress } from '../ports.ts';
import { type L2Survey, walkTables, wholeEntries } from './l2Survey.ts';
import { referenceCounts, requireCounted } from './referenceCounts.ts';

/** What becomes of an L2 entry. */
export const fates = {
  stays: 0,
  /** A zero cluster without a backing file below: it reads as zeros without an entry too. */
  unallocated: 1,
  /** The ZERO bit goes, since the cluster that it keeps holds zeros. */
  bared: 2,
  /** It gets a cluster of its own, of zeros. */
  zeros: 3,
  /** It gets a cluster of its own with the same data, since the old one is left to it alone, and COPIED can't tell. */
  copy: 4,
} as const;

/** One of `fates`. */
export type Fate = (typeof fates)[keyof typeof fates];

/** Tables of which an entry changes, and how many new clusters each needs. */
export interface ChangedTables {
  readonly tables: L2TableSet;
  /** By table: the number of new clusters of those before it. */
  readonly starts: Float64Array;
  /** New clusters in all. */
  readonly newClusters: number;
  /** How many of them hold a copy. */
  readonly copies: number;
}

/**
 * How an image loses its zero clusters, which version 2 has not got (qcow2_expand_zero_clusters). Unlike QEMU, a cluster
 * that a zero entry keeps while another entry reads its data is left to the other: QEMU writes zeros over the data.
 */
export class ZeroExpansion {
  readonly #geometry: Geometry;
  readonly #tables: L2TableSet;
  readonly #kept: ClusterCounts;
  /** All references to the clusters in `#kept`. */
  readonly #references: ClusterCounts;
  readonly #backing: boolean;
  readonly #encrypted: boolean;
  /** Clusters to which the entries will refer no more, with the number of these entries' references. */
  readonly released = new ClusterCounts();
  #changed: ChangedTables | undefined;

  private constructor(image: Image, geometry: Geometry, survey: L2Survey, references: ClusterCounts) {
    this.#geometry = geometry;
    this.#tables = survey.tables;
    this.#kept = survey.kept;
    this.#references = references;
    this.#backing = image.backing !== undefined;
    this.#encrypted = (image.header?.crypt_method ?? 0) !== 0;
  }

  /**
   * Decides what becomes of each entry. Throws `damaged` where refcounts are too low for what refers to a cluster, and
   * `refused` where an encrypted cluster would have to move.
   */
  static async of(
    image: Image,
    geometry: Geometry,
    survey: L2Survey,
    stored: StoredRefcounts,
    progress: Progress,
  ): Promise<ZeroExpansion> {
    const references = await referenceCounts(image, survey.kept, progress);
    const expansion = new ZeroExpansion(image, geometry, survey, references);
    const mixed = expansion.#hasMixed();
    const indices = Array.from(survey.zeros.keys()).filter((index) => mixed || survey.zeros[index] !== 0);
    await expansion.#decide(image, someTables(survey.tables, indices), progress);
    for (const cluster of expansion.released) {
      await requireCounted(stored, cluster, references.count(cluster));
    }
    return expansion;
  }

  /** The tables of which an entry changes. */
  get changed(): ChangedTables {
    const none = { starts: new Float64Array(0), newClusters: 0, copies: 0 };
    return this.#changed ?? { tables: someTables(this.#tables, []), ...none };
  }

  /** The clusters that keep their place and must hold zeros. */
  *emptied(): Generator<number> {
    for (const cluster of this.#kept) {
      if (!this.#encrypted && !this.#isMixed(cluster)) {
        yield cluster;
      }
    }
  }

  /** How often each new cluster is referred to, the first of them being at `first`. */
  runs(first: number): CountedRun[] {
    const { tables, starts, newClusters } = this.changed;
    const runs: CountedRun[] = [];
    for (let index = 0; index < tables.count; index++) {
      const start = starts[index] ?? 0;
      const count = (starts[index + 1] ?? newClusters) - start;
      const refcount = tables.references[index] ?? 0;
      const last = runs.at(-1);
      if (count > 0 && last?.refcount === refcount) {
        runs[runs.length - 1] = { ...last, count: last.count + count };
      } else if (count > 0) {
        runs.push({ first: first + start, count, refcount });
      }
    }
    return runs;
  }

  /** What becomes of an entry of one of the tables. */
  fate(tables: L2TableSet, table: number, hi: number, lo: number): Fate {
    switch (l2Kind(hi, lo, this.#geometry)) {
      case l2Kinds.zeroPlain:
        return this.#backing ? fates.zeros : fates.unallocated;
      case l2Kinds.zeroAllocated:
        if (!this.#encrypted && !this.#isMixed(this.#clusterOf(hi, lo))) {
          return fates.bared;
        }
        return this.#backing ? fates.zeros : fates.unallocated;
      case l2Kinds.normal: {
        const cluster = this.#clusterOf(hi, lo);
        const left = isOwn(tables, table) && this.#isMixed(cluster) && this.#othersOf(cluster) === 1;
        return left ? fates.copy : fates.stays;
      }
      default:
        return fates.stays;
    }
  }

  /** Whether something else than zero entries refers to a cluster that a zero entry keeps. */
  #isMixed(cluster: number): boolean {
    return this.#kept.count(cluster) > 0 && this.#othersOf(cluster) > 0;
  }

  #hasMixed(): boolean {
    for (const cluster of this.#kept) {
      if (this.#isMixed(cluster)) {
        return true;
      }
    }
    return false;
  }

  #othersOf(cluster: number): number {
    return this.#references.count(cluster) - this.#kept.count(cluster);
  }

  #clusterOf(hi: number, lo: number): number {
    return l2HostOffset(hi, lo) / this.#geometry.clusterSize;
  }

  /** Goes through the entries once: how many change, and what they give back. */
  async #decide({ storage }: Image, tables: L2TableSet, progress: Progress): Promise<void> {
    const geometry = this.#geometry;
    const changes = new Uint32Array(tables.count);
    const fresh = new Uint32Array(tables.count);
    let copies = 0;
    const decide = (table: number, hi: number, lo: number): void => {
      const fate = this.fate(tables, table, hi, lo);
      if (fate === fates.stays) {
        return;
      }
      changes[table] = (changes[table] ?? 0) + 1;
      if (fate === fates.zeros || fate === fates.copy) {
        fresh[table] = (fresh[table] ?? 0) + 1;
        copies += fate === fates.copy ? 1 : 0;
      }
      const kind = l2Kind(hi, lo, geometry);
      if (fate === fates.copy && this.#encrypted) {
        throw cantMove(this.#clusterOf(hi, lo) * geometry.clusterSize);
      }
      if (fate !== fates.bared && kind !== l2Kinds.zeroPlain) {
        this.released.add(this.#clusterOf(hi, lo), tables.references[table] ?? 0);
      }
    };
    const visitor = {
      ...wholeEntries,
      entries(table: number, from: number, to: number, view: DataView, at: number): boolean {
        for (let place = at; place < at + (to - from) * 8; place += 8) {
          decide(table, view.getUint32(place), view.getUint32(place + 4));
        }
        return true;
      },
    };
    await walkTables(storage, geometry, tables, visitor, progress);
    const indices = Array.from(changes.keys()).filter((index) => changes[index] !== 0);
    const starts = new Float64Array(indices.length);
    let newClusters = 0;
    for (const [at, index] of indices.entries()) {
      starts[at] = newClusters;
      newClusters += fresh[index] ?? 0;
    }
    this.#changed = { tables: someTables(tables, indices), starts, newClusters, copies };
  }
}

/** Whether a table is of the active layer alone, so that its entries' COPIED tells whether a refcount is 1. */
export function isOwn(tables: L2TableSet, table: number): boolean {
  return tables.sources[table] === activeSource && tables.references[table] === 1;
}

function cantMove(offset: number): Qcow2Error {
  return new Qcow2Error(
    'refused',
    `The image is not changed. The encrypted cluster at ${showOffset(offset)} would have to move, which changes its encryption: a snapshot keeps it for a cluster that reads as zeros. Delete that snapshot first.`,
  );
}
