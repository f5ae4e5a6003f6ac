import { ImageBuilder } from '../builder.ts';
import { type FindingCase, numbers, padded } from './findingCase.ts';

const backingFormat = 0xe2792aca;
const featureNames = 0x6803f857;
const bitmaps = 0x23852875;
const crypto = 0x0537be77;
const dataFile = 0x44415441;
const unknown = 0x12345678;

const cluster = 65536n;

type Values = ConstructorParameters<typeof ImageBuilder>[0];

/** An image with one extension. */
function extended(type: number, data: readonly number[] | string, values: Values = {}): () => ImageBuilder {
  return () => new ImageBuilder(values).extension(type, data);
}

/** An entry of the feature name table. */
function featureName(mask: number, bit: number, name: string): number[] {
  return [mask, bit, ...padded(name, 46)];
}

/** An image with a backing file; the name as it is in the first cluster. */
function backing(name: string, format = 'raw'): () => ImageBuilder {
  return () => new ImageBuilder().backing(name, format);
}

/** An image with the bitmaps extension as given, and no bitmap directory. */
export function withBitmaps(
  count: number,
  reserved: number,
  size: bigint,
  offset: bigint,
  values: Values = {},
): ImageBuilder {
  const image = new ImageBuilder({ autoclear_features: 1, ...values });
  return image.extension(bitmaps, numbers([4, count], [4, reserved], [8, size], [8, offset]));
}

/** An image with one bitmap, `b`, its directory of 32 bytes in cluster 5 and its table in 6. */
export function oneBitmap(values: Values = {}, count = 1, reserved = 0, size = 32n): ImageBuilder {
  const image = withBitmaps(count, reserved, size, 5n * cluster, values);
  return image.put(5n * cluster, bitmapEntry('b')).truncate(7n * cluster);
}

/** An entry of the bitmap directory, of 32 bytes with a name of at most 8. */
export function bitmapEntry(name: string): number[] {
  const fixed = numbers([8, 6n * cluster], [4, 1], [4, 0], [1, 1], [1, 16], [2, name.length], [4, 0]);
  return [...fixed, ...padded(name, 8)];
}

