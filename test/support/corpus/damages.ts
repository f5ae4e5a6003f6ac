import { copied, type ImageBuilder, zero } from '../builder.ts';
import { allocated, at, type Shape } from './sound.ts';

/** A class of what can be wrong with an image. */
export interface Damage {
  readonly name: string;
  /** Damages that have the same group are about the same bytes: they can't be paired. */
  readonly group: string;
  readonly versions?: readonly (2 | 3)[];
  /** Whether it takes refcounts that can be 2. */
  readonly counts?: true;
  /** Whether it is about extended L2 entries. */
  readonly extended?: true;
  readonly harm: (image: ImageBuilder, shape: Shape) => unknown;
  /** Guest clusters of the active layer of which nobody can tell what was in them; of the snapshot. */
  readonly lost?: readonly number[];
  readonly lostInSnapshot?: readonly number[];
}

const only3 = [3] as const;
/** Far past the end of the file. */
const farAway = 5000;

/** Where an entry of the active L2 table is. */
function entryOf(image: ImageBuilder, { extended }: Shape, index: number): bigint {
  return image.at(at.l2) + BigInt(index * (extended ? 16 : 8));
}

/** Changes a number of 64 bits. */
function change64(image: ImageBuilder, place: bigint, change: (value: bigint) => bigint): ImageBuilder {
  return image.put64(place, change(image.get64(place)));
}

