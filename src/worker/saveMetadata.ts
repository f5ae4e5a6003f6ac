import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import { copyMetadata, type MetadataCopy } from '../engine/operations/metadataCopy.ts';
import { metadataCopyLines } from '../engine/operations/metadataCopyText.ts';
import type { Progress } from '../engine/ports.ts';
import { saveFile } from '../platform/savedFile.ts';
import type { CopyMetadataRequest } from '../protocol/metadataApi.ts';

/**
 * Writes the metadata of an image into a new file as long as the image. Gives lines that say what is in it. Throws
 * `damaged` for a file without a header, what writing the file throws, and `cancelled`: then there is no file.
 */
export async function saveMetadata(
  image: Image,
  { path, anonymous, bitmapData }: CopyMetadataRequest,
  progress: Progress,
): Promise<readonly string[]> {
  const { storage } = image;
  const kept = 'identity' in storage && typeof storage.identity === 'string' ? [storage.identity] : [];
  let copy: MetadataCopy | undefined;
  await saveFile(path, storage.size, new Set(kept), async (file) => {
    const target = { write: async (at: bigint, bytes: Uint8Array) => file.write(at, bytes) };
    copy = await copyMetadata(image, target, { anonymous, bitmapData }, progress);
  });
  if (copy === undefined) {
    throw new Qcow2Error('write-failed', `${path} was not written.`);
  }
  const names = anonymous ? 'replaced by others of the same length' : 'kept';
  return metadataCopyLines(path, copy, { bitmapData, names });
}
