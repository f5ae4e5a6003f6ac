/** What becomes of each mark. */
export interface MarkRule {
  /** By mark. */
  readonly next: Uint8Array;
  /** By two marks, the one of the even cluster in the low half. */
  readonly pairs: Uint8Array;
}

/** A rule from pairs of marks: clusters with the first get the second, all others stay. */
export function markRule(changes: readonly (readonly [number, number])[]): MarkRule {
  const next = Uint8Array.from({ length: 16 }, (_, mark) => mark);
  for (const [from, to] of changes) {
    next[from] = to;
  }
  const pairs = Uint8Array.from({ length: 256 }, (_, pair) => (next[pair & 15] ?? 0) | ((next[pair >>> 4] ?? 0) << 4));
  return { next, pairs };
}

/** Clusters of a page, and pages of a region. */
const pageClusters = 256;
const pageBytes = pageClusters / 2;
const regionPages = 1024;
const regionClusters = pageClusters * regionPages;

/** Pages that are allocated together. */
const chunkPages = 1024;

/** In a region: values below are the mark of a whole page, others its place among the pages. */
const firstSlot = 16;

/** Bytes in memory at most, unless the caller says otherwise: enough for 2^28 clusters, however they are mixed. */
const defaultBytes = 144 * 2 ** 20;

/**
 * A mark of four bits for every host cluster from `from` on, at first 0. Pages of one mark take no memory of their own.
 * Where all together would take too much, the marks end earlier (`to` gets smaller), and another pass starts there.
 */
export class ClusterMarks {
  readonly from: number;
  #to: number;
  readonly #most: number;
  readonly #regions = new Map<number, Uint32Array>();
  /** The region that was asked for last: the next cluster is often in it too. */
  #lastRegion = -1;
  #last: Uint32Array | undefined;
  /** The regions that there are, ascending; made when it is needed. */
  #sorted: Float64Array | undefined;
  readonly #chunks: Uint8Array[] = [];
  readonly #unused: number[] = [];
  #slots = 0;

  /** Marks of the clusters from `from` to before `to`, in about `most` bytes. */
  constructor(from: number, to: number, most = defaultBytes) {
    this.from = from;
    this.#to = to;
    this.#most = most;
  }

  /** The cluster before which the marks end. */
  get to(): number {
    return this.#to;
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#chunks.length * chunkPages * pageBytes + this.#regions.size * regionPages * 4;
  }

  /** Changes one cluster, which the marks must reach, by a rule; returns the mark that it had. */
  swap(rule: MarkRule, cluster: number): number {
    const region = Math.floor(cluster / regionClusters);
    const table = this.#regionAt(region) ?? this.#addRegion(region);
    const place = cluster - region * regionClusters;
    const page = Math.floor(place / pageClusters);
    let value = table[page] ?? 0;
    if (value < firstSlot) {
      if (rule.next[value] === value) {
        return value;
      }
      value = this.#addPage(value);
      table[page] = value;
    }
    const slot = value - firstSlot;
    const chunk = this.#chunks[Math.floor(slot / chunkPages)] ?? new Uint8Array(0);
    const at = (slot % chunkPages) * pageBytes + ((place % pageClusters) >>> 1);
    const pair = chunk[at] ?? 0;
    const shift = (place & 1) * 4;
    const mark = (pair >>> shift) & 15;
    chunk[at] = (pair & (0xf0 >>> shift)) | ((rule.next[mark] ?? 0) << shift);
    this.#shrinkIfFull();
    return mark;
  }

