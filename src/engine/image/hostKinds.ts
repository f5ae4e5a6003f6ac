/** What a host cluster is known to be: four bits a cluster. */
export const hostKinds = {
  /** Refcount 0, and no reference is known. */
  free: 0,
  header: 1,
  l1Table: 2,
  l2Table: 3,
  refcountTable: 4,
  refcountBlock: 5,
  snapshotTable: 6,
  bitmap: 7,
  luks: 8,
  data: 9,
  compressed: 10,
  /** Data with more than one reference. */
  shared: 11,
  /** Refcount not 0, and nothing refers to it. */
  leaked: 12,
  /** Refcount not 0, references not known. */
  refcounted: 13,
  /** Its refcount can't be read, and no reference is known. */
  unknown: 14,
} as const;

/** One of `hostKinds`. */
export type HostKind = (typeof hostKinds)[keyof typeof hostKinds];

/** What becomes of each kind of cluster. */
export interface KindRule {
  /** By kind. */
  readonly next: Uint8Array;
  /** By two kinds, the one of the even cluster in the low half. */
  readonly pairs: Uint8Array;
}

/** A rule from pairs of kinds: clusters of the first become the second, all others stay. */
export function kindRule(changes: readonly (readonly [HostKind, HostKind])[]): KindRule {
  const next = Uint8Array.from({ length: 16 }, (_, kind) => kind);
  for (const [from, to] of changes) {
    next[from] = to;
  }
  const pairs = Uint8Array.from({ length: 256 }, (_, pair) => (next[pair & 15] ?? 0) | ((next[pair >>> 4] ?? 0) << 4));
  return { next, pairs };
}

/** Clusters of a page, and pages of a region. */
const pageClusters = 1024;
const pageBytes = pageClusters / 2;
const regionPages = 1024;
const regionClusters = pageClusters * regionPages;

/** Pages that are allocated together. */
const chunkPages = 256;

/** In a region: values below are the kind of a whole page, others its place among the pages. */
const firstSlot = 16;

/** Bytes in memory at most, unless the caller says otherwise: enough for 2^28 clusters, however they are mixed. */
const defaultBytes = 144 * 2 ** 20;

/**
 * The kind of every host cluster from `from` on; at first all are free. Pages of one kind take no memory of their own.
 * Where all together would take too much, the kinds end earlier (`to` gets smaller), and another pass starts there.
 */
export class HostKinds {
  readonly from: number;
  #to: number;
  readonly #most: number;
  readonly #regions = new Map<number, Uint32Array>();
  readonly #chunks: Uint8Array[] = [];
  readonly #unused: number[] = [];
  #slots = 0;

  /** Kinds of the clusters from `from` to before `to`, in about `most` bytes. */
  constructor(from: number, to: number, most = defaultBytes) {
    this.from = from;
    this.#to = to;
    this.#most = most;
  }

  /** The cluster before which the kinds end. */
  get to(): number {
    return this.#to;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#chunks.length * chunkPages * pageBytes + this.#regions.size * regionPages * 4;
  }

