import { Qcow2Error } from '../engine/error.ts';
import { type LockHolder, locksOn } from './locks.ts';
import type { FileLock } from './native.ts';

/** QEMU's permissions (BLK_PERM_*): reading, writing, changing the length. */
const permissions = { read: 0, write: 1, resize: 3 } as const;

/** QEMU's bytes (block/file-posix.c): 100 + n "I use permission n", 200 + n "others may not have it". */
const usedByte = 100;
const unsharedByte = 200;

const used = [permissions.read, permissions.write, permissions.resize];
const unshared = [permissions.write, permissions.resize];

/**
 * Takes the locks with which QEMU opens an image for writing (raw_apply_lock_bytes), on an open file: they end when it
 * is closed. Returns false where there are no such locks.
 *
 * @throws `Qcow2Error` `in-use` where another process holds the image, with its name and pid where the system tells
 */
export async function lockForWriting(path: string, fd: number, lock: FileLock | undefined): Promise<boolean> {
  const own = [...used.map((one) => usedByte + one), ...unshared.map((one) => unsharedByte + one)];
  const results = new Set(own.map((byte) => lock?.share(fd, byte)));
  if (results.has('held')) {
    throw inUse(path, await holdersOf(path));
  }
  if (lock === undefined || results.has('unavailable')) {
    // Who holds it can be told without locks of our own.
    await requireFree(path);
    return false;
  }
  // First taken, then looked for others: of two that come at the same time, at least one sees the other.
  const foreign = [...used.map((one) => unsharedByte + one), ...unshared.map((one) => usedByte + one)];
  if (foreign.some((byte) => lock.isHeldByOthers(fd, byte))) {
    throw inUse(path, await holdersOf(path));
  }
  return true;
}

async function requireFree(path: string): Promise<void> {
  const locks = await locksOn(path)();
  if (locks.state === 'held') {
    throw inUse(path, locks.holders);
  }
}

async function holdersOf(path: string): Promise<readonly LockHolder[]> {
  const locks = await locksOn(path)();
  return locks.state === 'held' ? locks.holders.filter(({ pid }) => pid !== process.pid) : [];
}

function inUse(path: string, holders: readonly LockHolder[]): Qcow2Error {
  const names = holders.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ');
  const who = names === '' ? 'Another process' : names;
  return new Qcow2Error('in-use', `${who} has ${path} open. Nothing was written. Close it there first.`);
}
