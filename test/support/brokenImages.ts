import { join } from 'node:path';
import { compressed, copied, type HeaderValues, ImageBuilder, zero } from './builder.ts';
import { cacheFolder } from './cache.ts';
import { built, type MadeImage, makeImages } from './imageRecipe.ts';

/** An image with one thing wrong. */
export interface BrokenImage {
  readonly name: string;
  /** The file's content. */
  readonly build: () => ImageBuilder;
  /** QEMU's message when `info` refuses to open it; absent where `info` works. */
  readonly refused?: string;
  /** qemu-img 7.2 dies of it (a null pointer in the driver's specific info). */
  readonly crashes?: true;
  readonly options?: readonly string[];
}

const bitmapsExtension = 0x23852875;
const backingFormat = 0xe2792aca;
const featureNames = 0x6803f857;
const cryptoPointer = 0x0537be77;
const dataFileName = 0x44415441;

/** An image of 1 MiB with one data cluster: L2 table in cluster 4, data in cluster 5. */
export function small(values: Partial<HeaderValues> = {}): ImageBuilder {
  const image = new ImageBuilder(values);
  image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .refcount(5, 1);
  return image
    .entry(4, 0, copied | image.at(5))
    .put(image.at(5), 'data of the guest')
    .truncate(image.at(6));
}

/** `small` with one snapshot, its table in cluster 6, its L1 table in 7; `extra` bytes of extra data. */
export function withSnapshot(values: Partial<HeaderValues> = {}, extra = 16): ImageBuilder {
  const image = small({ nb_snapshots: 1, snapshots_offset: 6 * 65536, ...values });
  const entry = image.at(6);
  image
    .put64(entry, image.at(7))
    .put32(entry + 8n, 1)
    .put16(entry + 12n, 1)
    .put16(entry + 14n, 4);
  image.put32(entry + 36n, extra).put64(entry + 48n, 1 << 20);
  image.put(entry + 40n + BigInt(extra), '1snap').put64(image.at(7), image.at(4));
  image.l1(0, image.at(4)).entry(4, 0, image.at(5));
  return image.refcount(4, 2).refcount(5, 2).refcount(6, 1).refcount(7, 1).truncate(image.at(8));
}

/** `small` with the bitmaps extension (`count`, reserved, directory size and place) and one bitmap `b0`. */
export function withBitmap(count = 1, reserved = 0, size = 32n, offset = 6n * 65536n, autoclear = 1): ImageBuilder {
  const image = small({ autoclear_features: autoclear });
  const data = new DataView(new ArrayBuffer(24));
  data.setUint32(0, count);
  data.setUint32(4, reserved);
  data.setBigUint64(8, size);
  data.setBigUint64(16, offset);
  image.extension(bitmapsExtension, new Uint8Array(data.buffer));
  const entry = image.at(6);
  image
    .put64(entry, image.at(7))
    .put32(entry + 8n, 1)
    .put32(entry + 12n, 2)
    .put8(entry + 16n, 1);
  image
    .put8(entry + 17n, 16)
    .put16(entry + 18n, 2)
    .put(entry + 24n, 'b0');
  return image.refcount(6, 1).refcount(7, 1).truncate(image.at(8));
}

const header: BrokenImage[] = [
  {
    name: 'other magic',
    build: () => small({ magic: 0x514649fc }),
    refused: 'Image is not in qcow2 format',
    options: ['-f', 'qcow2'],
  },
  {
    name: 'version 1',
    build: () => small({ version: 1 }),
    refused: 'Unsupported qcow2 version 1',
    options: ['-f', 'qcow2'],
  },
  { name: 'version 4', build: () => small({ version: 4 }), refused: 'Unsupported qcow2 version 4' },
  {
    name: 'clusters of 256',
    build: () => small().header({ cluster_bits: 8 }),
    refused: 'Unsupported cluster size: 2^8',
  },
  {
    name: 'clusters of 4 MiB',
    build: () => small().header({ cluster_bits: 22 }),
    refused: 'Unsupported cluster size: 2^22',
  },
  {
    name: 'cluster_bits all ones',
    build: () => small().header({ cluster_bits: 0xffffffff }),
    refused: 'Unsupported cluster size: 2^4294967295',
  },
  { name: 'header_length 96', build: () => small({ header_length: 96 }), refused: 'qcow2 header too short' },
  {
    name: 'header_length 65544',
    build: () => small({ header_length: 65544 }),
    refused: 'qcow2 header exceeds cluster size',
  },
  {
    name: 'backing file offset in the second cluster',
    build: () => small({ backing_file_offset: 65537 }),
    refused: 'Invalid backing file offset',
  },
  {
    name: 'compression type 2',
    build: () => small({ compression_type: 2, incompatible_features: 8 }),
    refused: 'qcow2: unknown compression type: 2',
  },
  {
    name: 'compression bit without a type',
    build: () => small({ incompatible_features: 8 }),
    refused: 'qcow2: Compression type incompatible feature bit must not be set',
  },
  {
    name: 'compression type without its bit',
    build: () => small({ compression_type: 1 }),
    refused: 'qcow2: Compression type incompatible feature bit must be set',
  },
  {
    name: 'unknown incompatible bit',
    build: () => small({ incompatible_features: 1n << 62n }),
    refused: 'Unsupported qcow2 feature(s): Unknown incompatible feature: 4000000000000000',
  },
  {
    name: 'unknown incompatible bits, one of them named',
    build: () =>
      small({ incompatible_features: 0x60 }).extension(featureNames, [0, 5, ...text('colour bands'), ...zeros(34)]),
    refused: 'Unsupported qcow2 feature(s): colour bands, Unknown incompatible feature: 40',
  },
  {
    name: 'refcount order 7',
    build: () => small().header({ refcount_order: 7 }),
    refused: 'Reference count entry width too large; may not exceed 64 bits',
  },
  { name: 'crypt method 3', build: () => small({ crypt_method: 3 }), refused: 'Unsupported encryption method 3' },
  { name: 'corrupt bit', build: () => small({ incompatible_features: 2 }) },
  { name: 'dirty bit', build: () => small({ incompatible_features: 1 }) },
];

