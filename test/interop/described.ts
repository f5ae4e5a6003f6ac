import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bitmapName } from '../../src/engine/format/bitmaps.ts';
import type { Header } from '../../src/engine/format/header.ts';
import { readBitmaps } from '../../src/engine/image/bitmapDirectory.ts';
import { walkBitmap } from '../../src/engine/image/bitmapRanges.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';

/**
 * What there is of the image `disk` in a folder that qemu-img does not tell: the header's fields but for the places of
 * tables (ours grows the L1 table where it is, if there is room, and QEMU always moves it), the extensions but for the
 * place of the bitmap directory, the bitmaps, and the length of the external data file `data`.
 */
export async function described(folder: string): Promise<object> {
  const file = await openFile(join(folder, 'disk'));
  try {
    const image = await openImage(file);
    const { header, extensions } = image;
    assert.ok(header);
    const data = join(folder, 'data');
    return {
      ...fieldsOf(header),
      extensions: extensions.map(({ type, data: bytes }) => [
        type,
        type === 0x23852875 ? bytes.subarray(0, 16) : bytes,
      ]),
      bitmaps: await bitmapsOf(image),
      data: existsSync(data) ? await lengthOf(data) : undefined,
    };
  } finally {
    await file.close();
  }
}

/** The fields of an image's bitmaps but for the places of tables, and their dirty ranges, by name. */
export async function bitmapsOf({ storage, geometry, bitmapDirectory }: Image): Promise<Record<string, object>> {
  assert.ok(geometry);
  const bitmaps: Record<string, object> = {};
  for (const bitmap of bitmapDirectory ? await readBitmaps(storage, bitmapDirectory) : []) {
    const ranges: bigint[][] = [];
    const add = (_state: unknown, start: bigint, length: bigint): boolean => ranges.push([start, length]) > 0;
    await walkBitmap(storage, geometry, bitmap, 0n, add, noProgress);
    const { bitmap_table_offset: _, ...fields } = bitmap.fields;
    bitmaps[bitmapName(bitmap)] = { ...fields, ranges };
  }
  return bitmaps;
}

function fieldsOf(header: Header): object {
  const places = ['bytes', 'l1_table_offset', 'refcount_table_offset', 'refcount_table_clusters'];
  return Object.fromEntries(Object.entries(header).filter(([name]) => !places.includes(name)));
}

async function lengthOf(path: string): Promise<bigint> {
  const file = await openFile(path);
  await file.close();
  return file.size;
}
