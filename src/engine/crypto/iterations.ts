import { Qcow2Error } from '../error.ts';
import type { Ciphers, HashAlg } from '../ports.ts';

/** Iterations of the first try (qcrypto_pbkdf2_count_iters). */
const firstTry = 2 ** 15;

/** Milliseconds that a try must take to count; QEMU, whose clock is coarser, waits for 500. */
const shortestTry = 100;

/** Iterations of the last try: what no processor does in so short a time. */
const lastTry = 2 ** 30;

/** QCRYPTO_BLOCK_LUKS_MIN_SLOT_KEY_ITERS, QCRYPTO_BLOCK_LUKS_MIN_MASTER_KEY_ITERS. */
const fewest = 1000n;

/**
 * The iterations of PBKDF2 that this machine does in a second of processor time. Throws `not-supported` where time does
 * not go by.
 *
 * @param length - bytes that are derived
 */
export function iterationsPerSecond(
  ciphers: Ciphers,
  hash: HashAlg,
  secret: Uint8Array,
  salt: Uint8Array,
  length: number,
): bigint {
  for (let iterations = firstTry; iterations <= lastTry; iterations *= 4) {
    const start = ciphers.processorTime();
    ciphers.pbkdf2(hash, secret, salt, iterations, length).fill(0);
    const taken = ciphers.processorTime() - start;
    if (taken >= shortestTry) {
      return BigInt(Math.floor((iterations * 1000) / taken));
    }
  }
  throw new Qcow2Error('not-supported', 'Unable to get accurate CPU usage');
}

/**
 * The iterations for a secret that is to take `iterTime` milliseconds, divided by `divisor`: at least 1000. Throws
 * `bad-argument` in QEMU's words where they don't fit into the header.
 */
export function iterationsFor(perSecond: bigint, iterTime: bigint, divisor: bigint): number {
  // QEMU has the time in 64 bits without a sign.
  const time = BigInt.asUintN(64, iterTime);
  if (perSecond * time >= 2n ** 64n) {
    throw outOfRange(`PBKDF iterations ${perSecond} too large to scale`);
  }
  const iterations = (perSecond * time) / 1000n / divisor;
  if (iterations >= 2n ** 32n) {
    throw outOfRange(`PBKDF iterations ${iterations} larger than ${2 ** 32 - 1}`);
  }
  return Number(iterations < fewest ? fewest : iterations);
}

function outOfRange(what: string): Qcow2Error {
  return new Qcow2Error('bad-argument', `${what}: Numerical result out of range`);
}