  /** Changes a run of clusters by a rule, as far as the kinds reach. */
  apply(rule: KindRule, cluster: number, count: number): void {
    const end = Math.min(cluster + count, this.#to);
    for (let next = Math.max(cluster, this.from); next < end; ) {
      const region = Math.floor(next / regionClusters);
      const table = this.#regions.get(region) ?? this.#addRegion(region);
      const base = region * regionClusters;
      const stop = Math.min(end, base + regionClusters);
      while (next < stop) {
        const page = Math.floor((next - base) / pageClusters);
        const pageStart = base + page * pageClusters;
        const pageEnd = Math.min(stop, pageStart + pageClusters);
        this.#applyPage(rule, table, page, next - pageStart, pageEnd - pageStart);
        next = pageEnd;
      }
    }
    if (this.bytes > this.#most) {
      this.#shrink();
    }
  }

  /** Changes all clusters by a rule, and gives back what memory it can. */
  finish(rule: KindRule): void {
    for (const table of this.#regions.values()) {
      for (let page = 0; page < regionPages; page++) {
        this.#applyPage(rule, table, page, 0, pageClusters);
        this.#collapse(table, page);
      }
    }
    this.#compact();
  }

  /** Visits the clusters of a range, which the kinds must reach, as runs of one kind, in order. */
  eachRun(from: number, to: number, visit: (kind: HostKind, cluster: number, count: number) => void): void {
    let kind: HostKind = hostKinds.free;
    let start = from;
    const add = (next: HostKind, cluster: number): void => {
      if (next !== kind) {
        if (cluster > start) {
          visit(kind, start, cluster - start);
        }
        kind = next;
        start = cluster;
      }
    };
    for (let cluster = from; cluster < to; ) {
      const region = Math.floor(cluster / regionClusters);
      const table = this.#regions.get(region);
      const regionEnd = Math.min(to, (region + 1) * regionClusters);
      if (!table) {
        add(hostKinds.free, cluster);
        cluster = regionEnd;
        continue;
      }
      const page = Math.floor((cluster - region * regionClusters) / pageClusters);
      const pageStart = region * regionClusters + page * pageClusters;
      const end = Math.min(regionEnd, pageStart + pageClusters);
      const value = table[page] ?? 0;
      if (value < firstSlot) {
        add(value as HostKind, cluster);
      } else {
        const bytes = this.#page(value);
        for (let place = cluster - pageStart; place < end - pageStart; place++) {
          const pair = bytes[place >>> 1] ?? 0;
          add(((place & 1) === 0 ? pair & 15 : pair >>> 4) as HostKind, pageStart + place);
        }
      }
      cluster = end;
    }
    if (to > start) {
      visit(kind, start, to - start);
    }
  }

  #applyPage(rule: KindRule, table: Uint32Array, page: number, from: number, to: number): void {
    let value = table[page] ?? 0;
    if (value < firstSlot) {
      const next = rule.next[value] ?? value;
      if (next === value) {
        return;
      }
      if (from === 0 && to === pageClusters) {
        table[page] = next;
        return;
      }
      value = this.#addPage(value);
      table[page] = value;
    }
    const bytes = this.#page(value);
    const { next, pairs } = rule;
    let place = from;
    if ((place & 1) === 1) {
      const pair = bytes[place >>> 1] ?? 0;
      bytes[place >>> 1] = (pair & 15) | ((next[pair >>> 4] ?? 0) << 4);
      place++;
    }
    for (; place + 1 < to; place += 2) {
      bytes[place >>> 1] = pairs[bytes[place >>> 1] ?? 0] ?? 0;
    }
    if (place < to) {
      const pair = bytes[place >>> 1] ?? 0;
      bytes[place >>> 1] = (pair & 0xf0) | (next[pair & 15] ?? 0);
    }
  }

  /** Makes a page of one kind take no memory. */
  #collapse(table: Uint32Array, page: number): void {
    const value = table[page] ?? 0;
    if (value < firstSlot) {
      return;
    }
    const bytes = this.#page(value);
    const first = bytes[0] ?? 0;
    if ((first & 15) === first >>> 4 && bytes.every((pair) => pair === first)) {
      table[page] = first & 15;
      this.#unused.push(value - firstSlot);
    }
  }

  /** Moves the last pages to the places that are not used, and drops the chunks that are left. */
  #compact(): void {
    const kept = this.#slots - this.#unused.length;
    const holes = this.#unused.filter((slot) => slot < kept).sort((a, b) => a - b);
    let hole = 0;
    for (const table of this.#regions.values()) {
      for (let page = 0; page < regionPages; page++) {
        const value = table[page] ?? 0;
        const target = holes[hole];
        if (value >= firstSlot + kept && target !== undefined) {
          this.#page(firstSlot + target).set(this.#page(value));
          table[page] = firstSlot + target;
          hole++;
        }
      }
    }
    this.#slots = kept;
    this.#unused.length = 0;
    this.#chunks.length = Math.ceil(kept / chunkPages);
  }

  #addRegion(region: number): Uint32Array {
    const table = new Uint32Array(regionPages);
    this.#regions.set(region, table);
    return table;
  }

  /** A page of one kind; returns its value in the region. */
  #addPage(kind: number): number {
    const slot = this.#unused.pop() ?? this.#slots++;
    if (slot >= this.#chunks.length * chunkPages) {
      this.#chunks.push(new Uint8Array(chunkPages * pageBytes));
    }
    const value = firstSlot + slot;
    this.#page(value).fill(kind | (kind << 4));
    return value;
  }

  #page(value: number): Uint8Array {
    const slot = value - firstSlot;
    const chunk = this.#chunks[Math.floor(slot / chunkPages)] ?? new Uint8Array(0);
    const at = (slot % chunkPages) * pageBytes;
    return chunk.subarray(at, at + pageBytes);
  }

  /** Gives up the upper half of the regions; of a single one, nothing. */
  #shrink(): void {
    const indices = Float64Array.from(this.#regions.keys()).sort();
    const dropped = indices.subarray(Math.max(1, indices.length >>> 1));
    for (const index of dropped) {
      for (const value of this.#regions.get(index) ?? []) {
        if (value >= firstSlot) {
          this.#unused.push(value - firstSlot);
        }
      }
      this.#regions.delete(index);
    }
    this.#to = Math.min(this.#to, (dropped[0] ?? this.#to) * regionClusters);
    this.#compact();
  }
}
