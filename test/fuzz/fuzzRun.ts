import { Worker } from 'node:worker_threads';
import { type BaseFile, baseFiles } from './base.ts';

/** What a run does. */
export interface FuzzPlan {
  /** How many mutated images. */
  readonly count: number;
  /** The same seed makes the same images. */
  readonly seed: number;
  /** The first one: `start: 17, count: 1` does image 17 of the seed again. */
  readonly start?: number;
  /** `few`: one to four things are changed, the default; `structure`: much of one structure. */
  readonly manner?: Manner;
}

/** How images are mutated. */
export type Manner = 'few' | 'structure';

/** A mutated image that was not handled as it must be. */
export interface FuzzFailure {
  readonly index: number;
  /** The base image and what was changed in it. */
  readonly image: string;
  readonly problem: string;
}

/** What a thread is given, and what it says. */
export interface ThreadData {
  readonly seed: number;
  readonly bases: readonly BaseFile[];
  /** Counts up through all threads: the number of the next image. */
  readonly next: Int32Array;
  readonly end: number;
  readonly manner: Manner;
}

/** From a thread: an image is begun, and how it went wrong; `done` when no image is left. */
export type ThreadMessage =
  | { readonly kind: 'begin'; readonly index: number; readonly image: string }
  | { readonly kind: 'failure'; readonly failure: FuzzFailure }
  | { readonly kind: 'done' };

/** Milliseconds after which an image counts as one that hangs. */
const hangAfter = 60_000;

/** Opens, describes, scans and maps mutated images on two threads; returns those that went wrong, in order. */
export async function fuzz(plan: FuzzPlan): Promise<FuzzFailure[]> {
  const start = plan.start ?? 0;
  const bases = await baseFiles();
  const next = new Int32Array(new SharedArrayBuffer(4)).fill(start);
  const data: ThreadData = { seed: plan.seed, bases, next, end: start + plan.count, manner: plan.manner ?? 'few' };
  const failures: FuzzFailure[] = [];
  await Promise.all([runThread(data, failures), runThread(data, failures)]);
  return failures.sort((a, b) => a.index - b.index);
}

/** One thread; it is started again for the images that are left after one that killed it or hangs. */
async function runThread(data: ThreadData, failures: FuzzFailure[]): Promise<void> {
  for (;;) {
    const failure = await untilFatal(data, failures);
    if (failure === undefined) {
      return;
    }
    failures.push(failure);
  }
}

function untilFatal(data: ThreadData, failures: FuzzFailure[]): Promise<FuzzFailure | undefined> {
  const { promise, resolve } = Promise.withResolvers<FuzzFailure | undefined>();
  const worker = new Worker(new URL('./fuzzThread.ts', import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: 256 },
  });
  let current = { index: -1, image: 'none yet' };
  let guard: NodeJS.Timeout | undefined;
  const end = (failure?: FuzzFailure): void => {
    clearTimeout(guard);
    resolve(failure);
    void worker.terminate();
  };
  worker.on('message', (message: ThreadMessage) => {
    if (message.kind === 'failure') {
      failures.push(message.failure);
    } else if (message.kind === 'done') {
      end();
    } else {
      current = { index: message.index, image: message.image };
      clearTimeout(guard);
      guard = setTimeout(() => end({ ...current, problem: `not done after ${hangAfter / 1000} s` }), hangAfter);
    }
  });
  worker.on('error', (error: Error) =>
    end({ ...current, problem: `the thread died: ${error.stack ?? error.message}` }),
  );
  return promise;
}
