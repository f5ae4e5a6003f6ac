import type { Image } from '../engine/image/image.ts';

/** Why no repair takes an image, and what helps instead, as sentences; undefined where one does. */
export async function noRepairWords(image: Image): Promise<string | undefined> {
  const { findings, geometry, header } = image;
  if (geometry && findings.length === 0) {
    return undefined;
  }
  const { repairRefusal } = await import('../engine/change/refusals.ts');
  const why = repairRefusal(image);
  // Without a geometry no disk can be found, and nothing decrypts one that is saved.
  const isSavable = geometry !== undefined && header?.crypt_method === 0;
  return why && isSavable ? `${why} What can be read of its disk is saved by “Save Guest Disk As…”.` : why;
}
