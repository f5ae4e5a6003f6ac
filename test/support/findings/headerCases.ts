import { ImageBuilder } from '../builder.ts';
import { type FindingCase, padded } from './findingCase.ts';

type Values = ConstructorParameters<typeof ImageBuilder>[0];

/** An empty image of 1 MiB, whose header is then changed: the tables are where the unchanged one says. */
function changed(values: Values, made: Values = {}): () => ImageBuilder {
  return () => new ImageBuilder(made).header(values ?? {});
}

const incompatible = (value: number | bigint): (() => ImageBuilder) => changed({ incompatible_features: value });

const featureNames = 0x6803f857;

/** An image with incompatible bit `set`, and a name for bit `bit`; before it an extension of type `first`, empty. */
function named(set: number, bit: number, first = 0x12345678): ImageBuilder {
  const image = new ImageBuilder({ incompatible_features: 1 << set }).extension(first, '');
  return image.extension(featureNames, [0, bit, ...padded('colour bands', 46)]);
}

/** Findings about the file and the header, with the smallest step between right and wrong. */
export const headerCases: readonly FindingCase[] = [
  {
    code: 'file-empty',
    what: 'no byte, one byte',
    has: () => new ImageBuilder().truncate(0),
    nearly: () => new ImageBuilder().truncate(1),
    instead: ['not-qcow2'],
  },
  {
    code: 'not-qcow2',
    what: 'one bit of the magic',
    has: changed({ magic: 0x514649fa }),
    nearly: changed({ magic: 0x514649fb }),
  },
  {
    code: 'header-truncated',
    what: 'a file of 111 bytes, of 112 bytes',
    has: () => new ImageBuilder().truncate(111),
    nearly: () => new ImageBuilder().truncate(112),
    instead: ['l1-table-past-end', 'refcount-table-past-end'],
  },
  {
    code: 'header-truncated',
    what: 'version 2: a file of 71 bytes, of 72 bytes',
    has: () => new ImageBuilder({ version: 2 }).truncate(71),
    nearly: () => new ImageBuilder({ version: 2 }).truncate(72),
    instead: ['l1-table-past-end', 'refcount-table-past-end'],
  },
  {
    code: 'version-unsupported',
    what: 'version 4, version 3',
    has: changed({ version: 4 }),
    nearly: changed({ version: 3 }),
  },
  {
    code: 'version-unsupported',
    what: 'version 1, version 2',
    has: changed({ version: 1 }, { version: 2 }),
    nearly: changed({ version: 2 }, { version: 2 }),
  },
  {
    code: 'version-unsupported',
    what: 'version 0, version 2',
    has: changed({ version: 0 }, { version: 2 }),
    nearly: changed({ version: 2 }, { version: 2 }),
  },
  {
    code: 'cluster-size-unsupported',
    what: 'clusters of 256 bytes, of 512 bytes',
    has: changed({ cluster_bits: 8 }, { cluster_bits: 9 }),
    nearly: changed({ cluster_bits: 9 }, { cluster_bits: 9 }),
  },
  {
    code: 'cluster-size-unsupported',
    what: 'clusters of 4 MiB, of 2 MiB',
    has: changed({ cluster_bits: 22 }, { cluster_bits: 21 }),
    nearly: changed({ cluster_bits: 21 }, { cluster_bits: 21 }),
  },
  {
    code: 'header-too-short',
    what: 'header_length 103, 104',
    has: changed({ header_length: 103 }),
    nearly: changed({ header_length: 104 }),
  },
  {
    code: 'header-exceeds-cluster',
    what: 'clusters of 512 bytes: header_length 513, 512',
    has: changed({ header_length: 513 }, { cluster_bits: 9 }),
    nearly: changed({ header_length: 512 }, { cluster_bits: 9 }),
  },
  {
    code: 'header-length-unaligned',
    what: 'header_length 113, 120',
    has: changed({ header_length: 113 }),
    nearly: changed({ header_length: 120 }),
  },
  {
    code: 'backing-offset-invalid',
    what: 'the byte after the one after the first cluster, that one',
    has: changed({ backing_file_offset: 65537 }),
    nearly: changed({ backing_file_offset: 65536 }),
    instead: ['backing-name-empty'],
  },
  {
    code: 'backing-name-in-header',
    what: 'the last byte of the header, the first one after it',
    has: changed({ backing_file_offset: 111, backing_file_size: 1 }),
    nearly: () => new ImageBuilder({ backing_file_offset: 112, backing_file_size: 1 }).put(112, 'b'),
    instead: ['backing-format-missing'],
  },
  {
    code: 'backing-name-in-header',
    what: 'version 2: byte 71, byte 72',
    has: changed({ backing_file_offset: 71, backing_file_size: 1 }, { version: 2 }),
    nearly: () => new ImageBuilder({ version: 2, backing_file_offset: 72, backing_file_size: 1 }).put(72, 'b'),
    instead: ['backing-format-missing'],
  },
  {
    code: 'compression-type-unknown',
    what: 'type 2, type 1',
    has: changed({ compression_type: 2, incompatible_features: 8 }),
    nearly: changed({ compression_type: 1, incompatible_features: 8 }),
  },
  {
    code: 'compression-bit-without-type',
    what: 'the bit with type 0, with type 1',
    has: changed({ incompatible_features: 8 }),
    nearly: changed({ incompatible_features: 8, compression_type: 1 }),
  },
  {
    code: 'compression-bit-without-type',
    what: 'a header of 104 bytes, which has no type, of 112 bytes',
    has: changed({ incompatible_features: 8, header_length: 104, compression_type: 1 }),
    nearly: changed({ incompatible_features: 8, header_length: 112, compression_type: 1 }),
  },
  {
    code: 'compression-type-without-bit',
    what: 'type 1 without the bit, type 0',
    has: changed({ compression_type: 1 }),
    nearly: changed({ compression_type: 0 }),
  },
  {
    code: 'incompatible-feature-unknown',
    what: 'bit 5, bit 4',
    has: incompatible(1n << 5n),
    nearly: incompatible(1n << 4n),
  },
  {
    code: 'incompatible-feature-unknown',
    what: 'bit 63, none',
    has: incompatible(1n << 63n),
    nearly: incompatible(0),
  },
  {
    code: 'incompatible-feature-unknown',
    what: 'a bit that the image names, another bit that it names',
    has: () => named(5, 5),
    nearly: () => named(4, 5),
  },
  {
    code: 'incompatible-feature-unknown',
    what: 'a bit that is named after a crypto extension, a known bit',
    has: () => named(5, 5, 0x0537be77),
    nearly: () => named(4, 5),
  },
  {
    code: 'incompatible-feature-unknown',
    what: 'a bit that is named in an entry that is cut off, a known bit',
    has: () => new ImageBuilder({ incompatible_features: 32 }).extension(featureNames, [0, 5, 0x61, 0x62]),
    nearly: () => named(4, 5),
  },
  {
    code: 'compatible-feature-unknown',
    what: 'bit 1, bit 0',
    has: changed({ compatible_features: 2 }),
    nearly: changed({ compatible_features: 1 }),
  },
  {
    code: 'autoclear-feature-unknown',
    what: 'bit 2, none',
    has: changed({ autoclear_features: 4 }),
    nearly: changed({ autoclear_features: 0 }),
  },
  { code: 'image-dirty', what: 'bit 0, bit 4', has: incompatible(1), nearly: incompatible(16) },
  { code: 'image-corrupt', what: 'bit 1, bit 4', has: incompatible(2), nearly: incompatible(16) },
  {
    code: 'subcluster-too-small',
    what: 'extended L2 entries with clusters of 8 KiB, of 16 KiB',
    has: () => new ImageBuilder({ cluster_bits: 13, incompatible_features: 16 }),
    nearly: () => new ImageBuilder({ cluster_bits: 14, incompatible_features: 16 }),
  },
  {
    code: 'subcluster-too-small',
    what: 'clusters of 8 KiB with extended L2 entries, with standard ones',
    has: () => new ImageBuilder({ cluster_bits: 13, incompatible_features: 16 }),
    nearly: () => new ImageBuilder({ cluster_bits: 13 }),
  },
  {
    code: 'refcount-order-too-large',
    what: 'refcounts of 128 bits, of 64 bits',
    has: changed({ refcount_order: 7 }, { refcount_order: 6 }),
    nearly: changed({ refcount_order: 6 }, { refcount_order: 6 }),
  },
  {
    code: 'encryption-aes',
    what: 'method 1, method 0',
    has: changed({ crypt_method: 1 }),
    nearly: changed({ crypt_method: 0 }),
    unsaid: 'only the system emulator says it',
  },
  {
    code: 'encryption-method-unsupported',
    what: 'method 3, method 0',
    has: changed({ crypt_method: 3 }),
    nearly: changed({ crypt_method: 0 }),
  },
  {
    code: 'encryption-method-unsupported',
    what: 'a method above 2^31, method 0',
    has: changed({ crypt_method: 0xfffffffe }),
    nearly: changed({ crypt_method: 0 }),
  },
  {
    code: 'header-padding-nonzero',
    what: 'the last byte of the padding, the first one after it',
    has: () => new ImageBuilder({ header_length: 120 }).put8(111, 1),
    nearly: () => new ImageBuilder({ header_length: 120 }).put8(112, 1),
  },
  {
    code: 'header-padding-nonzero',
    what: 'byte 105 of a header of 106 bytes, of 105 bytes',
    has: () => new ImageBuilder({ header_length: 106 }).put8(105, 1),
    nearly: () => new ImageBuilder({ header_length: 105 }).put8(105, 0),
    instead: ['header-length-unaligned'],
  },
];