/** Findings about the header extensions. */
export const extensionCases: readonly FindingCase[] = [
  {
    code: 'extension-too-large',
    what: 'a byte past the first cluster, to its end',
    has: () => new ImageBuilder().put32(112, unknown).put32(116, 65536 - 120 + 1),
    nearly: () => new ImageBuilder().put32(112, unknown).put32(116, 65536 - 120),
    instead: ['extensions-unterminated'],
  },
  {
    code: 'extension-too-large',
    what: 'a length of 2^32 - 1, of 0',
    has: () => new ImageBuilder().put32(112, unknown).put32(116, 0xffffffff),
    nearly: () => new ImageBuilder().put32(112, unknown).put32(116, 0),
  },
  {
    code: 'extension-too-large',
    what: 'a byte into the backing file’s name, to its start',
    has: () => backedAt(136).extension(unknown, padded('', 17)).put(136, 'b'),
    nearly: () => backedAt(136).extension(unknown, padded('', 16)),
    instead: ['extensions-unterminated', 'backing-format-missing'],
  },
  {
    code: 'extension-too-large',
    what: 'seven bytes before the name, eight bytes: an end mark',
    has: () => backedAt(119),
    nearly: () => backedAt(120),
    instead: ['backing-format-missing'],
  },
  {
    code: 'extension-truncated',
    what: 'a file that ends in the data, after it',
    has: () => new ImageBuilder().extension(unknown, 'abcdefgh').truncate(127),
    nearly: () => new ImageBuilder().extension(unknown, 'abcdefgh').truncate(128),
    instead: ['l1-table-past-end', 'refcount-table-past-end'],
  },
  {
    code: 'extensions-unterminated',
    what: 'the backing file’s name right after an extension, after an end mark',
    has: () => backedAt(128).extension(backingFormat, 'raw'),
    nearly: () => backedAt(136).extension(backingFormat, 'raw'),
  },
  {
    code: 'extension-end-not-empty',
    what: 'an end mark with a length, another extension with one',
    has: extended(0, [1]),
    nearly: extended(unknown, [1]),
  },
  {
    code: 'extension-duplicate',
    what: 'one type twice, two types',
    has: () => new ImageBuilder().extension(unknown, 'a').extension(unknown, 'b'),
    nearly: () => new ImageBuilder().extension(unknown, 'a').extension(unknown + 1, 'b'),
  },
  {
    code: 'extension-padding-nonzero',
    what: 'the byte after the data, its last byte',
    has: () => new ImageBuilder().extension(unknown, 'abc').put8(120 + 3, 1),
    nearly: () => new ImageBuilder().extension(unknown, 'abc').put8(120 + 2, 1),
  },
  {
    code: 'backing-format-too-long',
    what: '16 bytes, 15 bytes',
    has: () => new ImageBuilder().backing('base', 'a'.repeat(16)),
    nearly: () => new ImageBuilder().backing('base', 'a'.repeat(15)),
  },
  {
    code: 'backing-format-unprintable',
    what: 'a zero byte, a letter',
    has: () => new ImageBuilder().backing('base', 'ra\0'),
    nearly: () => new ImageBuilder().backing('base', 'raw'),
  },
  {
    code: 'backing-format-unused',
    what: 'a format without and with a backing file',
    has: extended(backingFormat, 'raw'),
    nearly: () => new ImageBuilder().backing('base', 'raw'),
  },
  {
    code: 'backing-format-missing',
    what: 'a backing file without and with a format',
    has: () => new ImageBuilder().backing('base'),
    nearly: () => new ImageBuilder().backing('base', 'raw'),
  },
  {
    code: 'feature-table-length',
    what: '49 bytes, 48 bytes',
    has: extended(featureNames, [...featureName(0, 0, 'dirty bit'), 0]),
    nearly: extended(featureNames, featureName(0, 0, 'dirty bit')),
  },
  {
    code: 'feature-table-entry',
    what: 'mask 3, mask 2',
    has: extended(featureNames, featureName(3, 0, 'name')),
    nearly: extended(featureNames, featureName(2, 0, 'name')),
  },
  {
    code: 'feature-table-entry',
    what: 'bit 64, bit 63',
    has: extended(featureNames, featureName(1, 64, 'name')),
    nearly: extended(featureNames, featureName(1, 63, 'name')),
  },
  {
    code: 'feature-table-name',
    what: 'no letter, one letter',
    has: extended(featureNames, featureName(0, 0, '')),
    nearly: extended(featureNames, featureName(0, 0, 'd')),
  },
  {
    code: 'feature-table-name',
    what: 'an escape, a bracket',
    has: extended(featureNames, featureName(0, 0, 'a\x1b[31m')),
    nearly: extended(featureNames, featureName(0, 0, 'a^[[31m')),
  },
  {
    code: 'bitmaps-extension-length',
    what: '25 bytes, 24 bytes',
    has: extended(bitmaps, padded('', 25), { autoclear_features: 1 }),
    nearly: () => oneBitmap(),
  },
  {
    code: 'bitmaps-extension-length',
    what: 'without the autoclear bit: 23 bytes, 24 bytes',
    has: extended(bitmaps, padded('', 23)),
    nearly: extended(bitmaps, padded('', 24)),
    instead: ['bitmaps-without-feature-bit'],
  },
  {
    code: 'bitmaps-in-version-2',
    what: 'version 2, version 3',
    has: () => oneBitmap({ version: 2, autoclear_features: 0 }),
    nearly: () => oneBitmap(),
  },
  {
    code: 'bitmaps-without-feature-bit',
    what: 'without and with the autoclear bit',
    has: () => oneBitmap({ autoclear_features: 0 }),
    nearly: () => oneBitmap({ autoclear_features: 1 }),
  },
  {
    code: 'bitmaps-bit-without-extension',
    what: 'without and with the extension',
    has: () => new ImageBuilder({ autoclear_features: 1 }),
    nearly: () => oneBitmap(),
  },
  {
    code: 'bitmaps-extension-reserved',
    what: '1, 0',
    has: () => oneBitmap({}, 1, 1),
    nearly: () => oneBitmap({}, 1, 0),
  },
  {
    code: 'bitmaps-extension-too-many',
    what: '65536, 65535 of which one is there',
    has: () => oneBitmap({}, 65536),
    nearly: () => oneBitmap({}, 65535),
    instead: ['bitmap-directory-less'],
  },
  {
    code: 'bitmaps-extension-empty',
    what: 'none, one',
    has: () => oneBitmap({}, 0),
    nearly: () => oneBitmap({}, 1),
  },
  {
    code: 'bitmap-directory-offset-invalid',
    what: '8 bytes past a cluster, at a cluster',
    has: () =>
      withBitmaps(1, 0, 32n, 5n * cluster + 8n)
        .put(5n * cluster + 8n, bitmapEntry('b'))
        .truncate(7n * cluster),
    nearly: () => oneBitmap(),
  },
  {
    code: 'bitmap-directory-too-large',
    what: 'a byte more than 67107840, as many, of which 64 are in the file',
    has: () => oneBitmap({}, 1, 0, 67107841n).truncate(70_000_000),
    nearly: () => oneBitmap({}, 1, 0, 67107840n).truncate(70_000_000),
    instead: ['bitmap-directory-more', 'bitmap-constraints', 'bitmap-name-empty'],
  },
  {
    code: 'crypto-extension-unexpected',
    what: 'method 0, an extension of another type',
    has: extended(crypto, padded('', 16)),
    nearly: extended(crypto + 1, padded('', 16)),
  },
];

