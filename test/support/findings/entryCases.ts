import { compressed, copied, ImageBuilder, zero } from '../builder.ts';
import { oneBitmap } from './extensionCases.ts';

/** Something wrong with a table entry: an image that has it, and one that is as near to having it as can be. */
export interface EntryCase {
  readonly what: string;
  /** Header fields. */
  readonly values: Parameters<typeof entryImage>[0];
  /** The image that is changed, if not `entryImage(values)`. */
  readonly image?: () => ImageBuilder;
  readonly has: (image: ImageBuilder) => unknown;
  /** The findings of a scan, as `code chain`. */
  readonly finds: readonly string[];
  /** Changes the image that has it so that nothing is found any more. */
  readonly nearly: (image: ImageBuilder) => unknown;
}

/** An image of 1 MiB, 16 clusters, with an L2 table in cluster 4, in a file of 32 clusters. */
export function entryImage(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 1 << 20, ...values });
  return image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .truncate(image.at(32));
}

/** The image of a case that has what it is about, or the one that nearly has it. */
export function entryCaseImage(entryCase: EntryCase, which: 'has' | 'nearly'): ImageBuilder {
  const { values, has, nearly } = entryCase;
  const image = entryCase.image?.() ?? entryImage(values);
  has(image);
  if (which === 'nearly') {
    nearly(image);
  }
  return image.truncate(image.at(32));
}

const v2 = { version: 2 };
const extended = { incompatible_features: 0x10 };
const dataFile = { incompatible_features: 4 };
const twoTables = { size: 1 << 30 };
const small = { cluster_bits: 9, size: 4096 };

