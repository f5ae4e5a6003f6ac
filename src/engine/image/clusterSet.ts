/** Words of a page, each of 32 clusters. */
const pageWords = 1024;
const pageClusters = pageWords * 32;

/** Stands for every page that is wholly in a set; never written to. */
const full = new Uint32Array(pageWords).fill(0xffffffff);

/** A set of clusters: a bit each, in pages that are there only where some but not all of their clusters are in the set. */
export class ClusterSet {
  readonly #pages: (Uint32Array | undefined)[] = [];
  /** The number of clusters up to the highest one that was ever in the set. */
  end = 0;

  /** Whether a cluster is in the set. */
  has(cluster: number): boolean {
    // Asked millions of times, mostly of clusters that whole-number arithmetic reaches, which is much faster.
    return cluster < 2 ** 31
      ? ((this.#pages[cluster >>> 15]?.[(cluster >>> 5) & (pageWords - 1)] ?? 0) & (1 << (cluster & 31))) !== 0
      : (this.#word(Math.floor(cluster / 32)) & (1 << (cluster % 32))) !== 0;
  }

  /** Puts `count` clusters from `first` on in. `again` gets those that were in already. */
  add(first: number, count: number, again?: ClusterSet): void {
    this.end = Math.max(this.end, first + count);
    eachWord(
      first,
      count,
      (word, mask) => {
        const before = this.#word(word);
        this.#set(word, before | mask);
        if (again && (before & mask) !== 0) {
          again.#addBits(word, before & mask);
        }
      },
      (page) => {
        const before = this.#pages[page];
        this.#pages[page] = full;
        if (again && before) {
          again.#addPage(page, before);
        }
      },
    );
  }

  /** Takes `count` clusters from `first` on out. */
  remove(first: number, count: number): void {
    eachWord(
      first,
      Math.min(count, this.end - first),
      (word, mask) => {
        const before = this.#word(word);
        if ((before & mask) !== 0) {
          this.#set(word, before & ~mask);
        }
      },
      (page) => (this.#pages[page] = undefined),
    );
  }

  /** Whether any of `count` clusters from `first` on is in the set. */
  meets(first: number, count: number): boolean {
    const next = this.next(first);
    return next !== undefined && next < first + count;
  }

  /** The first cluster in the set at or after `from`; undefined where there is none. */
  next(from: number): number | undefined {
    for (let at = from; at < this.end; ) {
      const page = Math.floor(at / pageClusters);
      if (this.#pages[page] === undefined) {
        at = (page + 1) * pageClusters;
        continue;
      }
      const word = Math.floor(at / 32);
      const bits = this.#word(word) & (0xffffffff << (at % 32));
      if (bits !== 0) {
        return word * 32 + 31 - Math.clz32(bits & -bits);
      }
      at = (word + 1) * 32;
    }
    return undefined;
  }

  /** The clusters in the set, ascending. */
  *each(): Generator<number> {
    for (let next = this.next(0); next !== undefined; next = this.next(next + 1)) {
      yield next;
    }
  }

  /** The first of `count` clusters in a row that are not in the set, at or after `from`. */
  firstFree(from: number, count: number): number {
    let first = from;
    for (let at = from; at < first + count; at++) {
      if (at >= this.end) {
        return first;
      }
      if (this.#pages[Math.floor(at / pageClusters)] === full) {
        first = (Math.floor(at / pageClusters) + 1) * pageClusters;
        at = first - 1;
      } else if ((this.#word(Math.floor(at / 32)) | 0) === -1) {
        at = Math.floor(at / 32) * 32 + 31;
        first = at + 1;
      } else if (this.has(at)) {
        first = at + 1;
      }
    }
    return first;
  }

  /** The highest cluster in the set below `to`; -1 where there is none. */
  last(to: number): number {
    for (let at = Math.min(to, this.end) - 1; at >= 0; ) {
      const page = Math.floor(at / pageClusters);
      if (this.#pages[page] === undefined) {
        at = page * pageClusters - 1;
        continue;
      }
      const bits = this.#word(Math.floor(at / 32)) << (31 - (at % 32));
      if (bits !== 0) {
        return at - Math.clz32(bits);
      }
      at = Math.floor(at / 32) * 32 - 1;
    }
    return -1;
  }

  #addBits(word: number, bits: number): void {
    this.end = Math.max(this.end, word * 32 + 32 - Math.clz32(bits));
    this.#set(word, this.#word(word) | bits);
  }

  #addPage(page: number, words: Uint32Array): void {
    for (const [index, bits] of words.entries()) {
      if (bits !== 0) {
        this.#addBits(page * pageWords + index, bits);
      }
    }
  }

  #word(word: number): number {
    return this.#pages[Math.floor(word / pageWords)]?.[word % pageWords] ?? 0;
  }

  #set(word: number, bits: number): void {
    const index = Math.floor(word / pageWords);
    let page = this.#pages[index];
    if (page === undefined || page === full) {
      page = page?.slice() ?? new Uint32Array(pageWords);
      this.#pages[index] = page;
    }
    page[word % pageWords] = bits;
  }
}

/** Goes over clusters by words, with a mask of the bits of each, and by whole pages. */
function eachWord(
  first: number,
  count: number,
  change: (word: number, mask: number) => void,
  changePage: (page: number) => void,
): void {
  const end = first + count;
  for (let at = first; at < end; ) {
    if (at % pageClusters === 0 && end - at >= pageClusters) {
      changePage(at / pageClusters);
      at += pageClusters;
      continue;
    }
    const bit = at % 32;
    const bits = Math.min(32 - bit, end - at);
    change(Math.floor(at / 32), bits === 32 ? 0xffffffff : ((1 << bits) - 1) << bit);
    at += bits;
  }
}
