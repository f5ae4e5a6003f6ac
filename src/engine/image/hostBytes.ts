import { Qcow2Error } from '../error.ts';
import type { Storage } from '../ports.ts';

/** A run of bytes that the system failed to read. */
export interface Unreadable {
  /** Byte of the buffer at which it starts. */
  readonly from: number;
  /** Byte after its end. */
  readonly to: number;
  /** The system's code, such as `EIO`. */
  readonly system: string | undefined;
}

/** The smallest piece that is tried alone after a read error: a sector. */
const sectorSize = 512;

const none: readonly Unreadable[] = [];

/**
 * Fills `into` with the bytes of the file from host offset `at` on. What lies past the end of the file reads as zeros,
 * as in QEMU. Where the system reports an error, the bytes around the bad sectors are still read: the sectors read as
 * zeros and are returned, in order. Other errors than `read-failed` are thrown.
 */
export async function readHostBytes(storage: Storage, at: bigint, into: Uint8Array): Promise<readonly Unreadable[]> {
  const inFile = storage.size - at;
  const length = inFile <= 0n ? 0 : inFile < BigInt(into.length) ? Number(inFile) : into.length;
  into.fill(0, length);
  if (length === 0) {
    return none;
  }
  const wanted = length === into.length ? into : into.subarray(0, length);
  try {
    wanted.fill(0, await storage.read(at, wanted));
    return none;
  } catch (error) {
    systemCode(error);
    return readAround(storage, at, wanted);
  }
}

/** Reads by halves, and the halves that fail by halves again, down to sectors. */
async function readAround(storage: Storage, at: bigint, into: Uint8Array): Promise<Unreadable[]> {
  const bad: Unreadable[] = [];
  const open = [{ from: 0, to: into.length }];
  for (let part = open.pop(); part; part = open.pop()) {
    const { from, to } = part;
    const bytes = into.subarray(from, to);
    try {
      bytes.fill(0, await storage.read(at + BigInt(from), bytes));
    } catch (error) {
      const system = systemCode(error);
      const middle = middleSector(at, from, to);
      if (middle === undefined) {
        bytes.fill(0);
        addBad(bad, { from, to, system });
      } else {
        open.push({ from: middle, to }, { from, to: middle });
      }
    }
  }
  return bad;
}

/** The boundary of sectors of the file nearest to the middle, or undefined if the part lies within one sector. */
function middleSector(at: bigint, from: number, to: number): number | undefined {
  const shift = Number(at % BigInt(sectorSize));
  const first = Math.floor((from + shift) / sectorSize);
  const end = Math.ceil((to + shift) / sectorSize);
  return end - first <= 1 ? undefined : Math.floor((first + end) / 2) * sectorSize - shift;
}

function addBad(bad: Unreadable[], next: Unreadable): void {
  const last = bad.at(-1);
  if (last && last.to === next.from && last.system === next.system) {
    bad[bad.length - 1] = { ...last, to: next.to };
  } else {
    bad.push(next);
  }
}

/** The system's code of a read error; anything else is not ours to catch. */
function systemCode(error: unknown): string | undefined {
  if (error instanceof Qcow2Error && error.code === 'read-failed') {
    return error.system;
  }
  throw error;
}
