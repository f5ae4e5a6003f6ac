import type { ImageBuilder } from '../builder.ts';
import { oneBitmap } from './extensionCases.ts';

const cluster = 65536n;
/** Where the bitmap directory of `oneBitmap` is, and the bitmap's table. */
const directory = 5n * cluster;
const table = 6n * cluster;

/** A bitmap whose table has one entry that is wrong or just right, and why QEMU then does not open the image. */
export const unloadableBitmapCases: readonly {
  readonly what: string;
  readonly image: () => ImageBuilder;
  readonly message?: string;
}[] = [
  {
    what: 'a reserved bit',
    image: () => oneBitmap().put64(table, 2n),
    message: "Could not read bitmap_table table from image for bitmap 'b': Invalid argument",
  },
  {
    what: 'a cluster and bit 0',
    image: () => oneBitmap().put64(table, 4n * cluster + 1n),
    message: "Could not read bitmap_table table from image for bitmap 'b': Invalid argument",
  },
  {
    what: 'half a cluster',
    image: () => oneBitmap().put64(table, 4n * cluster + cluster / 2n),
    message: "Could not read bitmap_table table from image for bitmap 'b': Invalid argument",
  },
  {
    what: 'a cluster',
    image: () =>
      oneBitmap()
        .put64(table, 4n * cluster)
        .put64(table + cluster, 0n),
  },
  { what: 'all ones', image: () => oneBitmap().put64(table, 1n) },
  { what: 'nothing', image: () => oneBitmap() },
  {
    what: 'a reserved bit, in use',
    image: () =>
      oneBitmap()
        .put64(table, 2n)
        .put32(directory + 12n, 1),
  },
  { what: 'a reserved bit, out of date', image: () => oneBitmap({ autoclear_features: 0 }).put64(table, 2n) },
];
