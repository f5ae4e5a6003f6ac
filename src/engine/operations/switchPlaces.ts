import type { BlockPlaces, ClusterList } from '../change/newRefcounts.ts';
import type { StoredRefcounts } from '../change/storedRefcounts.ts';
import { type ClusterRun, SwitchLayout } from '../change/switchLayout.ts';
import { l1EntryBytes } from '../format/l1.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import { clustersOf } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import type { L2TableSet } from '../image/l2TableSet.ts';
import type { TableCopies } from './activeTables.ts';

/** Where everything comes to lie that is made anew. */
export interface SwitchPlaces {
  readonly l1: ClusterRun;
  readonly snapshotTable: ClusterRun;
  readonly refcountTable: ClusterRun;
  readonly blocks: BlockPlaces;
  readonly copies: TableCopies;
  /** The clusters of all these. */
  readonly taken: ClusterList;
  /** The clusters of what they replace, and of what nothing refers to any more. */
  readonly released: ClusterList;
}

/** What needs a place. */
export interface SwitchNeeds {
  /** Entries of the L1 table. */
  readonly l1Entries: number;
  /** Bytes; 0 where there is none, or no new one. */
  readonly snapshotTable: number;
  /** The L2 tables that are copied. */
  readonly tables: L2TableSet;
  /** Areas that nothing will refer to. In bytes. */
  readonly released: readonly { readonly offset: bigint; readonly length: bigint }[];
  /** Indices of the refcount blocks that change in any case. */
  readonly blocks: ReadonlySet<number>;
}

/**
 * Finds the places: the tables first, since they need clusters in a row, then what fits anywhere. The lowest free clusters
 * are taken, so that snapshots that come and go use the same ones again.
 *
 * @param used - clusters in use; changed
 */
export async function findPlaces(
  image: Image,
  stored: StoredRefcounts,
  needs: SwitchNeeds,
  used: ClusterSet,
): Promise<SwitchPlaces> {
  const { geometry } = stored;
  const { clusterBits, clusterSize } = geometry;
  const layout = new SwitchLayout(used, stored, needs.blocks);
  const clustersFor = (bytes: number): number => Number(clustersOf(BigInt(bytes), clusterBits));
  const l1 = await layout.take(clustersFor(needs.l1Entries * l1EntryBytes));
  const snapshotTable = await layout.take(clustersFor(needs.snapshotTable));
  const targets = await layout.takeSingles(needs.tables.count);
  const areas = needs.released.map(({ offset, length }) => ({
    start: Number(offset >> BigInt(clusterBits)),
    clusters: Number(clustersOf(length, clusterBits)),
  }));
  const sources = needs.tables.offsets.map((offset) => offset / clusterSize);
  for (const area of areas) {
    layout.touch(area);
  }
  for (const source of sources) {
    layout.touch({ start: source, clusters: 1 });
  }
  const { refcount_table_offset: tableOffset = 0n, refcount_table_clusters: clusters = 0 } = image.header ?? {};
  const former = { start: Number(tableOffset >> BigInt(clusterBits)), clusters };
  const { table: refcountTable, blocks } = await layout.takeRefcounts(former);
  const taken = new ListOfClusters();
  taken.addRuns(l1, snapshotTable, refcountTable);
  taken.addEach(blocks.clusters);
  taken.addEach(targets, needs.tables.references);
  const released = new ListOfClusters();
  released.addRuns(former, ...areas);
  released.addEach(blocks.indices.map((index) => stored.blocks[index] ?? 0).filter((cluster) => cluster !== 0));
  released.addEach(sources, needs.tables.references);
  return {
    l1,
    snapshotTable,
    refcountTable,
    blocks,
    copies: { tables: needs.tables, targets },
    taken: taken.sorted(),
    released: released.sorted(),
  };
}

class ListOfClusters {
  readonly #clusters: number[] = [];

  addRuns(...runs: readonly ClusterRun[]): void {
    for (const { start, clusters } of runs) {
      for (let cluster = start; cluster < start + clusters; cluster++) {
        this.#clusters.push(cluster);
      }
    }
  }

  /** `times`: how often each counts. */
  addEach(clusters: Float64Array, times?: Uint32Array): void {
    for (const [index, cluster] of clusters.entries()) {
      for (let time = times?.[index] ?? 1; time > 0; time--) {
        this.#clusters.push(cluster);
      }
    }
  }

  sorted(): ClusterList {
    return Float64Array.from(this.#clusters).sort();
  }
}
