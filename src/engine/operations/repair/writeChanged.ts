import { sectorSize } from '../../change/changeSet.ts';
import type { Draft } from '../../change/draft.ts';

/** Writes the sectors of a structure that differ. `at`: host offset in bytes, of both, which are whole entries of 8 bytes. */
export async function writeChanged(
  draft: Draft,
  structure: string,
  at: bigint,
  before: Uint8Array,
  after: Uint8Array,
): Promise<void> {
  const [old, now] = [wordsOf(before), wordsOf(after)];
  for (let word = 0; word < now.length; word++) {
    if (now[word] !== old[word]) {
      const sector = Math.floor((word * 4) / sectorSize);
      await draft.write(
        structure,
        at + BigInt(sector * sectorSize),
        after.slice(sector * sectorSize, (sector + 1) * sectorSize),
      );
      word = ((sector + 1) * sectorSize) / 4 - 1;
    }
  }
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length / 4);
}
