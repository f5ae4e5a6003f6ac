import { Qcow2Error } from '../error.ts';
import { refcountBlockEntries, refcountTableEntryBytes } from '../format/refcounts.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import { limits } from '../limits.ts';

/** What an allocation came to: `again` when a refcount block was made meanwhile, so that the search starts anew. */
type Outcome = 'done' | 'again';

/**
 * The clusters of an image that is being made: which ones are in use, and where the refcount table and its blocks lie.
 * Takes clusters in the order in which QEMU takes them (block/qcow2-refcount.c), so that the image is the same to the
 * byte. Cluster indices are plain numbers; nothing is read or written.
 */
export class NewClusters {
  readonly #clusterBytes: number;
  readonly #order: number;
  /** Clusters that a refcount block counts. */
  readonly blockEntries: number;
  /** By index in the refcount table: the cluster of the block; 0 for none. */
  blocks: number[] = [];
  /** First cluster of the refcount table. */
  tableStart = 0;
  /** Clusters of the refcount table. */
  tableClusters = 0;
  /** The refcount tables that there were before, as they were left: their clusters may be used again. */
  readonly formerTables: { readonly start: number; readonly blocks: readonly number[] }[] = [];
  readonly #used = new ClusterSet();
  /** Where the next search starts: no cluster before it is free, but for those that a run skipped. */
  #next = 0;

  /** `clusterBits` and `refcountOrder` as in the header. */
  constructor(clusterBits: number, refcountOrder: number) {
    this.#clusterBytes = 2 ** clusterBits;
    this.#order = refcountOrder;
    this.blockEntries = refcountBlockEntries(clusterBits, refcountOrder);
    this.#setTable(1, 1);
    this.blocks[0] = 2;
    // The header, the refcount table, the first refcount block.
    this.allocate(3);
  }

  /** Whether a cluster is in use. */
  isUsed(cluster: number): boolean {
    return this.#used.has(cluster);
  }

  /** The number of clusters up to the last one in use. */
  get end(): number {
    return this.#used.end;
  }

  /** Takes `count` clusters in a row and returns the first (qcow2_alloc_clusters). */
  allocate(count: number): number {
    for (;;) {
      const first = this.#find(count);
      if (this.#take(first, count) === 'done') {
        return first;
      }
    }
  }

  /** Takes the `count` free clusters from `first` on (qcow2_alloc_clusters_at). */
  allocateAt(first: number, count: number): void {
    while (this.#take(first, count) === 'again');
  }

  /**
   * Moves the refcount table to `start`, with room to count `extra` clusters after itself, and returns the cluster after
   * it (qcow2_refcount_area). `exact`: without room to grow.
   */
  moveTable(start: number, extra: number, exact: boolean, newIndex = -1, newBlock = 0): number {
    const total = this.#blocksFor(start + extra, !exact);
    const perCluster = this.#clusterBytes / refcountTableEntryBytes;
    const wanted = exact ? total : total + Math.ceil(total / 2);
    const tableClusters = Math.ceil(wanted / perCluster);
    if (tableClusters * this.#clusterBytes > limits.refcountTableBytes) {
      throw new Qcow2Error('too-large', 'The image needs a refcount table of more than 8 MiB. Use larger clusters.');
    }
    const former = { start: this.tableStart, clusters: this.tableClusters, blocks: [...this.blocks] };
    this.formerTables.push(former);
    if (newIndex >= 0) {
      this.blocks[newIndex] = newBlock;
    }
    const firstIndex = Math.floor(start / this.blockEntries);
    let at = start;
    for (let index = firstIndex; index < total; index++) {
      if ((this.blocks[index] ?? 0) === 0) {
        this.blocks[index] = at++;
      }
    }
    const end = at + tableClusters;
    this.#used.add(start, end - start);
    this.#setTable(at, tableClusters);
    this.#release(former.start, former.clusters);
    return end;
  }

  #setTable(start: number, clusters: number): void {
    this.tableStart = start;
    this.tableClusters = clusters;
    const entries = (clusters * this.#clusterBytes) / refcountTableEntryBytes;
    while (this.blocks.length < entries) {
      this.blocks.push(0);
    }
  }

  /** The first of `count` free clusters in a row, from where the last search ended (alloc_clusters_noref). */
  #find(count: number): number {
    const first = this.#used.firstFree(this.#next, count);
    this.#next = first + count;
    return first;
  }

  /** Counts clusters as used, once there is a refcount block for each (update_refcount). */
  #take(first: number, count: number): Outcome {
    const last = Math.floor((first + count - 1) / this.blockEntries);
    for (let index = Math.floor(first / this.blockEntries); index <= last; index++) {
      const from = Math.max(first, index * this.blockEntries);
      if ((this.blocks[index] ?? 0) === 0) {
        // What was counted so far is taken back, but it is in the way of the block's own search.
        this.#used.add(first, from - first);
        this.#addBlock(index, from);
        this.#used.remove(first, from - first);
        this.#next = Math.min(this.#next, first);
        return 'again';
      }
    }
    this.#used.add(first, count);
    return 'done';
  }

  /** Makes the refcount block of index `index`, which is to count `cluster` (alloc_refcount_block). */
  #addBlock(index: number, cluster: number): void {
    const block = this.#find(1);
    if (Math.floor(block / this.blockEntries) === index) {
      this.#used.add(block, 1);
    } else if (this.#take(block, 1) === 'again') {
      return;
    }
    if (index < (this.tableClusters * this.#clusterBytes) / refcountTableEntryBytes) {
      this.blocks[index] = block;
      return;
    }
    const blocks = Math.ceil(Math.max(cluster + 1, block) / this.blockEntries);
    this.moveTable(blocks * this.blockEntries, 0, false, index, block);
  }

  #release(first: number, count: number): void {
    this.#used.remove(first, count);
    this.#next = Math.min(this.#next, first);
  }

  /** Refcount blocks for so many clusters and for the blocks and the table themselves (qcow2_refcount_metadata_size). */
  #blocksFor(clusters: number, generous: boolean): number {
    const perTableCluster = this.#clusterBytes / refcountTableEntryBytes;
    const perBlock = (this.#clusterBytes * 8) / 2 ** this.#order;
    let counted = clusters;
    let room = generous;
    let table = 0;
    let blocks = 0;
    for (let last = -1, all = 0; all !== last; ) {
      last = all;
      blocks = Math.ceil((counted + table + blocks) / perBlock);
      table = Math.ceil(blocks / perTableCluster);
      all = counted + blocks + table;
      if (all === last && room) {
        counted += Math.ceil(table / 2);
        room = false;
        all = -2;
      }
    }
    return blocks;
  }
}
