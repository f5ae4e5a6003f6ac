import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { walkTableReferences } from '../../image/references.ts';
import type { Progress } from '../../ports.ts';

/**
 * The host offset in bytes of the first L2 table, of any layer, that has no entries; undefined where all have some. QEMU makes
 * a table for its first entry and keeps one whose clusters the guest discards in entries that say so: most likely it was
 * written over.
 */
export async function findEmptyL2Table(
  image: Image,
  geometry: Geometry,
  progress: Progress,
): Promise<number | undefined> {
  const tables = await walkTableReferences(image, { reference: () => undefined }, progress);
  const bytes = new Uint8Array(geometry.clusterSize);
  for (const offset of tables?.offsets ?? []) {
    const bad = await readHostBytes(image.storage, BigInt(offset), bytes);
    if (bad.length === 0 && bytes.every((byte) => byte === 0)) {
      return offset;
    }
    await progress.step(0, 0);
  }
  return undefined;
}
