import { Qcow2Error } from '../error.ts';
import { limits } from '../limits.ts';
import { type LuksOptions, type LuksSettings, luksSettings } from './luksSettings.ts';

/** What the blocks of a new image's data get. */
export type Preallocation = 'off' | 'metadata' | 'falloc' | 'full';

/** A qcow2 image that is to be made. Sizes in bytes. */
export interface NewImage {
  /** 2: compat 0.10; 3: compat 1.1. */
  readonly version: 2 | 3;
  /** Of the guest's disk: a multiple of 512. */
  readonly size: bigint;
  readonly clusterBits: number;
  /** Log2 of the bits of a refcount. */
  readonly refcountOrder: number;
  readonly lazyRefcounts: boolean;
  readonly extendedL2: boolean;
  readonly compressionType: 'zlib' | 'zstd';
  readonly preallocation: Preallocation;
  readonly backing?: { readonly name: Uint8Array; readonly format?: string };
  /** `raw`: the data file alone is to be a valid raw image. */
  readonly dataFile?: { readonly name: Uint8Array; readonly raw: boolean };
  /** The pass phrase is not among it: `withKey` takes it. */
  readonly encryption?: AesFormat | (LuksFormat & LuksSettings);
}

/** QEMU's old encryption, of which nothing but its number is in the image. */
interface AesFormat {
  readonly format: 'aes';
}

interface LuksFormat {
  readonly format: 'luks';
}

/** What a user may say of a new image; the rest is qemu-img's default. Sizes in bytes. */
export interface NewImageOptions {
  readonly size: bigint;
  /** `0.10` or `v2`, `1.1` or `v3`. */
  readonly compat?: string;
  readonly clusterSize?: bigint;
  readonly refcountBits?: bigint;
  readonly lazyRefcounts?: boolean;
  readonly extendedL2?: boolean;
  readonly compressionType?: 'zlib' | 'zstd';
  readonly preallocation?: Preallocation;
  readonly backing?: NewImage['backing'];
  readonly dataFile?: Uint8Array;
  readonly dataFileRaw?: boolean;
  readonly encryption?: AesFormat | (LuksFormat & LuksOptions);
}

const newer = 'compatibility level 1.1 and above (use version=v3 or greater)';

/**
 * The image that options describe, in the order of QEMU's own checks and with its messages (qcow2_co_create). Throws
 * `bad-argument`.
 */
export function newImage(options: NewImageOptions): NewImage {
  const version = versionOf(options.compat ?? '1.1');
  const clusterBits = clusterBitsOf(options.clusterSize ?? 65536n);
  const extendedL2 = options.extendedL2 ?? false;
  if (extendedL2) {
    require(clusterBits >= 14, 'Extended L2 entries are only supported with cluster sizes of at least 16384 bytes');
    require(version >= 3, `Extended L2 entries are only supported with ${newer}`);
  }
  const raw = options.dataFileRaw ?? false;
  const preallocation =
    raw && (options.preallocation ?? 'off') === 'off' ? 'metadata' : (options.preallocation ?? 'off');
  require(options.backing === undefined ||
    preallocation === 'off' ||
    extendedL2 ||
    raw, 'Backing file and preallocation can only be used at the same time if extended_l2 is on');
  const lazyRefcounts = options.lazyRefcounts ?? false;
  require(version >= 3 || !lazyRefcounts, `Lazy refcounts only supported with ${newer}`);
  const refcountOrder = refcountOrderOf(options.refcountBits ?? 16n);
  require(version >= 3 ||
    refcountOrder ===
      4, 'Different refcount widths than 16 bits require compatibility level 1.1 or above (use version=v3 or greater)');
  require(!raw || options.dataFile !== undefined, 'data-file-raw requires data-file');
  require(!raw || options.backing === undefined, 'Backing file and data-file-raw cannot be used at the same time');
  require(version >= 3 || options.dataFile === undefined, `External data files are only supported with ${newer}`);
  const compressionType = options.compressionType ?? 'zlib';
  require(version >= 3 || compressionType === 'zlib', `Non-zlib compression type is only supported with ${newer}`);
  return {
    version,
    size: (options.size + 511n) & ~511n,
    clusterBits,
    refcountOrder,
    lazyRefcounts,
    extendedL2,
    compressionType,
    preallocation,
    ...(options.backing ? { backing: options.backing } : {}),
    ...(options.dataFile ? { dataFile: { name: options.dataFile, raw } } : {}),
    ...(options.encryption ? { encryption: encryptionOf(options.encryption) } : {}),
  };
}

function encryptionOf(options: NonNullable<NewImageOptions['encryption']>): NonNullable<NewImage['encryption']> {
  return options.format === 'aes' ? options : { format: 'luks', ...luksSettings(options) };
}

/** The version of a compatibility level. Throws `bad-argument` for one that there is not. */
export function versionOf(compat: string): 2 | 3 {
  switch (compat) {
    case '0.10':
    case 'v2':
      return 2;
    case '1.1':
    case 'v3':
      return 3;
    default:
      throw new Qcow2Error('bad-argument', `Invalid compatibility level: '${compat}'`);
  }
}

function clusterBitsOf(size: bigint): number {
  const bits = size > 0n ? size.toString(2).length - 1 : 0;
  require(size === 1n << BigInt(bits) &&
    bits >= limits.minClusterBits &&
    bits <= limits.maxClusterBits, 'Cluster size must be a power of two between 512 and 2048k');
  return bits;
}

/** Log2 of the bits of a refcount. Throws `bad-argument` for a width that there is not. */
export function refcountOrderOf(bits: bigint): number {
  const order = [1n, 2n, 4n, 8n, 16n, 32n, 64n].indexOf(bits);
  require(order >= 0, 'Refcount width must be a power of two and may not exceed 64 bits');
  return order;
}

function require(kept: boolean, message: string): void {
  if (!kept) {
    throw new Qcow2Error('bad-argument', message);
  }
}