  /** Changes a run of clusters by a rule, as far as the marks reach. */
  apply(rule: MarkRule, cluster: number, count: number): void {
    const end = Math.min(cluster + count, this.#to);
    const first = Math.max(cluster, this.from);
    if (end - first === 1) {
      this.swap(rule, first);
      return;
    }
    // The marks may end earlier with each region that is added.
    for (let next = first; next < Math.min(end, this.#to); ) {
      const region = Math.floor(next / regionClusters);
      const table = this.#regionAt(region) ?? this.#addRegion(region);
      const base = region * regionClusters;
      const stop = Math.min(end, base + regionClusters);
      while (next < stop) {
        const page = Math.floor((next - base) / pageClusters);
        const pageStart = base + page * pageClusters;
        const pageEnd = Math.min(stop, pageStart + pageClusters);
        this.#applyPage(rule, table, page, next - pageStart, pageEnd - pageStart);
        next = pageEnd;
      }
      this.#shrinkIfFull();
    }
  }

  #shrinkIfFull(): void {
    if (this.bytes > this.#most) {
      this.#shrink();
    }
  }

  /** Changes all clusters by a rule, and gives back what memory it can. */
  finish(rule: MarkRule): void {
    for (const table of this.#regions.values()) {
      for (let page = 0; page < regionPages; page++) {
        this.#applyPage(rule, table, page, 0, pageClusters);
        this.#collapse(table, page);
      }
    }
    this.#compact();
  }

  /** Visits the clusters of a range, which the marks must reach, as runs of one mark, in order. */
  eachRun(from: number, to: number, visit: (mark: number, cluster: number, count: number) => void): void {
    let mark = 0;
    let start = from;
    const add = (next: number, cluster: number): void => {
      if (next !== mark) {
        if (cluster > start) {
          visit(mark, start, cluster - start);
        }
        mark = next;
        start = cluster;
      }
    };
    for (let cluster = from; cluster < to; ) {
      const region = Math.floor(cluster / regionClusters);
      const table = this.#regionAt(region);
      if (!table) {
        add(0, cluster);
        cluster = Math.min(to, this.#nextRegion(region) * regionClusters);
        continue;
      }
      const regionEnd = Math.min(to, (region + 1) * regionClusters);
      const page = Math.floor((cluster - region * regionClusters) / pageClusters);
      const pageStart = region * regionClusters + page * pageClusters;
      const end = Math.min(regionEnd, pageStart + pageClusters);
      const value = table[page] ?? 0;
      if (value < firstSlot) {
        add(value, cluster);
      } else {
        const bytes = this.#page(value);
        for (let place = cluster - pageStart; place < end - pageStart; place++) {
          const pair = bytes[place >>> 1] ?? 0;
          add((place & 1) === 0 ? pair & 15 : pair >>> 4, pageStart + place);
        }
      }
      cluster = end;
    }
    if (to > start) {
      visit(mark, start, to - start);
    }
  }

  #applyPage(rule: MarkRule, table: Uint32Array, page: number, from: number, to: number): void {
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

  /** Makes a page of one mark take no memory. */
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

  #regionAt(region: number): Uint32Array | undefined {
    if (region !== this.#lastRegion) {
      this.#last = this.#regions.get(region);
      this.#lastRegion = region;
    }
    return this.#last;
  }

  #addRegion(region: number): Uint32Array {
    const table = new Uint32Array(regionPages);
    this.#regions.set(region, table);
    this.#lastRegion = -1;
    this.#sorted = undefined;
    return table;
  }

  /** The first region after one that is there; of a file of exabytes most are not. */
  #nextRegion(region: number): number {
    this.#sorted ??= Float64Array.from(this.#regions.keys()).sort();
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle] ?? 0) > region) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return this.#sorted[low] ?? Number.POSITIVE_INFINITY;
  }

  /** A page of one mark; returns its value in the region. */
  #addPage(mark: number): number {
    const slot = this.#unused.pop() ?? this.#slots++;
    if (slot >= this.#chunks.length * chunkPages) {
      this.#chunks.push(new Uint8Array(chunkPages * pageBytes));
    }
    const value = firstSlot + slot;
    this.#page(value).fill(mark | (mark << 4));
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
    this.#lastRegion = -1;
    this.#sorted = undefined;
    this.#to = Math.min(this.#to, (dropped[0] ?? this.#to) * regionClusters);
    this.#compact();
  }
}
