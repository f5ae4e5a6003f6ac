import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Server } from './server.ts';

/** A file that a process of the server has open. */
export interface OpenFile {
  readonly pid: number;
  readonly fd: number;
  /** Whether it can be written through this descriptor. */
  readonly writable: boolean;
}

/** Who in the server's group of processes has the file at `path` open, as /proc tells. */
export function openFiles(server: Server, path: string): OpenFile[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => groupOf(pid) === server.pid)
    .flatMap((pid) =>
      attempt(() => readdirSync(`/proc/${pid}/fd`), [])
        .map(Number)
        .filter((fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`), '') === path)
        .map((fd) => ({ pid, fd, writable: isWritable(pid, fd) })),
    );
}

/** The fifth field of /proc/PID/stat; the second is the command's name in parentheses, and may hold anything. */
function groupOf(pid: number): number {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), '');
  return Number(stat.slice(stat.lastIndexOf(')')).split(' ')[3]);
}

/** The lowest two of the open flags (octal) are the access mode; 0 is O_RDONLY. */
function isWritable(pid: number, fd: number): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '1';
  return (Number.parseInt(flags, 8) & 3) !== 0;
}

/** Processes and descriptors may go away while they are looked at. */
function attempt<T>(read: () => T, gone: T): T {
  try {
    return read();
  } catch {
    return gone;
  }
}