/** What can be wrong with a single entry of an L1, L2, refcount or bitmap table. */
export const entryCases: readonly EntryCase[] = [
  {
    what: 'reserved bits of an L1 entry',
    values: {},
    has: (i) => i.l1(0, copied | i.at(4) | 1n),
    finds: ['l1-entry-reserved L1[0]'],
    nearly: (i) => i.l1(0, copied | i.at(4)),
  },
  {
    what: 'an L2 table that is not at a cluster',
    values: {},
    has: (i) => i.l1(0, copied | (i.at(4) + 512n)),
    finds: ['l1-entry-unaligned L1[0]'],
    nearly: (i) => i.l1(0, copied | i.at(4)),
  },
  {
    what: 'an L2 table past the end of the file',
    values: {},
    has: (i) => i.l1(0, copied | i.at(32)),
    finds: ['l2-table-past-end L1[0]'],
    nearly: (i) => i.l1(0, copied | i.at(31)),
  },
  {
    what: 'reserved bits of an L2 entry',
    values: {},
    has: (i) => i.entry(4, 1, copied | i.at(5) | 4n),
    finds: ['l2-entry-reserved L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, copied | i.at(5) | zero),
  },
  {
    what: 'data that is not at a cluster',
    values: {},
    has: (i) => i.entry(4, 1, copied | (i.at(5) + 512n)),
    finds: ['l2-entry-unaligned L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, copied | i.at(5)),
  },
  {
    what: 'a zero cluster in version 2',
    values: v2,
    has: (i) => i.entry(4, 1, zero),
    finds: ['l2-zero-in-version-2 L1[0] -> L2[1]'],
    nearly: (i) => i.header({ version: 3, header_length: 104, refcount_order: 4 }),
  },
  {
    what: 'data past the end of the file',
    values: {},
    has: (i) =>
      i
        .entry(4, 1, copied | i.at(31))
        .entry(4, 2, copied | i.at(32))
        .entry(4, 3, copied | i.at(33)),
    finds: ['data-past-end L1[0] -> L2[2…3]'],
    nearly: (i) => i.entry(4, 2, 0n).entry(4, 3, 0n),
  },
  {
    what: 'compressed data past the end of the file',
    values: {},
    has: (i) => i.entry(4, 1, compressed | (i.at(33) - 512n)),
    finds: ['compressed-past-end L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, compressed | (i.at(32) - 511n)),
  },
  {
    what: 'compressed data that reaches past the end of the file',
    values: {},
    has: (i) => i.entry(4, 1, compressed | (i.at(33) - 1024n)).entry(4, 2, compressed | (1n << 54n) | (i.at(32) - 1n)),
    finds: ['compressed-cut L1[0] -> L2[1]', 'compressed-cut L1[0] -> L2[2]'],
    nearly: (i) => i.entry(4, 1, compressed | (i.at(32) - 512n)).entry(4, 2, compressed | (i.at(32) - 1n)),
  },
  {
    what: 'subclusters that are allocated and zero',
    values: extended,
    has: (i) => i.entry(4, 1, copied | i.at(5), 0x1_0000_0001n),
    finds: ['l2-subclusters-invalid L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, copied | i.at(5), 0x2_0000_0001n),
  },
  {
    what: 'allocated subclusters without a cluster',
    values: extended,
    has: (i) => i.entry(4, 1, 0n, 1n),
    finds: ['l2-subclusters-invalid L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, 0n, 1n << 32n),
  },
  {
    what: 'subclusters of a compressed cluster',
    values: extended,
    has: (i) => i.entry(4, 1, compressed | i.at(5), 1n),
    finds: ['l2-compressed-subclusters L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, compressed | i.at(5), 0n),
  },
  {
    what: 'COPIED of a compressed cluster',
    values: {},
    has: (i) => i.entry(4, 1, copied | compressed | i.at(5)),
    finds: ['l2-compressed-copied L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, compressed | i.at(5)),
  },
  {
    what: 'compressed data with a data file',
    values: dataFile,
    has: (i) => i.entry(4, 1, compressed | i.at(5)),
    finds: ['l2-compressed-in-data-file L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, 0n),
  },
  {
    what: 'data elsewhere in the data file',
    values: dataFile,
    has: (i) => i.entry(4, 1, copied | i.at(5)),
    finds: ['l2-data-file-offset L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, copied | i.at(1)),
  },
  {
    what: 'reserved bits of a refcount table entry',
    values: {},
    has: (i) => i.put64(i.at(1), i.at(2) | 1n),
    finds: ['refcount-table-entry-reserved refcount_table[0]'],
    nearly: (i) => i.put64(i.at(1), i.at(2)),
  },
  {
    what: 'a refcount block that is not at a cluster',
    values: {},
    has: (i) => i.put64(i.at(1) + 8n, i.at(2) + 512n),
    finds: ['refcount-table-entry-unaligned refcount_table[1]'],
    nearly: (i) => i.put64(i.at(1) + 8n, i.at(20)),
  },
  {
    what: 'a refcount block past the end of the file',
    values: {},
    has: (i) => i.put64(i.at(1) + 8n, 1n << 60n),
    finds: ['refcount-block-past-end refcount_table[1]'],
    nearly: (i) => i.put64(i.at(1) + 8n, i.at(31)),
  },
  {
    what: 'data in a table',
    values: {},
    has: (i) => i.entry(4, 1, copied | i.at(3)),
    finds: ['clusters-overlap cluster 3'],
    nearly: (i) => i.entry(4, 1, copied | i.at(5)),
  },
  {
    what: 'an L2 table that is the refcount table',
    values: {},
    has: (i) => i.l1(0, copied | i.at(1)),
    finds: ['clusters-overlap cluster 1', 'clusters-overlap cluster 2'],
    nearly: (i) => i.l1(0, copied | i.at(5)),
  },
  {
    what: 'data that is compressed data too',
    values: {},
    has: (i) => i.entry(4, 1, copied | i.at(5)).entry(4, 2, compressed | i.at(5)),
    finds: ['clusters-overlap cluster 5'],
    nearly: (i) => i.entry(4, 2, compressed | i.at(6)),
  },
  {
    what: 'COPIED of an L1 entry without an L2 table',
    values: twoTables,
    has: (i) => i.l1(1, copied),
    finds: ['l1-entry-without-table L1[1]'],
    nearly: (i) => i.l1(1, copied | i.at(5)),
  },
  {
    what: 'a reserved bit and nothing else in an L1 entry',
    values: twoTables,
    has: (i) => i.l1(1, 2n),
    finds: ['l1-entry-reserved L1[1]', 'l1-entry-without-table L1[1]'],
    nearly: (i) => i.l1(1, 0n),
  },
  {
    what: 'bit 0 of an extended L2 entry',
    values: extended,
    has: (i) => i.entry(4, 1, copied | i.at(5) | zero, 1n),
    finds: ['l2-extended-zero-bit L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, copied | i.at(5), 1n),
  },
  {
    what: 'COPIED of an L2 entry without a cluster',
    values: {},
    has: (i) => i.entry(4, 1, copied).entry(4, 2, copied | zero),
    finds: ['l2-copied-alone L1[0] -> L2[1]', 'l2-copied-alone L1[0] -> L2[2]'],
    nearly: (i) => i.entry(4, 1, 0n).entry(4, 2, zero),
  },
  {
    what: 'compressed data at 2^56',
    values: small,
    has: (i) => i.entry(4, 1, compressed | (1n << 56n) | i.at(5)),
    finds: ['l2-compressed-offset L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, compressed | i.at(5)),
  },
  {
    what: 'all that can be wrong with a compressed cluster',
    values: { ...extended, cluster_bits: 14, size: 1 << 18 },
    has: (i) => i.entry(4, 1, copied | compressed | i.at(5), 1n << 32n),
    finds: ['l2-compressed-subclusters L1[0] -> L2[1]', 'l2-compressed-copied L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, compressed | i.at(5), 0n),
  },
  {
    what: 'all that can be wrong with a cluster',
    values: {},
    has: (i) => i.entry(4, 1, copied | (i.at(5) + 512n) | zero | 2n | (1n << 56n)),
    finds: ['l2-entry-unaligned L1[0] -> L2[1]', 'l2-entry-reserved L1[0] -> L2[1]'],
    nearly: (i) => i.entry(4, 1, copied | i.at(5) | zero),
  },
  {
    what: 'a bitmap table past the end of the file',
    values: {},
    image: oneBitmap,
    has: (i) => i.put64(i.at(5), i.at(33)),
    finds: ['bitmap-table-past-end bitmap[0]'],
    nearly: (i) => i.put64(i.at(5), i.at(31)),
  },
  {
    what: 'a bitmap table whose end is past that of the file',
    values: {},
    image: oneBitmap,
    has: (i) => i.put64(i.at(5), i.at(32)),
    finds: ['bitmap-table-cut bitmap[0]'],
    nearly: (i) => i.put64(i.at(5), i.at(31)),
  },
  {
    what: 'reserved bits of a bitmap table entry',
    values: {},
    image: oneBitmap,
    has: (i) => i.put64(i.at(6), 2n),
    finds: ['bitmap-table-entry-reserved bitmap[0] -> table[0]', 'bitmap-table-unreadable bitmap[0]'],
    nearly: (i) => i.put64(i.at(6), 1n),
  },
  {
    what: 'data of a bitmap that is not at a cluster',
    values: {},
    image: oneBitmap,
    has: (i) => i.put64(i.at(6), i.at(7) + 512n),
    finds: ['bitmap-table-entry-unaligned bitmap[0] -> table[0]', 'bitmap-table-unreadable bitmap[0]'],
    nearly: (i) => i.put64(i.at(6), i.at(7)),
  },
  {
    what: 'data of a bitmap past the end of the file',
    values: {},
    image: oneBitmap,
    has: (i) => i.put64(i.at(6), i.at(32)),
    finds: ['bitmap-data-past-end bitmap[0] -> table[0]'],
    nearly: (i) => i.put64(i.at(6), i.at(31)),
  },
];
