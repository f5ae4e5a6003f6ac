import { createCipheriv, createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { Qcow2Error } from '../engine/error.ts';
import type { Ciphers } from '../engine/ports.ts';

/** What Node takes at the most; the field in a LUKS header would hold twice as many. */
const mostIterations = 2 ** 31 - 1;

/** Cryptography by Node, and so by OpenSSL, or by BoringSSL inside VS Code. */
export const ciphers: Ciphers = {
  random: (length) => randomBytes(length),
  digest: (hash, data) => offered(hash, () => createHash(hash).update(data).digest()),
  pbkdf2: (hash, secret, salt, iterations, length) => {
    if (iterations > mostIterations) {
      throw new Qcow2Error(
        'not-supported',
        `PBKDF iterations ${iterations} larger than ${mostIterations}: Node does no more. Use a smaller iter-time.`,
      );
    }
    return offered(hash, () => pbkdf2Sync(secret, salt, iterations, length, hash));
  },
  encryptAes: (mode, key, iv, data) => {
    const name = `aes-${key.length * 8}-${mode}`;
    return offered(name, () => {
      const cipher = createCipheriv(name, key, iv ?? null).setAutoPadding(false);
      return Buffer.concat([cipher.update(data), cipher.final()]);
    });
  },
  processorTime: () => {
    // Node 23.9 has that of the thread.
    const ofThread = typeof process.threadCpuUsage === 'function';
    const { user, system } = ofThread ? process.threadCpuUsage() : process.cpuUsage();
    return (user + system) / 1000;
  },
};

/** Not every build of Node has every algorithm. */
function offered<T>(name: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Qcow2Error('not-supported', `Algorithm '${name}' not supported by this build of Node: ${reason}`);
  }
}