const places: BrokenImage[] = [
  {
    name: 'refcount table of no clusters',
    build: () => small({ refcount_table_clusters: 0 }),
    refused: 'Image does not contain a reference count table',
  },
  {
    name: 'refcount table too large',
    build: () => small({ refcount_table_clusters: 129 }),
    refused: 'Reference count table too large',
  },
  {
    name: 'refcount table unaligned',
    build: () => small({ refcount_table_offset: 65536 + 512 }),
    refused: 'Reference count table offset invalid',
  },
  {
    name: 'refcount table above 2^63',
    build: () => small({ refcount_table_offset: 1n << 63n }),
    refused: 'Reference count table offset invalid',
  },
  { name: 'refcount table past the end of the file', build: () => small({ refcount_table_offset: 1 << 30 }) },
  { name: 'too many snapshots', build: () => small({ nb_snapshots: 65537 }), refused: 'Snapshot table too large' },
  {
    name: 'snapshot table unaligned',
    build: () => withSnapshot({ snapshots_offset: 6 * 65536 + 8 }),
    refused: 'Snapshot table offset invalid',
  },
  { name: 'L1 table too large', build: () => small({ l1_size: 4194305 }), refused: 'Active L1 table too large' },
  {
    name: 'L1 table unaligned',
    build: () => small().header({ l1_table_offset: 3 * 65536 + 8 }),
    refused: 'Active L1 table offset invalid',
  },
  {
    name: 'L1 table too small',
    build: () => small().header({ size: 1n << 30n }),
    refused: 'L1 table is too small',
  },
  { name: 'size above 2^63', build: () => small().header({ size: 1n << 63n }), refused: 'Image is too big' },
  { name: 'L1 table past the end of the file', build: () => small().header({ l1_table_offset: 1 << 30 }) },
  { name: 'size that is no multiple of 512', build: () => small().header({ size: (1 << 20) - 100 }) },
  { name: 'header_length that is no multiple of 8', build: () => small({ header_length: 109 }) },
  { name: 'padding that is not zero', build: () => small().put(105, [1, 2, 3]) },
];

