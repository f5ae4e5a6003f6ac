import type { ByteRange } from '../engine/finding.ts';
import type { Progress } from '../engine/ports.ts';
import { countIn, type MapBins } from './mapBins.ts';

/** A run of units. */
interface Run {
  readonly start: number;
  readonly end: number;
}

/** What is stepped through: the units that count in one column of bins. */
export interface Stepped {
  readonly bins: MapBins;
  readonly column: number;
  /** Units of the space. */
  readonly units: number;
  /** Whether neighbours are one run; else every cluster is one. */
  readonly joined: boolean;
  /** Units that are stepped over together where they are not joined. */
  readonly clusterUnits: number;
  /** Visits the runs of the units `from` to `to` (exclusive), in order; neighbours may be alike. */
  runs(from: number, to: number, visit: (start: number, count: number) => void, progress: Progress): Promise<void>;
}

/** The first run that starts at unit `from` or after; undefined for none. Reads the tables of a few bins at most. */
export async function nextRun(stepped: Stepped, from: number, progress: Progress): Promise<Run | undefined> {
  const { joined, clusterUnits } = stepped;
  let found: Run | undefined;
  // Whether a run goes on over `from`: it started before.
  const before = Math.max(0, from - 1);
  for await (const run of forwards(stepped, before, progress)) {
    if (found) {
      if (run.start > found.end) {
        return found;
      }
      found = { start: found.start, end: run.end };
    } else if (!joined) {
      const start = run.start + Math.ceil(Math.max(0, from - run.start) / clusterUnits) * clusterUnits;
      if (start < run.end) {
        return { start, end: Math.min(run.end, start + clusterUnits) };
      }
    } else if (run.start >= from) {
      found = run;
    } else if (run.end >= from) {
      // It may go on in the next bin.
      found = undefined;
      from = run.end + 1;
    }
  }
  return found;
}

/** The last run that ends at unit `to` or before; undefined for none. Reads the tables of a few bins at most. */
export async function previousRun(stepped: Stepped, to: number, progress: Progress): Promise<Run | undefined> {
  const { joined, clusterUnits, units } = stepped;
  let limit = to;
  let found: Run | undefined;
  for await (const run of backwards(stepped, Math.min(units, to + 1), progress)) {
    if (found) {
      if (run.end < found.start) {
        return found;
      }
      found = { start: run.start, end: found.end };
    } else if (!joined) {
      const end = run.start + Math.floor((Math.min(run.end, limit) - run.start) / clusterUnits) * clusterUnits;
      if (end > run.start) {
        return { start: Math.max(run.start, end - clusterUnits), end };
      }
    } else if (run.end <= limit) {
      found = run;
    } else {
      // It goes on past the limit; perhaps it started in an earlier bin.
      limit = run.start - 1;
    }
  }
  return found;
}

/** The runs from a unit on, those of one bin after the other. */
async function* forwards(stepped: Stepped, from: number, progress: Progress): AsyncGenerator<Run> {
  const { bins, binUnits } = stepped.bins;
  for (let bin = Math.floor(from / binUnits); bin < bins; ) {
    const end = sameFill(stepped, bin, 1);
    yield* await runsOf(stepped, { bin, end }, from, stepped.units, progress);
    bin = end;
  }
}

/** The runs before a unit, from the last one to the first one. */
async function* backwards(stepped: Stepped, to: number, progress: Progress): AsyncGenerator<Run> {
  for (let bin = Math.ceil(to / stepped.bins.binUnits) - 1; bin >= 0; ) {
    const before = sameFill(stepped, bin, -1);
    yield* (await runsOf(stepped, { bin: before + 1, end: bin + 1 }, 0, to, progress)).reverse();
    bin = before;
  }
}

/** The first bin after one (or before it, with -1) that is not empty as it is, or not full as it is. */
function sameFill(stepped: Stepped, bin: number, step: 1 | -1): number {
  const fill = fillOf(stepped, bin);
  let next = bin + step;
  while (fill !== 'mixed' && next >= 0 && next < stepped.bins.bins && fillOf(stepped, next) === fill) {
    next += step;
  }
  return next;
}

function fillOf({ bins, column, units }: Stepped, bin: number): 'empty' | 'mixed' | 'full' {
  const count = countIn(bins, bin, column);
  const most = Math.min(bins.binUnits, units - bin * bins.binUnits);
  return count === 0 ? 'empty' : count === most ? 'full' : 'mixed';
}

/** The runs between two units of bins that are all empty or all full, or of one that is mixed: only that is read. */
async function runsOf(
  stepped: Stepped,
  { bin, end: endBin }: { readonly bin: number; readonly end: number },
  from: number,
  to: number,
  progress: Progress,
): Promise<Run[]> {
  const { binUnits, bins } = stepped.bins;
  const start = bin * binUnits;
  const end = Math.min(endBin * binUnits, stepped.units);
  const runs: Run[] = [];
  const add = (first: number, length: number): void => {
    const run = { start: Math.max(first, from), end: Math.min(first + length, to) };
    const last = runs.at(-1);
    if (run.start >= run.end) {
      return;
    }
    if (last && last.end === run.start) {
      runs[runs.length - 1] = { start: last.start, end: run.end };
    } else {
      runs.push(run);
    }
  };
  const fill = fillOf(stepped, bin);
  if (fill === 'full') {
    add(start, end - start);
  } else if (fill === 'mixed') {
    await stepped.runs(start, end, add, progress);
  }
  await progress.step(bin, bins);
  return runs;
}

/** A run as bytes, cut at the end of the space. */
export function runBytes(run: Run | undefined, unitSize: number, size: bigint): ByteRange | undefined {
  if (!run) {
    return undefined;
  }
  const offset = BigInt(run.start) * BigInt(unitSize);
  const end = BigInt(run.end) * BigInt(unitSize);
  return { offset, length: (end < size ? end : size) - offset };
}
