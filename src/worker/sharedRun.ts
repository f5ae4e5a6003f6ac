import { Qcow2Error } from '../engine/error.ts';
import type { Progress } from '../engine/ports.ts';
import { type CallContext, progressOf } from './server.ts';

/** Something long that is computed once, for all who ask, and remembered. */
export interface SharedRun<T> {
  /** Joins the run, or starts it; a run that nobody waits for any more is stopped, and one that failed starts anew. */
  result(context: CallContext): Promise<T>;
}

interface Run<T> {
  readonly done: Promise<T>;
  readonly abort: AbortController;
  readonly listeners: Set<(done: number, total: number) => void>;
}

/** Makes a shared run of `work`. */
export function sharedRun<T>(work: (progress: Progress) => Promise<T>): SharedRun<T> {
  let run: Run<T> | undefined;

  const start = (): Run<T> => {
    const abort = new AbortController();
    const listeners: Run<T>['listeners'] = new Set();
    const progress = progressOf(abort.signal, (done, total) => {
      for (const listener of listeners) {
        listener(done, total);
      }
    });
    const started: Run<T> = { done: work(progress), abort, listeners };
    started.done.catch(() => {
      if (run === started) {
        run = undefined;
      }
    });
    return started;
  };

  return {
    result: async ({ signal, report }) => {
      run ??= start();
      const joined = run;
      joined.listeners.add(report);
      const waiting = cancelled(signal);
      try {
        return await Promise.race([joined.done, waiting.promise]);
      } finally {
        waiting.forget();
        joined.listeners.delete(report);
        if (signal.aborted && joined.listeners.size === 0) {
          joined.abort.abort();
          run = run === joined ? undefined : run;
        }
      }
    },
  };
}

/** Fails when the signal is aborted. `forget`: the signal need not keep what waits for it any longer. */
function cancelled(signal: AbortSignal): { readonly promise: Promise<never>; readonly forget: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(new Qcow2Error('cancelled', 'Cancelled.'));
  if (signal.aborted) {
    onAbort();
  } else {
    signal.addEventListener('abort', onAbort, { once: true });
  }
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) };
}
