import { ImageBuilder } from '../builder.ts';
import type { FindingCase } from './findingCase.ts';

type Values = ConstructorParameters<typeof ImageBuilder>[0];

function changed(values: Values, made: Values = {}): () => ImageBuilder {
  return () => new ImageBuilder(made).header(values ?? {});
}

const cluster = 65536n;
const kib = 1024n;

/** Findings about the virtual size and the places of the tables. */
export const placeCases: readonly FindingCase[] = [
  {
    code: 'refcount-table-missing',
    what: 'no cluster, one cluster',
    has: changed({ refcount_table_clusters: 0 }),
    nearly: changed({ refcount_table_clusters: 1 }),
  },
  {
    code: 'refcount-table-too-large',
    what: '8 MiB and a cluster, 8 MiB',
    has: () => new ImageBuilder().header({ refcount_table_clusters: 129, refcount_table_offset: 8n * cluster }),
    nearly: () =>
      new ImageBuilder()
        .header({ refcount_table_clusters: 128, refcount_table_offset: 8n * cluster })
        .truncate(136n * cluster),
  },
  {
    code: 'refcount-table-offset-invalid',
    what: 'half a cluster, a cluster',
    has: changed({ refcount_table_offset: cluster / 2n }),
    nearly: changed({ refcount_table_offset: cluster }),
  },
  {
    code: 'refcount-table-offset-invalid',
    what: 'the end at 2^63, a cluster before',
    has: changed({ refcount_table_offset: 2n ** 63n - cluster }),
    nearly: changed({ refcount_table_offset: 2n ** 63n - 2n * cluster }),
    instead: ['refcount-table-past-end', 'refcount-table-unreadable'],
  },
  {
    code: 'refcount-table-past-end',
    what: 'a byte past the end of the file, at its end',
    has: () => new ImageBuilder().header({ refcount_table_offset: 8n * cluster }).truncate(9n * cluster - 1n),
    nearly: () => new ImageBuilder().header({ refcount_table_offset: 8n * cluster }).truncate(9n * cluster),
  },
  {
    code: 'refcount-table-unreadable',
    what: 'its end a cluster past 2^63 - 2^30, at it',
    has: changed({ refcount_table_offset: 2n ** 63n - 2n ** 30n }),
    nearly: changed({ refcount_table_offset: 2n ** 63n - 2n ** 30n - cluster }),
    instead: ['refcount-table-past-end'],
  },
  {
    code: 'l1-table-unreadable',
    what: 'its end 8 bytes past 2^63 - 2^30, at it',
    has: changed({ l1_table_offset: 2n ** 63n - 2n ** 30n }),
    nearly: changed({ l1_table_offset: 2n ** 63n - 2n ** 30n - cluster }),
    instead: ['l1-table-past-end'],
  },
  {
    code: 'snapshot-table-unreadable',
    what: 'its end past 2^63 - 2^30, before it',
    has: changed({ nb_snapshots: 1, snapshots_offset: 2n ** 63n - 2n ** 30n }),
    nearly: changed({ nb_snapshots: 1, snapshots_offset: 2n ** 63n - 2n ** 30n - cluster }),
    instead: ['snapshot-table-past-end'],
  },
  {
    code: 'snapshot-table-too-large',
    what: '65537 snapshots, 65536',
    has: changed({ nb_snapshots: 65537, snapshots_offset: 8n * cluster }, { version: 2 }),
    nearly: () =>
      new ImageBuilder({ version: 2, nb_snapshots: 65536, snapshots_offset: 8n * cluster }).truncate(100n * cluster),
  },
  {
    code: 'snapshot-table-offset-invalid',
    what: '512 bytes, none, with no snapshot',
    has: changed({ snapshots_offset: 512 }),
    nearly: changed({ snapshots_offset: 0 }),
  },
  {
    code: 'snapshot-table-offset-invalid',
    what: 'clusters of 512 bytes: 256 bytes, 512 bytes past a cluster',
    has: changed({ snapshots_offset: 8 * 512 + 256 }, { cluster_bits: 9 }),
    nearly: changed({ snapshots_offset: 8 * 512 + 512 }, { cluster_bits: 9 }),
  },
  {
    code: 'snapshot-table-past-end',
    what: 'a byte past the end of the file, at its end',
    has: () =>
      new ImageBuilder({ version: 2, nb_snapshots: 2, snapshots_offset: 8n * cluster }).truncate(8n * cluster + 79n),
    nearly: () =>
      new ImageBuilder({ version: 2, nb_snapshots: 2, snapshots_offset: 8n * cluster }).truncate(8n * cluster + 80n),
  },
  {
    code: 'l1-table-too-large',
    what: 'an entry more than 32 MiB, 32 MiB',
    has: changed({ l1_size: 2 ** 22 + 1 }),
    nearly: () => new ImageBuilder({ l1_size: 2 ** 22 }).truncate(1n << 26n),
  },
  {
    code: 'l1-table-offset-invalid',
    what: '8 bytes past a cluster, at a cluster',
    has: changed({ l1_table_offset: 3n * cluster + 8n }),
    nearly: changed({ l1_table_offset: 3n * cluster }),
  },
  {
    code: 'l1-table-offset-invalid',
    what: 'at 2^63, a cluster before',
    has: changed({ l1_table_offset: 2n ** 63n }),
    nearly: changed({ l1_table_offset: 2n ** 63n - cluster }),
    instead: ['l1-table-past-end', 'l1-table-unreadable'],
  },
  {
    code: 'l1-table-past-end',
    what: 'a byte past the end of the file, at its end',
    has: () => new ImageBuilder().truncate(3n * cluster + 7n),
    nearly: () => new ImageBuilder().truncate(3n * cluster + 8n),
  },
  {
    code: 'image-too-big',
    what: 'clusters of 512 bytes: 2^31 L1 entries, one less',
    has: changed({ size: 2n ** 46n - 2n ** 15n + 512n }, { cluster_bits: 9 }),
    nearly: changed({ size: 2n ** 46n - 2n ** 15n }, { cluster_bits: 9 }),
    instead: ['l1-table-too-small'],
  },
  {
    code: 'l1-table-too-small',
    what: '512 bytes more than an entry maps, as much as it maps',
    has: changed({ size: 512n * 1024n * kib + 512n }),
    nearly: changed({ size: 512n * 1024n * kib }),
  },
  {
    code: 'l1-table-too-small',
    what: 'extended L2 entries: half of that, and 512 bytes more',
    has: changed({ size: 256n * 1024n * kib + 512n }, { incompatible_features: 16 }),
    nearly: changed({ size: 256n * 1024n * kib }, { incompatible_features: 16 }),
  },
  {
    code: 'size-unaligned',
    what: 'a byte less than 1 MiB, 1 MiB',
    has: changed({ size: 1024n * kib - 1n }),
    nearly: changed({ size: 1024n * kib }),
  },
  {
    code: 'size-beyond-qemu',
    what: 'so large that its L1 entries are counted as none, 1 GiB before 2^63',
    has: changed({ size: 2n ** 64n - 512n }),
    nearly: changed({ size: 2n ** 63n - 2n ** 30n }),
    instead: ['image-too-big'],
  },
  {
    code: 'tables-overlap',
    what: 'the L1 table in the last cluster of the refcount table, after it',
    has: () => new ImageBuilder().header({ refcount_table_clusters: 3 }),
    nearly: () => new ImageBuilder().header({ refcount_table_clusters: 2 }),
  },
  {
    code: 'tables-overlap',
    what: 'the L1 table at the header, after it',
    has: changed({ l1_table_offset: 0 }),
    nearly: changed({ l1_table_offset: 5n * cluster }),
    instead: ['l1-table-past-end'],
  },
  {
    code: 'tables-overlap',
    what: 'the snapshot table in the cluster of the L1 table, in the next one',
    has: () => new ImageBuilder({ version: 2, nb_snapshots: 1, snapshots_offset: 3n * cluster }),
    nearly: () =>
      new ImageBuilder({ version: 2, nb_snapshots: 1, snapshots_offset: 4n * cluster }).truncate(5n * cluster),
  },
];
