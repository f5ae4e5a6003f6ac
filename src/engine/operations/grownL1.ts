import type { Clusters } from '../change/clusters.ts';
import type { Draft } from '../change/draft.ts';
import type { HeaderChange } from '../change/firstCluster.ts';
import { encodeL1Entry, l1EntryBytes } from '../format/l1.ts';
import type { ClusterCounts } from '../image/clusterCounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { type L1Table, l2TableOf } from '../image/l1Table.ts';

/**
 * The active L1 table of a disk that grows. Its new entries go into the clusters that the table has, if they fit in there;
 * else the whole table goes elsewhere (qcow2_grow_l1_table, which always moves it).
 */
export class GrownL1 {
  readonly #geometry: Geometry;
  readonly #former: L1Table;
  readonly #entries: number;
  readonly #table: DataView;
  /** The first entry that is not as it was. */
  #changed: number;
  /** Where it goes, in clusters; undefined for where it is. */
  #start: number | undefined;

  /** `needed`: entries that the new size needs; a table that has more keeps them. */
  constructor(geometry: Geometry, former: L1Table, needed: number) {
    this.#geometry = geometry;
    this.#former = former;
    this.#entries = Math.max(needed, former.entries);
    const bytes = new Uint8Array(this.#entries * l1EntryBytes);
    const { buffer, byteOffset, byteLength } = former.view;
    bytes.set(new Uint8Array(buffer, byteOffset, Math.min(byteLength, former.entries * l1EntryBytes)));
    this.#table = new DataView(bytes.buffer);
    this.#changed = Math.min(former.entries, this.#entries);
  }

  /** Whether its clusters have no room for the new entries. */
  get moves(): boolean {
    return this.#clustersOf(this.#entries) > this.#clustersOf(this.#former.entries);
  }

  /** Host offset of the L2 table of an entry in bytes; 0 for none. */
  table(index: number): number {
    return index < this.#former.entries ? l2TableOf(this.#former, index) : 0;
  }

  /** Has `count` entries from `index` on lead to L2 tables of their own, one after the other from a cluster on. */
  lead(index: number, count: number, cluster: number): void {
    for (let entry = 0; entry < count; entry++) {
      const { hi, lo } = encodeL1Entry(BigInt(cluster + entry) * BigInt(this.#geometry.clusterSize), true);
      this.#table.setUint32((index + entry) * l1EntryBytes, hi);
      this.#table.setUint32((index + entry) * l1EntryBytes + 4, lo);
    }
    this.#changed = Math.min(this.#changed, index);
  }

  /** Takes clusters for a table that moves, and drafts it there, with all its entries; the former's are counted. */
  async move(draft: Draft, clusters: Clusters, gone: ClusterCounts): Promise<void> {
    const { clusterSize } = this.#geometry;
    const count = this.#clustersOf(this.#entries);
    this.#start = await clusters.allocate(count);
    const bytes = new Uint8Array(count * clusterSize);
    bytes.set(new Uint8Array(this.#table.buffer));
    await draft.write('L1 table', BigInt(this.#start) * BigInt(clusterSize), bytes);
    gone.addRun(Number(this.#former.offset) / clusterSize, this.#clustersOf(this.#former.entries));
  }

  /** Drafts the entries that change in a table that stays where it is. */
  async writeEntries(draft: Draft): Promise<void> {
    if (this.#start === undefined && this.#changed < this.#entries) {
      const at = this.#changed * l1EntryBytes;
      const bytes = new Uint8Array(this.#table.buffer, at);
      await draft.write(`L1 table[${this.#changed}]`, this.#former.offset + BigInt(at), bytes);
    }
  }

  /** The fields of the header that lead to it. */
  get fields(): NonNullable<HeaderChange['fields']> {
    const place =
      this.#start === undefined ? {} : { l1_table_offset: BigInt(this.#start) * BigInt(this.#geometry.clusterSize) };
    return { l1_size: this.#entries, ...place };
  }

  #clustersOf(entries: number): number {
    return Math.ceil((entries * l1EntryBytes) / this.#geometry.clusterSize);
  }
}
