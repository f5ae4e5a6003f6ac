import { Qcow2Error } from '../engine/error.ts';
import type { Progress } from '../engine/ports.ts';
import { writeAt } from './writeAt.ts';

/** Has the system give blocks to a range of an open file, in bytes; returns the system's code where it fails. */
export type Fallocate = (fd: number, at: bigint, length: bigint) => string | undefined;

/** Bytes of zeros that are written at once. */
const zeroBytes = 2 ** 20;

/**
 * Gives blocks to a range of bytes of an open file: by writing zeros, or as the system offers it.
 *
 * @param fallocate - undefined where the system, or the build, has no way to
 * @throws `Qcow2Error` `write-failed` with the system's code, `not-supported`
 */
export async function allocateBlocks(
  { path, fd }: { readonly path: string; readonly fd: number },
  { at, length, written }: { readonly at: bigint; readonly length: bigint; readonly written: boolean },
  fallocate: Fallocate | undefined,
  progress: Progress,
): Promise<void> {
  if (written) {
    await writeZeros(path, fd, at, length, progress);
    return;
  }
  if (fallocate === undefined) {
    throw new Qcow2Error(
      'not-supported',
      `Can't allocate blocks for ${path}: this system, or this build, has no way to. Use preallocation=full or metadata.`,
      { system: 'EOPNOTSUPP' },
    );
  }
  const system = fallocate(fd, at, length);
  if (system !== undefined) {
    throw new Qcow2Error('write-failed', `Can't allocate ${length} bytes for ${path}: ${system}.`, { system });
  }
}

async function writeZeros(path: string, fd: number, at: bigint, length: bigint, progress: Progress): Promise<void> {
  const zeros = new Uint8Array(zeroBytes);
  for (let done = 0n; done < length; done += BigInt(zeroBytes)) {
    const left = length - done;
    writeAt(path, fd, at + done, left < BigInt(zeroBytes) ? zeros.subarray(0, Number(left)) : zeros);
    await progress.step(Number(done / BigInt(zeroBytes)), Number(length / BigInt(zeroBytes)));
  }
}
