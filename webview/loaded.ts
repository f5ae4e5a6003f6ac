import type { CallError } from '../src/protocol/api.ts';

/** Something that is asked from the worker. Only `ready` has data: the others are never drawn as data. */
export type Loaded<T> =
  | { readonly state: 'waiting' }
  | { readonly state: 'loading'; readonly slow: boolean; readonly part?: number }
  | { readonly state: 'ready'; readonly value: T }
  | { readonly state: 'failed'; readonly error: CallError }
  | { readonly state: 'cancelled' };

/** Milliseconds before an unanswered request is shown as one. */
export const patience = 200;

/** The value, once it is there. */
export function readyValue<T>(loaded: Loaded<T>): T | undefined {
  return loaded.state === 'ready' ? loaded.value : undefined;
}

/** True when nothing more will come by itself. */
export function settled(loaded: Loaded<unknown>): boolean {
  return loaded.state === 'ready' || loaded.state === 'failed' || loaded.state === 'cancelled';
}

/** An error as data, whatever was thrown. */
export function callError(thrown: unknown): CallError {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : 'unexpected';
  return { code, message: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** How a request is made: it gets a signal that cancels it and reports its progress. */
export type Ask<T> = (signal: AbortSignal, report: (done: number, total: number) => void) => Promise<T>;

/**
 * Makes one request and tells `show` of each change: loading, slow after 200 ms, progress, result or error. Returns the
 * way to cancel it; after that, `show` is told `cancelled` once and nothing more.
 */
export function load<T>(ask: Ask<T>, show: (loaded: Loaded<T>) => void): () => void {
  const abort = new AbortController();
  let current: Loaded<T> = { state: 'loading', slow: false };
  const set = (next: Loaded<T>): void => {
    if (settled(current)) {
      return;
    }
    current = next;
    show(next);
  };
  set(current);
  const timer = setTimeout(() => {
    if (current.state === 'loading') {
      set({ ...current, slow: true });
    }
  }, patience);
  const report = (done: number, total: number): void => {
    if (current.state === 'loading') {
      set({ ...current, part: total > 0 ? Math.min(1, done / total) : 0 });
    }
  };
  ask(abort.signal, report)
    .then(
      (value) => set({ state: 'ready', value }),
      (thrown: unknown) => set({ state: 'failed', error: callError(thrown) }),
    )
    .finally(() => clearTimeout(timer));
  return () => {
    abort.abort();
    set({ state: 'cancelled' });
  };
}