/** An image whose backing file's name is the letter at byte `offset`. */
function backedAt(offset: number): ImageBuilder {
  return new ImageBuilder({ backing_file_offset: offset, backing_file_size: 1 }).put(offset, 'b');
}

/** Findings about external data file and backing file. */
export const nameCases: readonly FindingCase[] = [
  {
    code: 'data-file-unnamed',
    what: 'without and with a name',
    has: () => new ImageBuilder({ incompatible_features: 4 }),
    nearly: extended(dataFile, 'disk.raw', { incompatible_features: 4 }),
  },
  {
    code: 'data-file-name-unexpected',
    what: 'without and with the incompatible bit',
    has: extended(dataFile, 'disk.raw'),
    nearly: extended(dataFile, 'disk.raw', { incompatible_features: 4 }),
  },
  {
    code: 'data-file-name-unprintable',
    what: 'a text direction mark, a letter',
    has: extended(dataFile, 'disk\u202ewar.raw', { incompatible_features: 4 }),
    nearly: extended(dataFile, 'diskewar.raw', { incompatible_features: 4 }),
  },
  {
    code: 'data-file-raw-without-data-file',
    what: 'without and with the incompatible bit',
    has: () => new ImageBuilder({ autoclear_features: 2 }),
    nearly: extended(dataFile, 'disk.raw', { autoclear_features: 2, incompatible_features: 4 }),
  },
  {
    code: 'data-file-raw-with-backing',
    what: 'with and without the autoclear bit',
    has: () => withDataFile(2).backing('base', 'raw'),
    nearly: () => withDataFile(0).backing('base', 'raw'),
  },
  {
    code: 'data-file-with-snapshots',
    what: 'a snapshot, none',
    has: () =>
      new ImageBuilder({ incompatible_features: 4, nb_snapshots: 1, snapshots_offset: 5n * cluster })
        .extension(dataFile, 'disk.raw')
        .put32(5n * cluster + 36n, 16)
        .truncate(6n * cluster),
    nearly: () =>
      new ImageBuilder({ incompatible_features: 4, nb_snapshots: 0, snapshots_offset: 5n * cluster })
        .extension(dataFile, 'disk.raw')
        .truncate(6n * cluster),
    unsaid: 'only `check` says it',
  },
  {
    code: 'backing-name-too-long',
    what: '1024 bytes, 1023 bytes',
    has: backing('n'.repeat(1024)),
    nearly: backing('n'.repeat(1023)),
  },
  {
    code: 'backing-name-too-long',
    what: 'a byte past the first cluster, to its end',
    has: () => new ImageBuilder({ backing_file_offset: 65535, backing_file_size: 2 }).put(65535, 'bb'),
    nearly: () => new ImageBuilder({ backing_file_offset: 65535, backing_file_size: 1 }).put(65535, 'b'),
    instead: ['backing-format-missing'],
  },
  {
    code: 'backing-name-too-long',
    what: 'past the end of the file: 1024 bytes, 1023 bytes',
    has: () => new ImageBuilder({ backing_file_offset: 60000, backing_file_size: 1024 }).truncate(50000),
    nearly: () => new ImageBuilder({ backing_file_offset: 60000, backing_file_size: 1023 }).truncate(50000),
    instead: ['l1-table-past-end', 'refcount-table-past-end', 'backing-name-truncated'],
  },
  {
    code: 'backing-name-empty',
    what: 'no letter, one letter',
    has: backing(''),
    nearly: backing('b'),
  },
  {
    code: 'backing-name-unprintable',
    what: 'a zero byte before the end, none',
    has: backing('base\0.raw'),
    nearly: backing('base0.raw'),
  },
  {
    code: 'backing-name-truncated',
    what: 'a file that ends in the name, after it',
    has: () => backedAt(128).header({ backing_file_size: 4 }).truncate(131),
    nearly: () => backedAt(128).header({ backing_file_size: 4 }).put(128, 'base').truncate(132),
    instead: ['l1-table-past-end', 'refcount-table-past-end', 'backing-format-missing'],
  },
];

function withDataFile(autoclear: number): ImageBuilder {
  return new ImageBuilder({ incompatible_features: 4, autoclear_features: autoclear }).extension(dataFile, 'disk.raw');
}
