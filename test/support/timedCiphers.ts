import type { Ciphers } from '../../src/engine/ports.ts';
import { ciphers as real } from '../../src/platform/ciphers.ts';

/**
 * Ciphers whose time goes by as on a machine that does so many iterations of PBKDF2 in a second, and what they were
 * asked for. Runs of more than 2000 iterations give zeros at once: they are those that measure.
 */
export function timed(iterationsPerSecond: number): { readonly ciphers: Ciphers; readonly runs: readonly number[] } {
  const runs: number[] = [];
  let now = 0;
  const ciphers: Ciphers = {
    ...real,
    pbkdf2: (hash, secret, salt, iterations, length) => {
      runs.push(iterations);
      now += (iterations * 1000) / iterationsPerSecond;
      return iterations > 2000 ? new Uint8Array(length) : real.pbkdf2(hash, secret, salt, iterations, length);
    },
    processorTime: () => now,
  };
  return { ciphers, runs };
}
