import { fileBytes } from '../../src/engine/image/fileBytes.ts';
import type { GuestPorts } from '../../src/engine/image/guestData.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

/** A name of 255 bytes. */
export const longName: string = 'n'.repeat(255);

/** The backing files that the images have, and get: raw files, all with the same bytes. */
export const backingNames: readonly string[] = ['base.raw', 'b.raw', longName];

/** 4 MiB without a zero; a sector differs from those around it. */
export const backingBytes: Uint8Array = Uint8Array.from({ length: 2 ** 22 }, (_, at) => 1 + ((at >>> 9) % 251));

const backing = fileBytes(new MemoryStorage(backingBytes));

/** With what the guest's bytes of an image are read. */
export function guestPorts(image: Image): GuestPorts {
  return { codecs, ...(image.backing && { backing }) };
}