const extensions: BrokenImage[] = [
  {
    name: 'extension that is longer than the first cluster',
    build: () => small().put32(112, 0x12345678).put32(116, 65536),
    refused: 'Header extension too large',
  },
  {
    name: 'backing format of 16 letters',
    build: () => small().extension(backingFormat, 'sixteen letters!'),
    refused: 'ERROR: ext_backing_format: len=16 too large (>=16)',
  },
  {
    name: 'crypto extension without LUKS',
    build: () => small().extension(cryptoPointer, zeros(16)),
    refused: 'CRYPTO header extension only expected with LUKS encryption method',
  },
  {
    name: 'crypto extension of 8 bytes',
    build: () => small({ crypt_method: 2 }).extension(cryptoPointer, zeros(8)),
    refused: 'CRYPTO header extension size 8, but expected size 16',
  },
  {
    name: 'crypto extension with an unaligned offset',
    build: () => small({ crypt_method: 2 }).extension(cryptoPointer, [...zeros(6), 2, 1, ...zeros(6), 8, 0]),
    refused: "Encryption header offset '513' is not a multiple of cluster size '65536'",
  },
  { name: 'LUKS without a crypto extension', build: () => small({ crypt_method: 2 }), crashes: true },
  {
    name: 'duplicate extension',
    build: () => small().extension(backingFormat, 'raw').extension(backingFormat, 'qcow2'),
  },
  {
    name: 'bitmaps extension of 16 bytes',
    build: () => small({ autoclear_features: 1 }).extension(bitmapsExtension, zeros(16)),
    refused: 'bitmaps_ext: Invalid extension length',
  },
  {
    name: 'bitmaps extension with a reserved field',
    build: () => withBitmap(1, 7),
    refused: 'bitmaps_ext: Reserved field is not zero',
  },
  {
    name: '65536 bitmaps',
    build: () => withBitmap(65536),
    refused: 'bitmaps_ext: Image has 65536 bitmaps, exceeding the QEMU supported maximum of 65535',
  },
  {
    name: 'no bitmaps in the bitmaps extension',
    build: () => withBitmap(0),
    refused: 'found bitmaps extension with zero bitmaps',
  },
  {
    name: 'bitmap directory unaligned',
    build: () => withBitmap(1, 0, 32n, 6n * 65536n + 8n),
    refused: 'bitmaps_ext: invalid bitmap directory offset',
  },
  {
    name: 'bitmap directory too large',
    build: () => withBitmap(1, 0, 1n << 40n),
    refused: 'bitmaps_ext: bitmap directory size (1099511627776) exceeds the maximum supported size (67107840)',
  },
  { name: 'bitmaps extension without its autoclear bit', build: () => withBitmap(1, 0, 32n, 6n * 65536n, 0) },
  { name: 'autoclear bit of bitmaps without the extension', build: () => small({ autoclear_features: 1 }) },
  { name: 'external data file without a name', build: () => small({ incompatible_features: 4 }) },
  { name: 'name of an external data file without the bit', build: () => small().extension(dataFileName, 'disk.data') },
  { name: 'raw external data bit without a data file', build: () => small({ autoclear_features: 2 }) },
  {
    name: 'backing file name of 1024 bytes',
    build: () => small().backing('n'.repeat(1024)),
    refused: 'Backing file name too long',
  },
  {
    name: 'backing file name past the first cluster',
    build: () => small({ backing_file_offset: 65530, backing_file_size: 10 }),
    refused: 'Backing file name too long',
  },
  {
    name: 'backing file name inside the header',
    build: () => small({ backing_file_offset: 24, backing_file_size: 8 }),
  },
];

