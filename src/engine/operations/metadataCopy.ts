import { Qcow2Error } from '../error.ts';
import type { ByteRange } from '../finding.ts';
import { ClusterMarks, markRule } from '../image/clusterMarks.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Image } from '../image/image.ts';
import { flaws, type Owner, owners, type ReferenceVisitor } from '../image/reference.ts';
import { walkReferences } from '../image/references.ts';
import { share } from '../image/scan.ts';
import type { Progress, Storage } from '../ports.ts';
import { type MetadataPlaces, mergedRanges, metadataPlaces, type NameKind } from './metadataPlaces.ts';
import { placeholders } from './placeholders.ts';

/** What goes into a copy. */
export interface MetadataCopyOptions {
  /** The bits of the bitmaps too, which tell where the guest has written. */
  readonly bitmapData: boolean;
  /** Backing file, data file, snapshots and bitmaps get names that tell nothing. */
  readonly anonymous: boolean;
}

/** Where a copy is written: a new file as long as the image, which reads as zeros. */
export interface MetadataTarget {
  write(at: bigint, bytes: Uint8Array): Promise<void>;
}

/** What is in a copy, and what is not. All in bytes unless said otherwise. */
export interface MetadataCopy {
  /** Of the image, and of the copy. */
  readonly size: bigint;
  /** Clusters that are metadata, of which the used bytes are copied. */
  readonly metadata: bigint;
  /** Bytes that were written into the copy; the rest of it reads as zeros. */
  readonly written: bigint;
  readonly leftOut: {
    /** Clusters of the guest, and of the states of machines. */
    readonly data: bigint;
    readonly compressed: bigint;
    readonly bitmapData: bigint;
    readonly keyMaterial: bigint;
    /** Clusters to which nothing leads. */
    readonly unreferenced: bigint;
  };
  /** Clusters that are metadata and that guest data is said to be in: copied. */
  readonly both: bigint;
  /** Metadata that lies in key material: left out, so that findings of the copy may be others. */
  readonly blanked: bigint;
  /** Metadata that the system failed to read: zeros in the copy. */
  readonly unreadable: bigint;
  /** Snapshots with the state of a machine. */
  readonly vmStates: number;
  /** How many names there are of each kind. */
  readonly names: Readonly<Record<NameKind, number>>;
}

/** What a cluster is, as far as it matters to the copy. */
const marks = { none: 0, whole: 1, exact: 2, data: 3, compressed: 4, bitmapData: 5, wholeAndData: 6, exactAndData: 7 };
const { none, whole, exact, data, compressed, bitmapData, wholeAndData, exactAndData } = marks;

const rules = {
  /** Filled by one structure: L2 tables, refcount table and blocks, bitmap data. */
  whole: markRule([none, exact, bitmapData].map((mark) => [mark, whole] as const)),
  /** Of which `MetadataPlaces` tells the bytes that are used. */
  exact: markRule([none, bitmapData].map((mark) => [mark, exact] as const)),
  bitmapData: markRule([[none, bitmapData]]),
  data: markRule([
    [none, data],
    [compressed, data],
    [whole, wholeAndData],
    [exact, exactAndData],
  ]),
  compressed: markRule([
    [none, compressed],
    [whole, wholeAndData],
    [exact, exactAndData],
  ]),
};

/**
 * Copies all metadata of an image and no guest data: every structure as far as it can be found, at its place. Everything
 * else is left out, so that it reads as zeros; of clusters that are both, the metadata is copied. Memory is bounded: a few
 * bits a cluster, and where these are too many, one part of the file after the other.
 *
 * @throws `Qcow2Error`: `damaged` for a file without a qcow2 header, `cancelled`, and what `target` throws
 */
export async function copyMetadata(
  image: Image,
  target: MetadataTarget,
  options: MetadataCopyOptions,
  progress: Progress,
): Promise<MetadataCopy> {
  const { storage, header, geometry, luksArea } = image;
  if (!header) {
    throw new Qcow2Error('damaged', `${image.file.says}: there is no metadata that could be copied.`);
  }
  const places = await metadataPlaces(image);
  const copier = new Copier(storage, target, places.secret);
  for (const { offset, length } of places.ranges) {
    await copier.copy(offset, length, progress);
  }
  const bytes = Array.from({ length: 16 }, () => 0n);
  if (geometry) {
    await copyWholeClusters(image, geometry, copier, options, bytes, progress);
  }
  if (options.anonymous) {
    for (const { offset, bytes: name } of placeholders(places.names)) {
      await copier.replace(offset, name);
    }
  }
  const sum = (...of: number[]): bigint => of.reduce((total, mark) => total + (bytes[mark] ?? 0n), 0n);
  return {
    size: storage.size,
    metadata: sum(whole, exact, wholeAndData, exactAndData),
    written: copier.written,
    leftOut: {
      data: sum(data),
      compressed: sum(compressed),
      bitmapData: sum(bitmapData),
      keyMaterial: luksArea ? bytesInFile(places.secret, storage.size) : 0n,
      unreferenced: geometry ? sum(none) : storage.size,
    },
    both: geometry ? sum(wholeAndData, exactAndData) / BigInt(geometry.clusterSize) : 0n,
    blanked: copier.blanked,
    unreadable: copier.unreadable,
    vmStates: places.vmStates,
    names: countNames(places),
  };
}

