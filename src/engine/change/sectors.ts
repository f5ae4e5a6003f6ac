import type { Storage } from '../ports.ts';
import { type ByteWrite, sectorSize } from './changeSet.ts';

/** A run of whole sectors. */
export interface SectorRun {
  readonly structure: string;
  /** Host offset in bytes, a multiple of 512. */
  readonly at: bigint;
  /** Whole sectors. */
  readonly bytes: Uint8Array;
}

/** Bytes that a run has at most. */
const mostRunBytes = 2 ** 16;

/**
 * The sectors that writes change, each one once, ascending, with the bytes between the writes as `before` has them. A
 * disk writes a sector whole, so that writes to one sector land together.
 *
 * @param before - the file as it is before these writes
 */
export async function sectorRuns(writes: readonly ByteWrite[], before: Pick<Storage, 'read'>): Promise<SectorRun[]> {
  const sorted = [...writes].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const runs: SectorRun[] = [];
  for (let next = 0; next < sorted.length; ) {
    const group: ByteWrite[] = [];
    const start = floorSector(sorted[next]?.at ?? 0n);
    let end = start;
    for (; next < sorted.length; next++) {
      const write = sorted[next];
      if (!write || (group.length > 0 && (floorSector(write.at) > end || end - start >= BigInt(mostRunBytes)))) {
        // A sector that two writes share is never in two runs.
        if (!write || floorSector(write.at) >= end) {
          break;
        }
      }
      group.push(write);
      const stop = ceilSector(write.at + BigInt(write.bytes.length));
      end = stop > end ? stop : end;
    }
    const bytes = new Uint8Array(Number(end - start));
    await before.read(start, bytes);
    for (const write of group) {
      bytes.set(write.bytes, Number(write.at - start));
    }
    runs.push({ structure: group[0]?.structure ?? '', at: start, bytes });
  }
  return runs;
}

/** Down to a multiple of a sector. */
export function floorSector(at: bigint): bigint {
  return at - (at % BigInt(sectorSize));
}

/** Up to a multiple of a sector. */
export function ceilSector(at: bigint): bigint {
  return floorSector(at + BigInt(sectorSize - 1));
}