const tables: BrokenImage[] = [
  {
    name: 'snapshot with 2000 bytes of extra data',
    build: () => withSnapshot({}, 2000),
    refused:
      'Too much extra metadata in snapshot table entry 0\n' +
      'You can force-remove this extra metadata with qemu-img check -r all',
  },
  { name: 'snapshot without the extra data of version 3', build: () => withSnapshot({}, 0) },
  {
    name: 'snapshot table past the end of the file',
    build: () => withSnapshot().header({ snapshots_offset: 1 << 30 }),
  },
  { name: 'snapshot with an unaligned L1 table', build: () => withSnapshot().put64(6 * 65536, 7 * 65536 + 512) },
  {
    name: 'bitmap of type 2',
    build: () => withBitmap().put8(6 * 65536 + 16, 2),
    refused: "Bitmap 'b0' doesn't satisfy the constraints",
  },
  {
    name: 'bitmap with extra data',
    build: () =>
      withBitmap(1, 0, 40n)
        .put32(6 * 65536 + 20, 8)
        .put(6 * 65536 + 32, 'b0'),
    refused: 'Bitmap extra data is not supported',
  },
  {
    name: 'bitmap table entry with reserved bits',
    build: () => withBitmap().put64(7 * 65536, 0x5_0002),
    refused: "Could not read bitmap_table table from image for bitmap 'b0': Invalid argument",
  },
  {
    name: 'bitmap table entry that is not the start of a cluster',
    build: () => withBitmap().put64(7 * 65536, 0x5_0200),
    refused: "Could not read bitmap_table table from image for bitmap 'b0': Invalid argument",
  },
  {
    name: 'bitmap table that is said to be longer, and foreign bytes follow',
    build: () =>
      withBitmap()
        .put32(6 * 65536 + 8, 2)
        .put64(7 * 65536 + 8, 0x6e61_6d65_6e61_6d65n),
    refused: "Could not read bitmap_table table from image for bitmap 'b0': Invalid argument",
  },
  {
    name: 'bitmap table farther out than a file reaches',
    build: () => withBitmap().put64(6 * 65536, 0x8000_0000_0007_0000n),
    refused: "Could not read bitmap_table table from image for bitmap 'b0': Input/output error",
  },
  {
    name: 'bitmap with so much extra data that its length is negative to QEMU',
    build: () => withBitmap().put32(6 * 65536 + 20, 0x9000_0000),
    refused: 'Bitmap extra data is not supported',
  },
  {
    name: 'bitmap table entry with reserved bits, of a bitmap in use',
    build: () =>
      withBitmap()
        .put64(7 * 65536, 0x5_0002)
        .put32(6 * 65536 + 12, 1),
  },
  {
    name: 'fewer bitmaps than said',
    build: () => withBitmap(2),
    refused: 'Less bitmaps found than specified in header extension',
  },
  {
    name: 'more bitmaps than said',
    build: () => withBitmap(1, 0, 64n).put(6 * 65536 + 32, entryOfBitmap()),
    refused: 'More bitmaps found than specified in header extension',
  },
  {
    name: 'bitmap directory that ends within an entry',
    build: () => withBitmap(1, 0, 28n),
    refused: 'Broken bitmap directory',
  },
  {
    name: 'refcount block at no cluster, and farther out than a number counts exactly',
    build: () => small().put64(65536, 0x8a72_1d3f_9a9a_2e00n),
  },
  { name: 'L2 table past the end of the file', build: () => small().l1(0, copied | (1n << 30n)) },
  { name: 'L2 table unaligned', build: () => small().l1(0, copied | (4n * 65536n + 512n)) },
  { name: 'reserved bits in an L1 entry', build: () => small().l1(0, copied | (4n * 65536n) | 0x1ffn) },
  { name: 'L1 entry that is the L1 table', build: () => small().l1(0, copied | (3n * 65536n)) },
  { name: 'data past the end of the file', build: () => small().entry(4, 1, copied | (1n << 40n)) },
  { name: 'data unaligned', build: () => small().entry(4, 1, copied | (5n * 65536n + 512n)) },
  { name: 'reserved bits in an L2 entry', build: () => small().entry(4, 1, copied | (5n * 65536n) | 0x1fen) },
  { name: 'zero bit in version 2', build: () => small({ version: 2 }).entry(4, 1, zero) },
  { name: 'two guest clusters on one host cluster', build: () => small().entry(4, 1, copied | (5n * 65536n)) },
  { name: 'data that is the L1 table', build: () => small().entry(4, 1, copied | (3n * 65536n)) },
  { name: 'compressed cluster past the end of the file', build: () => small().entry(4, 1, compressed | (1n << 40n)) },
  { name: 'compressed cluster with COPIED', build: () => small().entry(4, 1, copied | compressed | (5n * 65536n)) },
  { name: 'refcount of 0 on a cluster in use', build: () => small().refcount(5, 0) },
  {
    name: 'leaked cluster',
    build: () =>
      small()
        .refcount(7, 1)
        .truncate(8 * 65536),
  },
  { name: 'refcount block past the end of the file', build: () => small().put64(65536, 1n << 40n) },
  { name: 'refcount block unaligned', build: () => small().put64(65536, 2n * 65536n + 512n) },
  {
    name: 'subclusters allocated and zero at once',
    build: () => extended(0xffffffff_ffffffffn),
  },
  { name: 'subclusters allocated in a cluster that is not', build: () => extended(1n, 0n) },
  { name: 'file cut within its L2 table', build: () => small().truncate(4 * 65536 + 100) },
  { name: 'file cut within its header', build: () => small().truncate(80), refused: 'qcow2 header too short' },
];

/** An image with extended L2 entries whose second cluster has the given subcluster bitmap. */
function extended(bitmap: bigint, entry = copied | (5n * 65536n)): ImageBuilder {
  const image = new ImageBuilder({ incompatible_features: 16 });
  image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .refcount(5, 1);
  return image.entry(4, 1, entry, bitmap).put(image.at(5), 'data').truncate(image.at(6));
}

/** A second entry of the bitmap directory: `b1`, with the same table. */
function entryOfBitmap(): number[] {
  return [0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 16, 0, 2, 0, 0, 0, 0, ...text('b1'), ...zeros(6)];
}

function text(letters: string): number[] {
  return [...new TextEncoder().encode(letters)];
}

/** So many zeros. */
export function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

/** What can be wrong in an image, one thing each, in the order in which QEMU looks. */
export const brokenImages: readonly BrokenImage[] = [...header, ...places, ...extensions, ...tables];

/** The broken images as files, in the same order. No QEMU is needed for them. */
export function brokenImageFiles(): Promise<readonly MadeImage[]> {
  const recipes = brokenImages.map(({ name, build, options = [] }) => ({
    name,
    options,
    steps: [built('disk.qcow2', build())],
  }));
  return makeImages(recipes, join(cacheFolder, 'broken'));
}