/** Copies the clusters that one structure fills, and adds up the bytes of the file by mark. */
async function copyWholeClusters(
  image: Image,
  geometry: Geometry,
  copier: Copier,
  { bitmapData: withBitmapData }: MetadataCopyOptions,
  bytes: bigint[],
  progress: Progress,
): Promise<void> {
  const { fileClusters, clusterSize } = geometry;
  for (let from = 0; from < fileClusters; ) {
    const kinds = new ClusterMarks(from, fileClusters);
    let runs: ByteRange[] = [];
    let most = mostRanges;
    const visitor: ReferenceVisitor = {
      reference: (owner, _source, _index, cluster, count) =>
        kinds.apply(rules[ruleOf(owner, withBitmapData)], cluster, count),
      // QEMU's check follows an L1 entry that leads between clusters, and so does ours.
      flaw: (flaw, { owner, target }) => {
        if (from === 0 && flaw === flaws.unaligned && owner === owners.l2Table) {
          kinds.apply(rules.exact, Number(target / BigInt(clusterSize)), 2);
          runs.push({ offset: target, length: BigInt(clusterSize) });
          if (runs.length > most) {
            runs = mergedRanges(runs, image.storage.size);
            most = Math.max(most, 2 * runs.length);
          }
        }
      },
    };
    await walkReferences(image, visitor, share(progress, from / fileClusters, 1));
    kinds.eachRun(from, kinds.to, (mark, cluster, count) => {
      const offset = BigInt(cluster) * BigInt(clusterSize);
      const left = image.storage.size - offset;
      const length = BigInt(count) * BigInt(clusterSize);
      const inFile = length < left ? length : left;
      bytes[mark] = (bytes[mark] ?? 0n) + inFile;
      if (mark === whole || mark === wholeAndData) {
        runs.push({ offset, length: inFile });
      }
    });
    for (const { offset, length } of mergedRanges(runs, image.storage.size)) {
      await copier.copy(offset, length, progress);
    }
    from = kinds.to;
  }
}

function ruleOf(owner: Owner, withBitmapData: boolean): keyof typeof rules {
  switch (owner) {
    case owners.l2Table:
    case owners.refcountTable:
    case owners.refcountBlock:
      return 'whole';
    case owners.bitmapData:
      return withBitmapData ? 'whole' : 'bitmapData';
    case owners.data:
      return 'data';
    case owners.compressed:
      return 'compressed';
    default:
      return 'exact';
  }
}

/** Ranges that are gathered before those that overlap are joined. */
const mostRanges = 2 ** 18;

/** Bytes that are read at once, and the smallest piece of zeros that is left out. */
const chunkBytes = 2 ** 20;
const pieceBytes = 4096;

/** Copies bytes to their place in the target, but for zeros and what is secret. */
class Copier {
  written = 0n;
  blanked = 0n;
  unreadable = 0n;
  readonly #storage: Storage;
  readonly #target: MetadataTarget;
  readonly #secret: readonly ByteRange[];
  readonly #buffer = new Uint8Array(chunkBytes);

  constructor(storage: Storage, target: MetadataTarget, secret: readonly ByteRange[]) {
    this.#storage = storage;
    this.#target = target;
    this.#secret = secret;
  }

  /** Copies a range of the file. */
  async copy(offset: bigint, length: bigint, progress: Progress): Promise<void> {
    const end = offset + length;
    for (let at = offset; at < end; at += BigInt(chunkBytes)) {
      const bytes = this.#buffer.subarray(0, end - at < chunkBytes ? Number(end - at) : chunkBytes);
      for (const { from, to } of await readHostBytes(this.#storage, at, bytes)) {
        this.unreadable += BigInt(to - from);
      }
      this.#blank(at, bytes);
      await this.#write(at, bytes);
      await progress.step(0, 0);
    }
  }

  /** Puts other bytes over ones that were copied. */
  async replace(at: bigint, bytes: Uint8Array): Promise<void> {
    const left = this.#storage.size - at;
    if (left > 0n) {
      await this.#target.write(at, left < bytes.length ? bytes.subarray(0, Number(left)) : bytes);
    }
  }

  #blank(at: bigint, bytes: Uint8Array): void {
    for (const { offset, length } of this.#secret) {
      const from = offset > at ? offset - at : 0n;
      const to = offset + length - at;
      if (to > from && from < bytes.length) {
        const part = bytes.subarray(Number(from), to < bytes.length ? Number(to) : bytes.length);
        this.blanked += BigInt(part.length);
        part.fill(0);
      }
    }
  }

  /** Writes the pieces that are not all zeros. */
  async #write(at: bigint, bytes: Uint8Array): Promise<void> {
    let start = 0;
    for (let piece = 0; piece < bytes.length; piece += pieceBytes) {
      if (bytes.subarray(piece, piece + pieceBytes).every((byte) => byte === 0)) {
        await this.#put(at, bytes, start, piece);
        start = piece + pieceBytes;
      }
    }
    await this.#put(at, bytes, start, bytes.length);
  }

  async #put(at: bigint, bytes: Uint8Array, from: number, to: number): Promise<void> {
    if (from < to) {
      await this.#target.write(at + BigInt(from), bytes.subarray(from, to));
      this.written += BigInt(to - from);
    }
  }
}

function bytesInFile(ranges: readonly ByteRange[], size: bigint): bigint {
  return ranges.reduce((sum, { offset, length }) => {
    const left = size - offset;
    return left <= 0n ? sum : sum + (length < left ? length : left);
  }, 0n);
}

function countNames({ names }: MetadataPlaces): Record<NameKind, number> {
  const counts: Record<NameKind, number> = { 'backing-file': 0, 'data-file': 0, snapshot: 0, bitmap: 0 };
  for (const { kind, bytes } of names) {
    counts[kind] += bytes.length > 0 ? 1 : 0;
  }
  return counts;
}
