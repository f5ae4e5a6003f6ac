/** A set of clusters: a bit each, in memory that grows with the highest one. */
export class ClusterSet {
  #words = new Uint32Array(1024);
  /** The number of clusters up to the highest one that was ever in the set. */
  end = 0;

  /** Whether a cluster is in the set. */
  has(cluster: number): boolean {
    // Asked millions of times, mostly of clusters that whole-number arithmetic reaches, which is much faster.
    return cluster < 2 ** 31
      ? ((this.#words[cluster >>> 5] ?? 0) & (1 << (cluster & 31))) !== 0
      : ((this.#words[Math.floor(cluster / 32)] ?? 0) & (1 << (cluster % 32))) !== 0;
  }

  /** Puts `count` clusters from `first` on in. `again` gets those that were in already. */
  add(first: number, count: number, again?: ClusterSet): void {
    this.end = Math.max(this.end, first + count);
    this.#reserve(first + count);
    this.#each(first, count, (word, mask) => {
      const before = this.#words[word] ?? 0;
      this.#words[word] = before | mask;
      if (again && (before & mask) !== 0) {
        again.#addBits(word, before & mask);
      }
    });
  }

  /** Takes `count` clusters from `first` on out. */
  remove(first: number, count: number): void {
    this.#each(first, count, (word, mask) => (this.#words[word] = (this.#words[word] ?? 0) & ~mask));
  }

  /** Whether any of `count` clusters from `first` on is in the set. */
  meets(first: number, count: number): boolean {
    const end = Math.min(first + count, this.end);
    for (let at = first; at < end; at++) {
      if (at % 32 === 0 && this.#words[at / 32] === 0) {
        at += 31;
      } else if (this.has(at)) {
        return true;
      }
    }
    return false;
  }

  /** The first cluster in the set at or after `from`; undefined where there is none. */
  next(from: number): number | undefined {
    for (let at = from; at < this.end; ) {
      const word = Math.floor(at / 32);
      const bits = (this.#words[word] ?? 0) & (0xffffffff << (at % 32));
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
      if (this.#words[Math.floor(at / 32)] === 0xffffffff) {
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
      const bits = (this.#words[Math.floor(at / 32)] ?? 0) << (31 - (at % 32));
      if (bits !== 0) {
        return at - Math.clz32(bits);
      }
      at = Math.floor(at / 32) * 32 - 1;
    }
    return -1;
  }

  #addBits(word: number, bits: number): void {
    this.end = Math.max(this.end, word * 32 + 32 - Math.clz32(bits));
    this.#reserve(word * 32 + 32);
    this.#words[word] = (this.#words[word] ?? 0) | bits;
  }

  #each(first: number, count: number, change: (word: number, mask: number) => void): void {
    const end = first + count;
    for (let at = first; at < end; ) {
      const word = Math.floor(at / 32);
      const bit = at % 32;
      const bits = Math.min(32 - bit, end - at);
      change(word, bits === 32 ? 0xffffffff : ((1 << bits) - 1) << bit);
      at += bits;
    }
  }

  #reserve(clusters: number): void {
    const needed = Math.ceil(clusters / 32);
    if (needed > this.#words.length) {
      const words = new Uint32Array(Math.max(needed, this.#words.length * 2));
      words.set(this.#words);
      this.#words = words;
    }
  }
}
