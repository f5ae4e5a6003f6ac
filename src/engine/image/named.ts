import type { ByteRange } from '../finding.ts';
import type { BitmapDirectoryFormat } from '../format/bitmaps.ts';
import {
  backingFormat,
  backingName,
  backingNameBytes,
  bitmapsExtension,
  cryptoExtension,
  dataFileName,
  type Extension,
} from '../format/extensions.ts';
import type { Header } from '../format/header.ts';
import { limits } from '../limits.ts';
import type { BackingDescription } from './description.ts';
import type { Geometry } from './geometry.ts';
import type { Image } from './image.ts';

/**
 * The backing file as the image names it; undefined for none. `first`: the bytes of the first cluster as far as they
 * could be read.
 */
export function backingOf(
  header: Header,
  extensions: readonly Extension[],
  first: Uint8Array,
): BackingDescription | undefined {
  const nameBytes = backingNameBytes(first, header);
  if (!nameBytes) {
    return undefined;
  }
  const format = backingFormat(extensions);
  const name = backingName(nameBytes);
  return { name, nameBytes, offset: header.backing_file_offset, ...(format === undefined ? {} : { format }) };
}

/** The external data file as the image names it; undefined where the image has none. */
export function dataFileOf(header: Header, extensions: readonly Extension[]): Image['dataFile'] {
  if (header.version < 3 || (header.incompatible_features & 4n) === 0n) {
    return undefined;
  }
  return { name: dataFileName(extensions), raw: (header.autoclear_features & 2n) !== 0n };
}

/** Where the LUKS header and its key material lie; undefined where the image does not say. */
export function luksAreaOf(extensions: readonly Extension[]): ByteRange | undefined {
  const crypto = cryptoExtension(extensions);
  return crypto && { offset: crypto.offset, length: crypto.length };
}

/** Where the bitmap directory lies; undefined where there is none, or none that could be read. */
export function bitmapDirectoryOf(
  geometry: Geometry,
  extensions: readonly Extension[],
): BitmapDirectoryFormat | undefined {
  const bitmaps = bitmapsExtension(extensions);
  if (!bitmaps || bitmaps.bitmap_directory_size > BigInt(limits.bitmapDirectoryBytes)) {
    return undefined;
  }
  return {
    count: bitmaps.nb_bitmaps,
    directorySize: bitmaps.bitmap_directory_size,
    directoryOffset: bitmaps.bitmap_directory_offset,
    clusterBits: geometry.clusterBits,
    virtualSize: geometry.guestSize,
  };
}
