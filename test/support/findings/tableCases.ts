import { ImageBuilder } from '../builder.ts';
import { bitmapEntry, oneBitmap, withBitmaps } from './extensionCases.ts';
import { type FindingCase, type NumberField, numbers, padded } from './findingCase.ts';

const cluster = 65536n;
/** Where the snapshot table is in these images. */
const table = 5n * cluster;
/** Where the bitmap directory is. */
const directory = 5n * cluster;

/** An entry of the snapshot table whose L1 table is in cluster 6, with zeros as extra data. */
function snapshotEntry(extra: number, l1Offset = 6n * cluster, l1Size = 1): number[] {
  const fixed = numbers([8, l1Offset], [4, l1Size], [2, 1], [2, 4], [4, 0], [4, 0], [8, 0], [4, 0], [4, extra]);
  return [...fixed, ...padded('', extra), ...padded('1snap')];
}

/** An image with one snapshot. */
function oneSnapshot(extra: number, l1Offset = 6n * cluster, l1Size = 1): ImageBuilder {
  const image = new ImageBuilder({ nb_snapshots: 1, snapshots_offset: table });
  return image.put(table, snapshotEntry(extra, l1Offset, l1Size)).truncate(7n * cluster);
}

/** An image whose snapshot table has 64 MiB and `more` bytes: 62 entries of the longest names, ids and extra data. */
function largestSnapshotTable(more: number): ImageBuilder {
  const longest = 40 + 1024 + 65535 + 65535;
  const stride = Math.ceil(longest / 8) * 8;
  const count = Math.floor((1 << 26) / stride);
  const image = new ImageBuilder({ nb_snapshots: count + 1, snapshots_offset: table });
  const entry = (index: number, name: number): void => {
    const at = table + BigInt(index * stride);
    image.put(at, numbers([8, 6n * cluster], [4, 0], [2, 65535], [2, name]));
    image.put32(at + 36n, 1024);
  };
  for (let index = 0; index < count; index += 1) {
    entry(index, 65535);
  }
  const last = (1 << 26) - count * stride;
  const name = last - 40 - 1024 - 65535 + more;
  entry(count, name);
  return image.truncate(table + BigInt(1 << 26) + cluster);
}

/** Findings about the snapshot table. */
export const snapshotCases: readonly FindingCase[] = [
  {
    code: 'snapshot-extra-too-large',
    what: '1025 bytes, 1024 bytes',
    has: () => oneSnapshot(1025),
    nearly: () => oneSnapshot(1024),
  },
  {
    code: 'snapshot-table-too-big',
    what: 'a byte more than 64 MiB, 64 MiB',
    has: () => largestSnapshotTable(1),
    nearly: () => largestSnapshotTable(0),
  },
  {
    code: 'snapshot-entry-incomplete',
    what: '15 bytes of extra data, 16 bytes',
    has: () => oneSnapshot(15),
    nearly: () => oneSnapshot(16),
  },
  {
    code: 'snapshot-l1-offset-invalid',
    what: '512 bytes past a cluster, at a cluster',
    has: () => oneSnapshot(16, 6n * cluster + 512n),
    nearly: () => oneSnapshot(16, 6n * cluster),
  },
  {
    code: 'snapshot-l1-too-large',
    what: 'an entry more than 32 MiB, 32 MiB',
    has: () => oneSnapshot(16, 6n * cluster, 2 ** 22 + 1).truncate(1n << 26n),
    nearly: () => oneSnapshot(16, 6n * cluster, 2 ** 22).truncate(1n << 26n),
  },
  {
    code: 'snapshot-l1-past-end',
    what: 'a byte past the end of the file, at its end',
    has: () => oneSnapshot(16).truncate(6n * cluster + 7n),
    nearly: () => oneSnapshot(16).truncate(6n * cluster + 8n),
  },
];

/** `oneBitmap` with its directory entry changed at a byte. */
function changed(at: number, ...fields: readonly NumberField[]): () => ImageBuilder {
  return () => oneBitmap().put(directory + BigInt(at), numbers(...fields));
}

