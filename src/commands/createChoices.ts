import { type NewImageOptions, type Preallocation, sizeOf } from '../worker/createThread.ts';

/** Something about a new image that may be chosen. */
export interface Choice {
  readonly name: 'cluster size' | 'refcounts' | 'lazy refcounts' | 'extended L2' | 'compression' | 'preallocation';
  readonly label: string;
  readonly about: string;
  readonly values: readonly string[];
  /** What it is where nothing is chosen: qemu-img's default. */
  readonly standard: string;
}

/** What was chosen, by the choice's name. */
export type Chosen = Map<Choice['name'], string>;

const all: readonly (Choice & { readonly since?: 3 })[] = [
  {
    name: 'cluster size',
    label: 'Cluster size',
    about: 'Small: less space for small writes. Large: less metadata for large disks.',
    values: ['512', '1K', '2K', '4K', '8K', '16K', '32K', '64K', '128K', '256K', '512K', '1M', '2M'],
    standard: '64K',
  },
  {
    name: 'preallocation',
    label: 'Preallocation',
    about: 'metadata: all tables are written now. falloc, full: the disk’s space is taken now, full by writing zeros.',
    values: ['off', 'metadata', 'falloc', 'full'],
    standard: 'off',
  },
  {
    name: 'lazy refcounts',
    label: 'Lazy refcounts',
    about: 'Refcounts are written late: faster, but a crash needs a repair.',
    values: ['off', 'on'],
    standard: 'off',
    since: 3,
  },
  {
    name: 'extended L2',
    label: 'Extended L2 entries',
    about: 'Clusters are allocated in 32 subclusters. Needs clusters of at least 16K.',
    values: ['off', 'on'],
    standard: 'off',
    since: 3,
  },
  {
    name: 'compression',
    label: 'Compression type',
    about: 'How compressed clusters are compressed. zstd needs QEMU 5.1.',
    values: ['zlib', 'zstd'],
    standard: 'zlib',
    since: 3,
  },
  {
    name: 'refcounts',
    label: 'Refcount bits',
    about: 'Width of a reference count: with 1 bit there can be no snapshots.',
    values: ['1', '2', '4', '8', '16', '32', '64'],
    standard: '16',
    since: 3,
  },
];

/** What may be chosen at a compatibility level. */
export function choices(compat: '1.1' | '0.10'): readonly Choice[] {
  return all.filter(({ since }) => since === undefined || compat === '1.1');
}

/** The options of the image that was chosen. `size` in bytes. */
export function optionsOf(compat: '1.1' | '0.10', size: bigint, chosen: Chosen): NewImageOptions {
  const value = (name: Choice['name']): string | undefined => chosen.get(name);
  const clusterSize = sizeOf(value('cluster size') ?? '64K');
  return {
    size,
    compat,
    ...(typeof clusterSize === 'bigint' ? { clusterSize } : {}),
    refcountBits: BigInt(value('refcounts') ?? 16),
    lazyRefcounts: value('lazy refcounts') === 'on',
    extendedL2: value('extended L2') === 'on',
    compressionType: value('compression') === 'zstd' ? 'zstd' : 'zlib',
    // One of its values.
    preallocation: (value('preallocation') ?? 'off') as Preallocation,
  };
}
