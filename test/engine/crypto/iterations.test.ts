import assert from 'node:assert/strict';
import { iterationsFor, iterationsPerSecond } from '../../../src/engine/crypto/iterations.ts';
import type { Ciphers } from '../../../src/engine/ports.ts';
import { timed } from '../../support/timedCiphers.ts';

const none = new Uint8Array(0);

function perSecond(ciphers: Ciphers): bigint {
  return iterationsPerSecond(ciphers, 'sha256', none, none, 32);
}

describe('the iterations of PBKDF2', () => {
  for (const speed of [900, 32_768, 1_000_000, 3_210_000, 300_000_000]) {
    it(`are measured on a machine that does ${speed} in a second`, () => {
      const measured = Number(perSecond(timed(speed).ciphers));
      assert.ok(Math.abs(measured - speed) <= 1, String(measured));
    });
  }

  it('are measured for at least 100 ms', () => {
    for (const speed of [32_768, 1_000_000, 3_210_000]) {
      const { ciphers, runs } = timed(speed);
      perSecond(ciphers);
      assert.ok(((runs.at(-1) ?? 0) * 1000) / speed >= 100);
      assert.ok(runs.slice(0, -1).every((run) => (run * 1000) / speed < 100));
    }
  });

  it('can’t be measured where time stands still', () => {
    assert.throws(() => perSecond(timed(Number.POSITIVE_INFINITY).ciphers), {
      code: 'not-supported',
      message: 'Unable to get accurate CPU usage',
    });
  });

  it('are as many as the time allows, and an eighth for the master key', () => {
    assert.equal(iterationsFor(3_000_000n, 2000n, 1n), 6_000_000);
    assert.equal(iterationsFor(3_000_000n, 2000n, 8n), 750_000);
    assert.equal(iterationsFor(3_000_000n, 10n, 1n), 30_000);
  });

  it('are at least 1000', () => {
    assert.equal(iterationsFor(3_000_000n, 0n, 1n), 1000);
    assert.equal(iterationsFor(3_000_000n, 2n, 8n), 1000);
  });

  it('fit into 32 bits, or are refused in QEMU’s words', () => {
    assert.equal(iterationsFor(1000n, 2n ** 32n - 1n, 1n), 2 ** 32 - 1);
    assert.throws(() => iterationsFor(1000n, 2n ** 32n, 1n), {
      code: 'bad-argument',
      message: 'PBKDF iterations 4294967296 larger than 4294967295: Numerical result out of range',
    });
    assert.throws(() => iterationsFor(7_000_000n, -1n, 8n), {
      code: 'bad-argument',
      message: 'PBKDF iterations 7000000 too large to scale: Numerical result out of range',
    });
  });
});
