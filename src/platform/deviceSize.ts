import { readFileSync } from 'node:fs';

/** Reads at a host offset (bytes); returns the bytes read, 0 past the end. */
type ReadAt = (at: bigint, into: Uint8Array) => number;

/** Size of a sector in /sys and the least size of a read, in bytes. */
const sector = 512n;

/**
 * The size of a block device in bytes; fstat says 0. Linux tells it in /sys; elsewhere its end is searched for.
 *
 * @param rdev - st_rdev of the device
 * @param read - reads from the opened device
 */
export function deviceSize(rdev: bigint, read: ReadAt): bigint {
  return (process.platform === 'linux' ? sysSize(rdev) : undefined) ?? searchSize(read);
}

function sysSize(rdev: bigint): bigint | undefined {
  // Linux's encoding of major and minor (sys/sysmacros.h).
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  let text: string;
  try {
    text = readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'latin1').trim();
  } catch {
    // No /sys in this container: the caller searches for the end.
    return undefined;
  }
  return /^\d+$/.test(text) ? BigInt(text) * sector : undefined;
}

/** Finds the end of a device by reading single sectors, with about 2 log2(size) reads. In bytes. */
export function searchSize(read: ReadAt): bigint {
  const buffer = new Uint8Array(Number(sector));
  const has = (index: bigint): boolean => read(index * sector, buffer) > 0;
  if (!has(0n)) {
    return 0n;
  }
  let known = 0n;
  let beyond = 1n;
  while (beyond < 2n ** 54n && has(beyond)) {
    known = beyond;
    beyond *= 2n;
  }
  while (beyond - known > 1n) {
    const middle = (known + beyond) / 2n;
    if (has(middle)) {
      known = middle;
    } else {
      beyond = middle;
    }
  }
  return beyond * sector;
}
