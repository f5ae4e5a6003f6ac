import { closeSync, openSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';

/** What the holder of a lock does with the image, by QEMU's bytes; `other`: the lock is none of QEMU's. */
export type LockUse = 'writes' | 'reads' | 'other';

/** A process that holds locks on a file. */
export interface LockHolder {
  readonly pid: number;
  /** The name of the program as the system has it: 15 characters. */
  readonly name: string;
  readonly use: LockUse;
}

/** Who holds locks on a file. */
export type Locks =
  | { readonly state: 'free' }
  | { readonly state: 'held'; readonly holders: readonly LockHolder[]; readonly unseen: LockUse | undefined }
  | { readonly state: 'unknown'; readonly message: string };

/** A lock as the kernel lists it (fs/locks.c, lock_get_status). */
export interface Lock {
  /** `fe:00:2187627`: device and inode. */
  readonly file: string;
  /** -1 for locks of an open file (OFD), as QEMU has them. */
  readonly pid: number;
  /** First and last byte; to the end of the file: infinite. */
  readonly from: number;
  readonly to: number;
}

/** QEMU's bytes (block/file-posix.c): 100 + n "I use permission n", 200 + n "others may not have it". */
const permissionBytes = { first: 100, write: 101, last: 299 } as const;

/** `O_PATH` of Linux: names a file without opening it, for which no permission is needed. */
const openPath = 0o10000000;

/** The locks in a text of `/proc/locks`, or of the `lock:` lines of `/proc/PID/fdinfo/FD`. Those still waited for are left out. */
export function parseLocks(text: string): Lock[] {
  const line = /^(?:lock:\s*)?\d+: (?:OFDLCK|POSIX) +\S+ +\S+ +(-?\d+) ([0-9a-f]+:[0-9a-f]+:\d+) (\d+) (\d+|EOF)$/gm;
  return [...text.matchAll(line)].map(([, pid, file = '', from, to]) => ({
    file,
    pid: Number(pid),
    from: Number(from),
    to: to === 'EOF' ? Number.POSITIVE_INFINITY : Number(to),
  }));
}

/** What someone who holds these locks does. */
export function useOf(locks: readonly Lock[]): LockUse {
  const { first, write, last } = permissionBytes;
  const own = locks.filter(({ from, to }) => from >= first && to <= last);
  if (own.length === 0) {
    return 'other';
  }
  return own.some(({ from, to }) => from <= write && to >= write) ? 'writes' : 'reads';
}

/**
 * Tells, each time that it is called, who holds locks on the file at `path`, as Linux has it in /proc. Never throws. The
 * processes are only searched when the locks are other ones than the time before.
 */
export function locksOn(path: string): () => Promise<Locks> {
  const known = { locks: '', found: [] as readonly Found[] };
  return () => lookUp(path, known);
}

/** What was found the time before: for which locks, and who has them. */
interface Known {
  locks: string;
  found: readonly Found[];
}

async function lookUp(path: string, known: Known): Promise<Locks> {
  if (process.platform !== 'linux') {
    return { state: 'unknown', message: 'Only Linux tells which process has a file locked.' };
  }
  try {
    const file = await kernelName(path);
    const all = parseLocks(await readFile('/proc/locks', 'latin1'));
    const locks = all.filter((lock) => lock.file === file);
    if (locks.length === 0) {
      return { state: 'free' };
    }
    const found = await holdersOf(path, file, locks, known);
    const left = without(
      locks,
      found.flatMap((one) => one.locks),
    );
    return {
      state: 'held',
      holders: found.map(({ pid, name, locks: held }) => ({ pid, name, use: useOf(held) })),
      unseen: left.length === 0 ? undefined : useOf(left),
    };
  } catch (error) {
    return { state: 'unknown', message: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Device and inode as the kernel lists them with locks. The device is that of the file system, which is not always the
 * one of stat (btrfs): it is in the list of mounts.
 */
async function kernelName(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true });
  const mounted = await mountedDevice(path);
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${mounted ?? deviceName(Number(major), Number(minor))}:${ino}`;
}

async function mountedDevice(path: string): Promise<string | undefined> {
  const fd = openSync(path, openPath);
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    const mounts = await readFile('/proc/self/mountinfo', 'latin1');
    const [, major, minor] = new RegExp(`^${id} \\d+ (\\d+):(\\d+) `, 'm').exec(mounts) ?? [];
    return major === undefined || minor === undefined ? undefined : deviceName(Number(major), Number(minor));
  } finally {
    closeSync(fd);
  }
}

function deviceName(major: number, minor: number): string {
  return `${major.toString(16).padStart(2, '0')}:${minor.toString(16).padStart(2, '0')}`;
}

/** The holders of these locks: those of the time before, if they hold them still. */
async function holdersOf(path: string, file: string, locks: readonly Lock[], known: Known): Promise<readonly Found[]> {
  const words = JSON.stringify(locks.map(({ pid, from, to }) => `${pid} ${from} ${to}`).sort());
  const still = words === known.locks && (await Promise.all(known.found.map((one) => holdsStill(one, file))));
  if (!still || still.includes(false)) {
    known.found = await findHolders(path, file);
    known.locks = words;
  }
  return known.found;
}

async function holdsStill({ pid, fds, locks }: Found, file: string): Promise<boolean> {
  const held = await Promise.all(fds.map((fd) => locksIn(pid, fd, file)));
  return held.flat().length === locks.length;
}

interface Found {
  readonly pid: number;
  readonly fds: readonly string[];
  readonly name: string;
  readonly locks: readonly Lock[];
}

/** The processes that we may look into and that hold locks on the file. Only descriptors of that very file are read. */
async function findHolders(path: string, file: string): Promise<Found[]> {
  const wanted = await stat(path, { bigint: true });
  const found: Found[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = /^\d+$/.test(entry) ? Number(entry) : 0;
    const locks: Lock[] = [];
    const fds: string[] = [];
    for (const fd of pid === 0 ? [] : await attempt(readdir(`/proc/${pid}/fd`), [])) {
      const open = await attempt(stat(`/proc/${pid}/fd/${fd}`, { bigint: true }), undefined);
      if (open?.ino === wanted.ino && open.dev === wanted.dev) {
        fds.push(fd);
        locks.push(...(await locksIn(pid, fd, file)));
      }
    }
    if (locks.length > 0) {
      const name = await attempt(readFile(`/proc/${pid}/comm`, 'utf8'), '');
      found.push({ pid, fds, name: name.trimEnd(), locks });
    }
  }
  return found;
}

/** The locks on the file by one descriptor of a process. */
async function locksIn(pid: number, fd: string, file: string): Promise<Lock[]> {
  const text = await attempt(readFile(`/proc/${pid}/fdinfo/${fd}`, 'latin1'), '');
  return parseLocks(text).filter((lock) => lock.file === file);
}

/** Processes come and go, and most are somebody else's. */
async function attempt<T>(reading: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await reading;
  } catch {
    return otherwise;
  }
}

/** The locks that are not among `others`; each of those takes one away. */
function without(locks: readonly Lock[], others: readonly Lock[]): Lock[] {
  const left = [...locks];
  for (const other of others) {
    const at = left.findIndex(({ pid, from, to }) => pid === other.pid && from === other.from && to === other.to);
    if (at >= 0) {
      left.splice(at, 1);
    }
  }
  return left;
}