/** Findings about the bitmap directory. */
export const bitmapCases: readonly FindingCase[] = [
  {
    code: 'bitmap-directory-past-end',
    what: 'a byte past the end of the file, at its end',
    has: () =>
      oneBitmap()
        .put64(directory, 4n * cluster)
        .truncate(directory + 31n),
    nearly: () =>
      oneBitmap()
        .put64(directory, 4n * cluster)
        .truncate(directory + 32n),
  },
  {
    code: 'bitmap-directory-unreadable',
    what: 'its end past 2^63 - 2^30, before it',
    has: () => withBitmaps(1, 0, 32n, 2n ** 63n - 2n ** 30n),
    nearly: () => withBitmaps(1, 0, 32n, 2n ** 63n - 2n ** 30n - cluster),
    instead: ['bitmap-constraints', 'bitmap-directory-past-end'],
  },
  {
    code: 'bitmap-directory-empty',
    what: 'no byte, one entry',
    has: () => oneBitmap({}, 1, 0, 0n),
    nearly: () => oneBitmap({}, 1, 0, 32n),
  },
  {
    code: 'bitmap-directory-broken',
    what: 'a byte less than an entry with its padding, as many',
    has: () => oneBitmap({}, 1, 0, 31n),
    nearly: () => oneBitmap({}, 1, 0, 32n),
  },
  {
    code: 'bitmap-directory-broken',
    what: 'a byte after the last entry, none',
    has: () => oneBitmap({}, 1, 0, 33n),
    nearly: () => oneBitmap({}, 1, 0, 32n),
  },
  {
    code: 'bitmap-directory-more',
    what: 'two entries for one bitmap, for two',
    has: () => twoBitmaps(1),
    nearly: () => twoBitmaps(2),
  },
  {
    code: 'bitmap-directory-less',
    what: 'two entries for three bitmaps, for two',
    has: () => twoBitmaps(3),
    nearly: () => twoBitmaps(2),
  },
  {
    code: 'bitmap-name-duplicate',
    what: 'two bitmaps of one name, of two',
    has: () => twoBitmaps(2, 'b'),
    nearly: () => twoBitmaps(2, 'c'),
  },
  {
    code: 'bitmap-name-duplicate',
    what: 'a second bitmap of the name that is up to date, that is in use',
    has: () => twoBitmaps(2, 'b'),
    nearly: () => twoBitmaps(2, 'b').put32(directory + 32n + 12n, 1),
    instead: ['bitmap-in-use'],
  },
  {
    code: 'bitmap-extra-data',
    what: 'a byte, none',
    has: changed(20, [4, 1]),
    nearly: changed(20, [4, 0]),
  },
  ...constraintCases(),
  {
    code: 'bitmap-table-size-wrong',
    what: 'an entry more than the disk needs, as many',
    has: changed(8, [4, 2]),
    nearly: changed(8, [4, 1]),
  },
  {
    code: 'bitmap-table-size-wrong',
    what: 'two for as many granules as one entry covers, for one more',
    has: () => twoEntries(cluster * 8n * 512n),
    nearly: () => twoEntries(cluster * 8n * 512n + 512n),
  },
  {
    code: 'bitmap-name-empty',
    what: 'no name, a letter',
    has: () => oneBitmap({}, 1, 0, 24n).put16(directory + 18n, 0),
    nearly: () => oneBitmap(),
  },
  {
    code: 'bitmap-in-use',
    what: 'flag 0, flag 1',
    has: changed(12, [4, 1]),
    nearly: changed(12, [4, 2]),
  },
];

/** Bitmaps `b` and another one. */
function twoBitmaps(count: number, name = 'c'): ImageBuilder {
  return oneBitmap({}, count, 0, 64n).put(directory + 32n, bitmapEntry(name));
}

/** check_dir_entry's rules, each broken and just kept. */
function constraintCases(): FindingCase[] {
  type Images = readonly [what: string, has: () => ImageBuilder, nearly: () => ImageBuilder];
  const constraint = (...[what, has, nearly]: Images): FindingCase => ({
    code: 'bitmap-constraints',
    what,
    has,
    nearly,
  });
  return [
    constraint('a table of no entries, of one', changed(8, [4, 0]), changed(8, [4, 1])),
    constraint('a table at 0, at a cluster', changed(0, [8, 0]), changed(0, [8, 6n * cluster])),
    constraint(
      'a table 8 bytes past a cluster, at it',
      changed(0, [8, 6n * cluster + 8n]),
      changed(0, [8, 6n * cluster]),
    ),
    {
      ...constraint(
        'data of more than 512 MiB, of 512 MiB',
        () => inUse(8193),
        () => inUse(8192),
      ),
      instead: ['bitmap-in-use'],
    },
    constraint('granularity 2^8, 2^9', changed(17, [1, 8]), changed(17, [1, 9])),
    constraint('granularity 2^32, 2^31', changed(17, [1, 32]), changed(17, [1, 31])),
    constraint('flag 2, flag 1', changed(12, [4, 4]), changed(12, [4, 2])),
    constraint('a name of 1024 bytes, of 1023', longName(1024), longName(1023)),
    constraint('type 2, type 1', changed(16, [1, 2]), changed(16, [1, 1])),
    constraint(
      'a disk of 512 bytes more than the table covers, of as much',
      () => oneBitmap(coveredDisk(512n)).put8(directory + 17n, 9),
      () => oneBitmap(coveredDisk(0n)).put8(directory + 17n, 9),
    ),
  ];
}

/** A bitmap in use, so that its content is not loaded, with a table of so many entries. */
function inUse(entries: number): ImageBuilder {
  return oneBitmap()
    .put32(directory + 8n, entries)
    .put32(directory + 12n, 1)
    .truncate(8n * cluster);
}

/** A disk of what one cluster of bits covers with a granularity of 512 bytes, and some bytes more. */
function coveredDisk(more: bigint): { size: bigint } {
  return { size: cluster * 8n * 512n + more };
}

/** A bitmap of 512 bytes of granularity with two table entries. */
function twoEntries(size: bigint): ImageBuilder {
  return oneBitmap({ size })
    .put8(directory + 17n, 9)
    .put32(directory + 8n, 2);
}

function longName(length: number): () => ImageBuilder {
  return () =>
    oneBitmap({}, 1, 0, BigInt(24 + Math.ceil(length / 8) * 8))
      .put16(directory + 18n, length)
      .put(directory + 24n, padded('n'.repeat(length)));
}
