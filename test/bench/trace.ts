/** A trace of Chromium, as far as the bench reads it. Times are in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
  /** Of the thread's own time, without what others took from the processor. */
  readonly tdur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
}

/** A mark of the page, by `performance.mark`. Milliseconds of the trace's clock. */
export interface Mark {
  readonly name: string;
  readonly at: number;
}

/** What a trace tells of the page. */
export interface Trace {
  readonly marks: readonly Mark[];
  /** When frames were drawn: milliseconds. */
  readonly frames: readonly number[];
  /** Tasks of the page's main thread: milliseconds by the clock, and of the processor, whose clock is coarser. */
  readonly tasks: readonly { readonly at: number; readonly length: number; readonly processor: number }[];
}

/** The categories of Chromium's tracing that are read. */
export const categories = [
  'toplevel',
  'blink.user_timing',
  'devtools.timeline',
  'disabled-by-default-devtools.timeline',
  'devtools.timeline.frame',
  'disabled-by-default-devtools.timeline.frame',
];

/** Reads what `Browser.stopTracing` returns: the process with the page's marks is the page's. */
export function readTrace(json: Buffer): Trace {
  const { traceEvents } = JSON.parse(json.toString()) as { traceEvents: TraceEvent[] };
  const marks = traceEvents.filter(({ cat, name }) => cat.includes('blink.user_timing') && name.startsWith('bench:'));
  const page = marks[0]?.pid;
  const main = traceEvents.find(
    ({ pid, name, args }) => pid === page && name === 'thread_name' && args?.name === 'CrRendererMain',
  );
  if (page === undefined || main === undefined) {
    throw new Error('The trace has no marks of the page');
  }
  const tasks = traceEvents.filter(
    ({ pid, tid, name, dur }) => pid === page && tid === main.tid && name === 'RunTask' && dur,
  );
  const frames = traceEvents.filter(({ pid, name }) => pid === page && name === 'DrawFrame');
  if (tasks.length === 0 || frames.length === 0) {
    throw new Error('The trace has no tasks or no frames');
  }
  return {
    marks: marks
      .map(({ name, ts }) => ({ name: name.slice('bench:'.length), at: ts / 1000 }))
      .sort((a, b) => a.at - b.at),
    frames: frames.map(({ ts }) => ts / 1000).sort((a, b) => a - b),
    tasks: tasks.map(({ ts, dur = 0, tdur = dur }) => ({
      at: ts / 1000,
      length: dur / 1000,
      processor: Math.min(tdur, dur) / 1000,
    })),
  };
}
