import { type NewImageOptions, type Preallocation, sizeOf } from '../worker/createThread.ts';
import { backingName } from './backingNames.ts';

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
    about: 'metadata: the tables are written now. falloc, full: the space is taken now.',
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

/** A new image as far as the user has said what it is to be. */
export interface Draft {
  readonly compat: '1.1' | '0.10';
  /** As typed; it was checked. */
  size: string;
  readonly chosen: Chosen;
  backing?: ChosenBacking | undefined;
  dataFile?: ChosenDataFile | undefined;
  /** UTF-8, in a buffer of its own; with it the image is encrypted by LUKS. */
  passphrase?: Uint8Array<ArrayBuffer> | undefined;
}

/** The file that a new image is to be based on. */
export interface ChosenBacking {
  readonly path: string;
  /** QEMU's driver. */
  readonly format: string;
}

/** Where the guest's data is to be. */
export interface ChosenDataFile {
  readonly path: string;
  /** The file alone is to be a valid raw image. */
  readonly raw: boolean;
}

/**
 * The options of the image that was chosen.
 *
 * @param path - of the image, to which names in it are relative; as long as it is not known they are whole paths
 */
export function optionsOf({ compat, size, chosen, ...draft }: Draft, path?: string): NewImageOptions {
  const value = (name: Choice['name']): string | undefined => chosen.get(name);
  const clusterSize = sizeOf(value('cluster size') ?? '64K');
  const { backing, dataFile, passphrase } = draft;
  return {
    // The text was checked.
    size: BigInt(sizeOf(size)),
    compat,
    ...(typeof clusterSize === 'bigint' ? { clusterSize } : {}),
    refcountBits: BigInt(value('refcounts') ?? 16),
    lazyRefcounts: value('lazy refcounts') === 'on',
    extendedL2: value('extended L2') === 'on',
    compressionType: value('compression') === 'zstd' ? 'zstd' : 'zlib',
    // One of its values.
    preallocation: (value('preallocation') ?? 'off') as Preallocation,
    ...(backing && { backing: { name: backingNameIn(path, backing), format: backing.format } }),
    // Whole: QEMU looks for it from the folder that it is started in, not from the image's.
    ...(dataFile && { dataFile: new TextEncoder().encode(dataFile.path), dataFileRaw: dataFile.raw }),
    ...(passphrase && { encryption: { format: 'luks' } as const }),
  };
}

function backingNameIn(image: string | undefined, { path }: ChosenBacking): Uint8Array {
  return new TextEncoder().encode(image === undefined ? path : backingName(image, path));
}

/** Overwrites the pass phrase. What was typed stays in the strings of the input. */
export function forgetPassphrase(draft: Draft): void {
  draft.passphrase?.fill(0);
  draft.passphrase = undefined;
}
