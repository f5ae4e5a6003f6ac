import { sectorSize } from '../../change/changeSet.ts';
import type { Draft } from '../../change/draft.ts';

/** Writes the sectors of a structure that differ. `at`: host offset in bytes, of both. */
export async function writeChanged(
  draft: Draft,
  structure: string,
  at: bigint,
  before: Uint8Array,
  after: Uint8Array,
): Promise<void> {
  for (let from = 0; from < after.length; from += sectorSize) {
    const sector = after.subarray(from, from + sectorSize);
    if (sector.some((byte, index) => byte !== before[from + index])) {
      await draft.write(structure, at + BigInt(from), sector.slice());
    }
  }
}
