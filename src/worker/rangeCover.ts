/** Runs of clusters, of whatever order and however many, as at most so many ranges. */
export class RangeCover {
  /** Whether the ranges hold nothing else than the runs. */
  exact = true;
  readonly #most: number;
  #runs: { from: number; to: number }[] = [];
  /** Clusters: the ranges start and end at multiples of it. */
  #grain = 1;

  constructor(most: number) {
    this.#most = most;
  }

  /** Adds the clusters `from` to `to` (exclusive). */
  add(from: number, to: number): void {
    const run = { from: this.#down(from), to: this.#up(to) };
    const last = this.#runs.at(-1);
    if (last && run.from <= last.to && run.to >= last.from) {
      last.from = Math.min(last.from, run.from);
      last.to = Math.max(last.to, run.to);
      return;
    }
    this.#runs.push(run);
    if (this.#runs.length >= 2 * this.#most) {
      this.#join();
    }
  }

  /** The ranges, ascending and apart from each other. */
  ranges(): readonly { readonly from: number; readonly to: number }[] {
    this.#join();
    return this.#runs;
  }

  /** Joins what touches; where too much is left, also what is near. */
  #join(): void {
    this.#runs = joined(this.#runs);
    while (this.#runs.length > this.#most) {
      this.exact = false;
      this.#grain *= 2;
      this.#runs = joined(this.#runs.map(({ from, to }) => ({ from: this.#down(from), to: this.#up(to) })));
    }
  }

  #down(cluster: number): number {
    return Math.floor(cluster / this.#grain) * this.#grain;
  }

  #up(cluster: number): number {
    return Math.ceil(cluster / this.#grain) * this.#grain;
  }
}

function joined(runs: { from: number; to: number }[]): { from: number; to: number }[] {
  const sorted = runs.sort((a, b) => a.from - b.from);
  const found: { from: number; to: number }[] = [];
  for (const run of sorted) {
    const last = found.at(-1);
    if (last && run.from <= last.to) {
      last.to = Math.max(last.to, run.to);
    } else {
      found.push(run);
    }
  }
  return found;
}
