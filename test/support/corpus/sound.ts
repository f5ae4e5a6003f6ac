import { deflateRawSync } from 'node:zlib';
import { compressed, copied, ImageBuilder } from '../builder.ts';

/** How an image of the corpus is made. */
export interface Shape {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Log2 of the bits of a refcount: 4 in version 2. */
  readonly refcountOrder: number;
  /** With extended L2 entries: version 3, clusters of 16 KiB at least. */
  readonly extended?: true;
}

/** The second word of an extended L2 entry whose subclusters are all allocated; undefined where entries are not extended. */
export function allocated({ extended }: Shape): bigint | undefined {
  return extended && 0xffff_ffffn;
}

/** Guest clusters of the disk: fewer than an L2 table of the smallest cluster has entries. */
export const guestClusters = 48;

/** Where everything is in a sound image: host clusters. */
export const at = {
  refcountTable: 1,
  refcountBlock: 2,
  l1: 3,
  l2: 4,
  /** Of guest clusters 0 to 2; the snapshot has the last two as well. */
  data: [5, 6, 7],
  /** Of guest cluster 3. */
  compressed: 8,
  snapshotTable: 9,
  snapshotL1: 10,
  snapshotL2: 11,
  /** Of guest cluster 0 in the snapshot. */
  snapshotData: 12,
  bitmapDirectory: 13,
  bitmapTable: 14,
  bitmapData: 15,
  /** Of guest clusters 1 and 2 in the snapshot, where a refcount can't be 2. */
  unshared: [16, 17],
  end: 16,
} as const;

/** What the guest has in its clusters, by index. */
export const active: readonly string[] = ['active 0', 'shared 1', 'shared 2', 'packed 3'];
/** What the snapshot has in them. */
export const snapshot: readonly string[] = ['of the snapshot', 'shared 1', 'shared 2'];

/** A sound image with a snapshot, a compressed cluster and, in version 3, a bitmap. */
export function soundImage(shape: Shape): ImageBuilder {
  const { version, clusterBits, refcountOrder, extended } = shape;
  const size = 2 ** clusterBits;
  const image = new ImageBuilder({
    version,
    cluster_bits: clusterBits,
    size: guestClusters * size,
    nb_snapshots: 1,
    snapshots_offset: at.snapshotTable * size,
    ...(version >= 3
      ? { refcount_order: refcountOrder, autoclear_features: 1, incompatible_features: extended ? 16 : 0 }
      : {}),
  });
  image.l1(0, copied | image.at(at.l2));
  for (const [index, cluster] of at.data.entries()) {
    image
      .entry(at.l2, index, image.at(cluster) | (index === 0 || refcountOrder === 0 ? copied : 0n), allocated(shape))
      .put(image.at(cluster), active[index] ?? '');
    image.refcount(cluster, index === 0 || refcountOrder === 0 ? 1 : 2);
  }
  const packed = deflateRawSync(Uint8Array.from(Buffer.from((active[3] ?? '').padEnd(size, '\0'))), { windowBits: 12 });
  image.put(image.at(at.compressed), packed);
  const sectors = BigInt(Math.ceil(packed.length / 512) - 1);
  image.entry(at.l2, 3, compressed | (sectors << BigInt(62 - (clusterBits - 8))) | image.at(at.compressed));
  addSnapshot(image, shape);
  if (version >= 3) {
    addBitmap(image, size);
  }
  const others = [at.l2, at.compressed, at.snapshotTable, at.snapshotL1, at.snapshotL2, at.snapshotData];
  for (const cluster of version >= 3 ? [...others, at.bitmapDirectory, at.bitmapTable, at.bitmapData] : others) {
    image.refcount(cluster, 1);
  }
  const end = refcountOrder === 0 ? at.end + at.unshared.length : at.end;
  return image.truncate(image.at(version >= 3 ? end : at.bitmapDirectory));
}

function addSnapshot(image: ImageBuilder, shape: Shape): void {
  const bitmap = allocated(shape);
  const entry = image.at(at.snapshotTable);
  image
    .put64(entry, image.at(at.snapshotL1))
    .put32(entry + 8n, 1)
    .put16(entry + 12n, 1)
    .put16(entry + 14n, 4);
  image
    .put32(entry + 36n, 16)
    .put64(entry + 48n, guestClusters * Number(image.clusterSize))
    .put(entry + 56n, '1snap');
  image.put64(image.at(at.snapshotL1), image.at(at.snapshotL2));
  image.entry(at.snapshotL2, 0, image.at(at.snapshotData), bitmap).put(image.at(at.snapshotData), snapshot[0] ?? '');
  const others = shape.refcountOrder === 0 ? at.unshared : at.data.slice(1);
  for (const [index, cluster] of others.entries()) {
    image.entry(at.snapshotL2, index + 1, image.at(cluster), bitmap);
    if (shape.refcountOrder === 0) {
      image.refcount(cluster, 1).put(image.at(cluster), snapshot[index + 1] ?? '');
    }
  }
}

/** Granularity: a cluster a bit. */
function addBitmap(image: ImageBuilder, size: number): void {
  const extension = new DataView(new ArrayBuffer(24));
  extension.setUint32(0, 1);
  extension.setBigUint64(8, 32n);
  extension.setBigUint64(16, image.at(at.bitmapDirectory));
  image.extension(0x23852875, new Uint8Array(extension.buffer));
  const entry = image.at(at.bitmapDirectory);
  image
    .put64(entry, image.at(at.bitmapTable))
    .put32(entry + 8n, 1)
    .put8(entry + 16n, 1);
  image
    .put8(entry + 17n, Math.log2(size))
    .put16(entry + 18n, 3)
    .put(entry + 24n, 'bit');
  image.put64(image.at(at.bitmapTable), image.at(at.bitmapData)).put(image.at(at.bitmapData), [7]);
}
