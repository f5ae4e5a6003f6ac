/** Clusters of a page. */
export const pageClusters = 2 ** 16;

/** Runs of clusters up to which a page is kept as these. */
const mostRuns = 256;

/**
 * A byte for each of 65,536 clusters in a row, all 0 at first. As long as they are a few runs of the same byte, as in files
 * that were written from the start to the end, only these are kept: most of the time of a count would go into touching
 * memory.
 */
export class CountPage {
  /** Where runs start, ascending from 0 on, and the byte of each. */
  #starts = [0];
  #values = [0];
  #bytes: Uint8Array | undefined;

  /** The bytes, to be changed, where they are kept as such. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** The byte at a place. */
  at(place: number): number {
    return this.#bytes?.[place] ?? this.#values[this.#runAt(place)] ?? 0;
  }

  /**
   * Changes the bytes at the places from `start` to before `stop`, where they are kept as runs. `next` gives what comes in
   * the place of the `count` bytes from a place on.
   */
  change(start: number, stop: number, next: (byte: number, place: number, count: number) => number): void {
    const first = this.#split(start);
    const end = this.#split(stop);
    for (let run = first; run < end; run++) {
      const from = this.#starts[run] ?? 0;
      const to = this.#starts[run + 1] ?? pageClusters;
      this.#values[run] = next(this.#values[run] ?? 0, from, to - from);
    }
    if (first > 0 && this.#values[first] === this.#values[first - 1]) {
      this.#starts.splice(first, 1);
      this.#values.splice(first, 1);
    }
    if (this.#starts.length > mostRuns) {
      this.#bytes = new Uint8Array(pageClusters);
      this.#write(this.#bytes);
      this.#starts = [0];
      this.#values = [0];
    }
  }

  /** All bytes, for a look: in `into`, of as many, where they are not kept as such. */
  show(into: Uint8Array): Uint8Array {
    return this.#bytes ?? this.#write(into);
  }

  #write(into: Uint8Array): Uint8Array {
    for (const [run, start] of this.#starts.entries()) {
      into.fill(this.#values[run] ?? 0, start, this.#starts[run + 1] ?? pageClusters);
    }
    return into;
  }

  /** The run that has a place. */
  #runAt(place: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= place) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /** The run that starts at a place, which is made where there is none; the number of runs for the end of the page. */
  #split(place: number): number {
    if (place >= pageClusters) {
      return this.#starts.length;
    }
    const run = this.#runAt(place);
    if (this.#starts[run] === place) {
      return run;
    }
    this.#starts.splice(run + 1, 0, place);
    this.#values.splice(run + 1, 0, this.#values[run] ?? 0);
    return run + 1;
  }
}
