import { Qcow2Error } from '../engine/error.ts';
import type { Progress } from '../engine/ports.ts';
import type { ProgressLine } from './progressLine.ts';

/** Milliseconds after which signals are heard again. */
const turn = 10;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs long work under a line of progress. A signal that would end the process stops the work at its next step instead,
 * with a `Qcow2Error` `cancelled`, so that it can put down how far it has come.
 */
export async function untilInterrupted<T>(line: ProgressLine, work: (progress: Progress) => Promise<T>): Promise<T> {
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
  };
  for (const signal of signals) {
    process.on(signal, interrupt);
  }
  let heard = Date.now();
  try {
    line.start();
    const result = await work({
      step: async (done, total) => {
        await line.step(done, total);
        if (Date.now() - heard >= turn) {
          // A turn of the loop: signals are only heard between two of them.
          await new Promise((resolve) => setImmediate(resolve));
          heard = Date.now();
        }
        if (interrupted) {
          throw new Qcow2Error('cancelled', 'Interrupted.');
        }
      },
    });
    line.finish();
    line.end();
    return result;
  } finally {
    for (const signal of signals) {
      process.off(signal, interrupt);
    }
  }
}