/** All of them: those that qemu-img check knows, and those that it passes over. */
export const damages: readonly Damage[] = [
  { name: 'a leaked cluster', group: 'leak', harm: (image) => image.refcount(20, 1).truncate(image.at(24)) },
  {
    name: 'a refcount higher than the references',
    group: 'data 0',
    counts: true,
    harm: (image) => image.refcount(at.data[0], 2),
  },
  {
    name: 'a refcount lower than the references',
    group: 'data 1',
    counts: true,
    harm: (image) => image.refcount(at.data[1], 1),
  },
  { name: 'refcount 0 of a cluster in use', group: 'data 2', harm: (image) => image.refcount(at.data[2], 0) },
  { name: 'refcount 0 of an L2 table', group: 'l2', harm: (image) => image.refcount(at.l2, 0) },
  {
    name: 'reserved bits in the refcount table',
    group: 'refcount table',
    harm: (image) => change64(image, image.at(at.refcountTable), (entry) => entry | 3n),
  },
  {
    name: 'a refcount block that is not at a cluster',
    group: 'refcount table',
    harm: (image, { clusterBits }) =>
      clusterBits > 9 ? change64(image, image.at(at.refcountTable), (entry) => entry | 512n) : image,
  },
  {
    name: 'a refcount block past the end of the file',
    group: 'refcount table',
    harm: (image) => image.put64(image.at(at.refcountTable), image.at(farAway)),
  },
  { name: 'no refcount block', group: 'refcount table', harm: (image) => image.put64(image.at(at.refcountTable), 0n) },
  {
    name: 'two entries of the refcount table that lead to one block',
    group: 'refcount table 1',
    harm: (image) => image.put64(image.at(at.refcountTable) + 8n, image.at(at.refcountBlock)),
  },
  {
    name: 'the refcount table past the end of the file',
    group: 'refcount table',
    harm: (image) => image.header({ refcount_table_offset: image.at(farAway) }),
  },
  {
    name: 'a refcount block on data',
    group: 'refcount table',
    harm: (image) => image.put64(image.at(at.refcountTable), image.at(at.data[2])),
  },
  {
    name: 'a refcount block on an L2 table',
    group: 'refcount table',
    harm: (image) => image.put64(image.at(at.refcountTable), image.at(at.l2)),
  },
  {
    name: 'the refcount table on data',
    group: 'refcount table',
    harm: (image) => image.header({ refcount_table_offset: image.at(at.data[2]) }),
  },
  {
    name: 'data past the end of the file',
    group: 'entry 0',
    lost: [0],
    harm: (image) => image.entry(at.l2, 0, copied | image.at(farAway)),
  },
  {
    name: 'an L2 table past the end of the file',
    group: 'l1',
    lost: [0, 1, 2, 3],
    harm: (image) => image.l1(0, copied | image.at(farAway)),
  },
  { name: 'reserved bits in the L1 table', group: 'l1', harm: (image) => image.l1(0, copied | image.at(at.l2) | 2n) },
  {
    name: 'reserved bits in an L2 table',
    group: 'entry 0',
    harm: (image, shape) => change64(image, entryOf(image, shape, 0), (entry) => entry | (1n << 58n)),
  },
  {
    name: 'an L2 table that is not at a cluster',
    group: 'l1',
    harm: (image, { clusterBits }) => (clusterBits > 9 ? image.l1(0, copied | (image.at(at.l2) + 512n)) : image),
  },
  {
    name: 'data that is not at a cluster',
    group: 'entry 0',
    harm: (image, { clusterBits }) =>
      clusterBits > 9 ? image.entry(at.l2, 0, copied | (image.at(at.data[0]) + 512n)) : image,
  },
  {
    name: 'COPIED that is missing',
    group: 'entry 0',
    harm: (image) => image.entry(at.l2, 0, image.at(at.data[0])),
  },
  {
    name: 'COPIED of a cluster that a snapshot has too',
    counts: true,
    group: 'entry 1',
    harm: (image) => image.entry(at.l2, 1, copied | image.at(at.data[1])),
  },
  {
    name: 'COPIED of a compressed cluster',
    group: 'entry 3',
    harm: (image, shape) => change64(image, entryOf(image, shape, 3), (entry) => entry | copied),
  },
  { name: 'COPIED without a cluster', group: 'entry 9', harm: (image) => image.entry(at.l2, 9, copied) },
  {
    name: 'two guest clusters on one cluster',
    // With another damage there, whose the cluster is can't be told.
    group: 'entry 0',
    harm: (image, shape) => image.entry(at.l2, 5, copied | image.at(at.data[0]), allocated(shape)),
  },
  {
    name: 'data on the L1 table',
    group: 'entry 6',
    lost: [6],
    harm: (image, shape) => image.entry(at.l2, 6, copied | image.at(at.l1), allocated(shape)),
  },
  {
    name: 'data on the refcount block',
    group: 'entry 7',
    lost: [7],
    harm: (image, shape) => image.entry(at.l2, 7, copied | image.at(at.refcountBlock), allocated(shape)),
  },
  {
    name: 'data on an L2 table',
    group: 'entry 8',
    lost: [8],
    harm: (image, shape) => image.entry(at.l2, 8, copied | image.at(at.l2), allocated(shape)),
  },
  {
    name: 'ZERO in version 2',
    group: 'entry 0',
    versions: [2],
    harm: (image, shape) => change64(image, entryOf(image, shape, 0), (entry) => entry | zero),
  },
  { name: 'a refcount past the end of the file', group: 'past', harm: (image) => image.refcount(40, 1) },
  {
    name: 'an L1 table of a snapshot that is not at a cluster',
    group: 'snapshot',
    harm: (image, { clusterBits }) =>
      clusterBits > 9 ? change64(image, image.at(at.snapshotTable), (offset) => offset + 512n) : image,
  },
  {
    name: 'extra data of a snapshot that is too long',
    group: 'snapshot',
    harm: (image) => image.put32(image.at(at.snapshotTable) + 36n, 5000),
  },
  {
    name: 'extra data of a snapshot that is too short',
    group: 'snapshot',
    versions: only3,
    harm: (image) => image.put32(image.at(at.snapshotTable) + 36n, 0).put(image.at(at.snapshotTable) + 40n, '1snap'),
  },
  {
    name: 'an ID of a snapshot that reaches past the end of the table',
    group: 'snapshot',
    harm: (image) => change64(image, image.at(at.snapshotTable) + 8n, (sizes) => sizes ^ 0x8000_0000n),
  },
  {
    name: 'more snapshots than there are',
    group: 'snapshot',
    harm: (image) => image.header({ nb_snapshots: 7 }),
  },
  {
    name: 'the snapshot table past the end of the file',
    group: 'snapshot',
    harm: (image) => image.header({ snapshots_offset: image.at(farAway) }),
  },
  {
    name: 'the snapshot table that is not at a cluster',
    group: 'snapshot',
    harm: (image, { clusterBits }) =>
      clusterBits > 9 ? image.header({ snapshots_offset: image.at(at.snapshotTable) + 512n }) : image,
  },
  {
    name: 'reserved bits in a bitmap table',
    group: 'bitmap',
    versions: only3,
    harm: (image) => change64(image, image.at(at.bitmapTable), (entry) => entry | (1n << 60n)),
  },
  {
    name: 'subclusters that are allocated and zeros at the same time',
    group: 'entry 0',
    extended: true,
    harm: (image, shape) => image.put64(entryOf(image, shape, 0) + 8n, 0xffff_ffff_ffff_ffffn),
  },
  {
    name: 'allocated subclusters without a cluster',
    group: 'entry 11',
    extended: true,
    harm: (image, shape) => image.put64(entryOf(image, shape, 11) + 8n, 5n),
  },
  {
    name: 'data of a bitmap past the end of the file',
    group: 'bitmap',
    versions: only3,
    harm: (image) => image.put64(image.at(at.bitmapTable), image.at(farAway)),
  },
  {
    name: 'a bitmap that QEMU does not know',
    group: 'bitmap',
    versions: only3,
    harm: (image) => image.put8(image.at(at.bitmapDirectory) + 16n, 9),
  },
  {
    name: 'a bitmap directory that is broken',
    group: 'bitmap',
    versions: only3,
    harm: (image) => image.put16(image.at(at.bitmapDirectory) + 18n, 9999),
  },
  {
    name: 'data of a bitmap that is not at a cluster',
    group: 'bitmap',
    versions: only3,
    harm: (image, { clusterBits }) =>
      clusterBits > 9 ? change64(image, image.at(at.bitmapTable), (entry) => entry + 512n) : image,
  },
  {
    name: 'a preallocated zero cluster that is not at a cluster',
    group: 'leak',
    versions: only3,
    harm: (image, { clusterBits, extended }) =>
      clusterBits > 9
        ? image
            .refcount(20, 1)
            .refcount(21, 1)
            .entry(
              at.l2,
              10,
              copied | (extended ? 0n : zero) | (image.at(20) + 512n),
              extended && 0xffff_ffff_0000_0000n,
            )
            .truncate(image.at(24))
        : image,
  },
  {
    name: 'an L1 table of a snapshot that is too large',
    group: 'snapshot',
    harm: (image) => image.put32(image.at(at.snapshotTable) + 8n, 2 ** 23),
  },
  {
    name: 'the L1 table past the end of the file',
    group: 'l1',
    harm: (image) => image.header({ l1_table_offset: image.at(farAway) }),
  },
  {
    name: 'the corrupt and the dirty bit',
    group: 'bits',
    versions: only3,
    harm: (image) => change64(image, 72n, (features) => features | 3n),
  },
];
