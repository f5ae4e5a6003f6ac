import type { Progress } from '../engine/ports.ts';
import type { CallContext } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/** Runs that are remembered at once. */
const mostRuns = 256;

/** Something long that is computed once for each of many entries of a list. */
export interface RunsByIndex<T> {
  /** As `SharedRun.result`, of one entry. */
  result(index: number, context: CallContext): Promise<T>;
}

/** Makes shared runs of `work`; the one not asked for the longest is forgotten when there are very many. */
export function runsByIndex<T>(work: (index: number, progress: Progress) => Promise<T>): RunsByIndex<T> {
  const runs = new Map<number, SharedRun<T>>();
  return {
    result: (index, context) => {
      const run = runs.get(index) ?? sharedRun((progress) => work(index, progress));
      runs.delete(index);
      runs.set(index, run);
      const [oldest] = runs.keys();
      if (runs.size > mostRuns && oldest !== undefined) {
        runs.delete(oldest);
      }
      return run.result(context);
    },
  };
}
