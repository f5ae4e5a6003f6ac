import { CountPage, pageClusters } from './countPage.ts';

/** The part of a byte that counts; a count that does not fit is in a list of its own. */
const countMask = 0x3f;

/** What entries of the active layer say of a cluster that they refer to: bits beside its count. */
export const copiedFlags = {
  none: 0,
  /** An entry with COPIED set refers to it. */
  copied: 0x40,
  /** An entry with COPIED clear does. */
  notCopied: 0x80,
} as const;

/** Flags of `copiedFlags`. */
export type CopiedFlags = number;

const noPage = new CountPage();
const noBytes = new Uint8Array(0);

/**
 * How often every host cluster from `from` on is referred to, in at most a byte a cluster. Parts of the file to which nothing
 * refers take no memory. Where all together would take too much, the counts end earlier (`to` gets smaller), and another
 * pass starts there.
 */
export class ReferenceCounts {
  readonly from: number;
  /** The cluster after the last one to which something refers, whether it is counted here or not. */
  end = 0;
  #to = Number.MAX_SAFE_INTEGER;
  readonly #mostPages: number;
  readonly #pages = new Map<number, CountPage>();
  /** By cluster, where the byte is full. */
  readonly #large = new Map<number, number>();
  #lastPage = -1;
  #last = noPage;
  /** The bytes of a page that is not kept as such, and its index. */
  readonly #shown = new Uint8Array(pageClusters);

  /** Counts for the clusters from `from` on, in about `most` bytes. */
  constructor(from: number, most: number) {
    this.from = from;
    this.#mostPages = Math.max(1, Math.floor(most / pageClusters));
  }

  /** The cluster before which the counts end. */
  get to(): number {
    return this.#to;
  }

  /** Counts `by` more references to `count` clusters from `first` on. `flags`: of `copiedFlags`. */
  add(first: number, count: number, by: number, flags: CopiedFlags): void {
    const end = first + count;
    this.end = Math.max(this.end, end);
    for (let at = Math.max(first, this.from); at < Math.min(end, this.#to); ) {
      const index = Math.floor(at / pageClusters);
      const base = index * pageClusters;
      const start = at - base;
      const stop = Math.min(pageClusters, start + end - at);
      const page = this.#pageFor(index);
      const { bytes } = page;
      if (bytes === undefined) {
        page.change(start, stop, (before, place, run) => this.#more(before, base + place, run, by, flags));
      } else {
        for (let place = start; place < stop; place++) {
          bytes[place] = this.#more(bytes[place] ?? 0, base + place, 1, by, flags);
        }
      }
      at += stop - start;
      this.#shrinkIfFull();
    }
  }

  /** How often a cluster is referred to. */
  count(cluster: number): number {
    return this.countAt(this.byteAt(cluster), cluster);
  }

  /** The byte of a cluster: 0 where nothing refers to it. */
  byteAt(cluster: number): number {
    const index = Math.floor(cluster / pageClusters);
    return this.#find(index).at(cluster - index * pageClusters);
  }

  /**
   * The bytes of the clusters around one: `place` is its own, and they end at cluster `end`, which is `to` at the latest.
   * Without bytes where nothing refers to any of them. They are valid up to the next call.
   */
  pageAt(cluster: number, to: number): { readonly page: Uint8Array; readonly place: number; readonly end: number } {
    const index = Math.floor(cluster / pageClusters);
    const start = index * pageClusters;
    const found = this.#find(index);
    const page = found === noPage ? noBytes : found.show(this.#shown);
    return { page, place: cluster - start, end: Math.min(to, start + pageClusters) };
  }

  /** The count that a cluster's byte stands for. */
  countAt(byte: number, cluster: number): number {
    const count = byte & countMask;
    return count === countMask ? (this.#large.get(cluster) ?? countMask) : count;
  }

  /** The first cluster from `from` on, before `to`, of a part of the file that something refers to; `to` for none. */
  nextPart(from: number, to: number): number {
    const first = Math.floor(from / pageClusters);
    if (this.#pages.has(first)) {
      return from;
    }
    let next = Number.POSITIVE_INFINITY;
    for (const index of this.#pages.keys()) {
      next = index > first && index < next ? index : next;
    }
    return Math.min(to, next * pageClusters);
  }

  #find(index: number): CountPage {
    if (index !== this.#lastPage) {
      this.#last = this.#pages.get(index) ?? noPage;
      this.#lastPage = index;
    }
    return this.#last;
  }

  #pageFor(index: number): CountPage {
    const found = this.#find(index);
    if (found !== noPage) {
      return found;
    }
    const page = new CountPage();
    this.#pages.set(index, page);
    this.#last = page;
    return page;
  }

  /** The byte of `count` clusters from `first` on, which had `before`, with `by` more references. */
  #more(before: number, first: number, count: number, by: number, flags: CopiedFlags): number {
    if ((before & countMask) + by < countMask) {
      return (before + by) | flags;
    }
    for (let cluster = first; cluster < first + count; cluster++) {
      this.#large.set(cluster, this.countAt(before, cluster) + by);
    }
    return before | countMask | flags;
  }

  /** Gives up the upper half of the pages where there are too many. */
  #shrinkIfFull(): void {
    if (this.#pages.size <= this.#mostPages) {
      return;
    }
    const indices = [...this.#pages.keys()].sort((a, b) => a - b);
    const dropped = indices.slice(indices.length >>> 1);
    for (const index of dropped) {
      this.#pages.delete(index);
    }
    this.#to = Math.min(this.#to, (dropped[0] ?? 0) * pageClusters);
    for (const cluster of this.#large.keys()) {
      if (cluster >= this.#to) {
        this.#large.delete(cluster);
      }
    }
    this.#lastPage = -1;
  }
}
