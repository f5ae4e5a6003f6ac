import type { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import type { Finding, FindingCode } from '../../finding.ts';
import { type Bitmap, bitmapFields, bitmapFixedBytes, bitmapName, encodeBitmap } from '../../format/bitmaps.ts';
import { bitmapHasReserved, bitmapPlace, bitmapTableEntryBytes, bitmapUnaligned } from '../../format/bitmapTable.ts';
import { bitmapsFields, extensionTypes } from '../../format/extensions.ts';
import { decodeFields, encodeFields, sizeOf } from '../../format/field.ts';
import { readBitmaps } from '../../image/bitmapDirectory.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import { clustersOf, type Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import type { EndClusters } from './endClusters.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { writeChanged } from './writeChanged.ts';

/** Findings for which QEMU does not open the image: of the extension and the directory as a whole. */
const wholeCodes: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'bitmaps-extension-length',
  'bitmaps-extension-reserved',
  'bitmaps-extension-too-many',
  'bitmaps-extension-empty',
  'bitmap-directory-offset-invalid',
  'bitmap-directory-too-large',
  'bitmap-directory-past-end',
  'bitmap-directory-unreadable',
  'bitmap-directory-empty',
  'bitmap-directory-broken',
  'bitmap-directory-more',
  'bitmap-directory-less',
]);

/** Findings for which QEMU does not open the image: of one bitmap. */
const oneCodes: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'bitmap-extra-data',
  'bitmap-constraints',
  'bitmap-name-empty',
  'bitmap-name-duplicate',
  'bitmap-table-size-wrong',
  'bitmap-table-past-end',
  'bitmap-table-cut',
]);

/** What a repair of the bitmaps came to. */
export interface MendedBitmaps {
  /** By code: how many findings are gone. */
  readonly mended: ReadonlyMap<RepairCode, number>;
  /** Names of the bitmaps that are gone. */
  readonly dropped: readonly string[];
  /** Clusters that were theirs, and the directory's: nothing else may look for its data there. */
  readonly freed: ClusterSet;
}

/**
 * Drafts a bitmap directory of the bitmaps that QEMU can load, so that it opens the image again. A bitmap that is dropped
 * tells no backup what changed. `findings`: of opening and of the tables' entries.
 */
export async function mendBitmaps(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  end: EndClusters,
  findings: readonly Finding[],
  wanted: Wanted,
): Promise<MendedBitmaps> {
  const mended = new Map<RepairCode, number>();
  const freed = new ClusterSet();
  const hurt = findings.filter(({ code, host }) => isOfBitmaps(code) && wanted(code, host?.offset ?? 0n));
  if (hurt.length === 0 || !image.header) {
    return { mended, dropped: [], freed };
  }
  for (const { code } of hurt) {
    mended.set(code, (mended.get(code) ?? 0) + 1);
  }
  const directory = image.bitmapDirectory;
  const bitmaps = directory ? await readBitmaps(draft, directory) : [];
  const bad = new Set(hurt.filter(({ code }) => oneCodes.has(code)).map(({ chain }) => chain));
  const kept = bitmaps.filter(({ index }) => !bad.has(`bitmap[${index}]`));
  const gone = bitmaps.filter((bitmap) => !kept.includes(bitmap));
  for (const bitmap of gone) {
    await addClusters(draft, bitmap, geometry, freed);
  }
  for (const { code, host } of hurt) {
    if (code === 'bitmap-directory-broken' && host) {
      await addClusters(draft, { fields: await readFields(draft, host.offset) }, geometry, freed);
    }
  }
  if (directory && directory.directoryOffset < draft.size) {
    addArea(geometry, freed, directory.directoryOffset, directory.directorySize);
  }
  await writeDirectory(draft, image, geometry, end, kept);
  return { mended, dropped: gone.map(bitmapName), freed };
}

function isOfBitmaps(code: FindingCode): boolean {
  return wholeCodes.has(code) || oneCodes.has(code);
}

async function writeDirectory(
  draft: Draft,
  { header }: Image,
  { clusterBits, clusterSize }: Geometry,
  end: EndClusters,
  kept: readonly Bitmap[],
): Promise<void> {
  const bitmapsBit = 1n;
  const autoclear = header?.autoclear_features ?? 0n;
  let data: Uint8Array | undefined;
  if (kept.length > 0) {
    const entries = kept.map((bitmap) => encodeBitmap(bitmap));
    const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entry.length, 0));
    let at = 0;
    for (const entry of entries) {
      bytes.set(entry, at);
      at += entry.length;
    }
    const count = Number(clustersOf(BigInt(bytes.length), clusterBits));
    const offset = BigInt(end.take(count)) * BigInt(clusterSize);
    draft.freshen(offset, BigInt(count) * BigInt(clusterSize));
    await draft.write('bitmap directory', offset, bytes);
    await draft.endStep('Write a bitmap directory of the bitmaps that are right');
    data = new Uint8Array(sizeOf(bitmapsFields));
    const fields = {
      nb_bitmaps: kept.length,
      reserved: 0,
      bitmap_directory_size: BigInt(bytes.length),
      bitmap_directory_offset: offset,
    };
    encodeFields(bitmapsFields, fields, data);
  }
  const fields = { autoclear_features: data ? autoclear : autoclear & ~bitmapsBit };
  const says = data ? 'Have the header lead to the new bitmap directory' : 'Take the bitmaps out of the header';
  await changeHeader(draft, { fields, extensions: new Map([[extensionTypes.bitmaps, data]]) }, says);
}

/** The fixed part of an entry of the bitmap directory whose lengths make no sense. */
async function readFields(draft: Draft, at: bigint): Promise<Bitmap['fields']> {
  const bytes = new Uint8Array(bitmapFixedBytes);
  await draft.read(at, bytes);
  return decodeFields(bitmapFields, bytes);
}

/** Adds the clusters of a bitmap's table and its data, as far as they make sense. */
async function addClusters(
  draft: Draft,
  { fields }: Pick<Bitmap, 'fields'>,
  geometry: Geometry,
  freed: ClusterSet,
): Promise<void> {
  const { bitmap_table_offset: offset, bitmap_table_size: entries } = fields;
  const { clusterSize, clusterBits, fileClusters } = geometry;
  const length = entries * bitmapTableEntryBytes;
  if (offset % BigInt(clusterSize) !== 0n || offset + BigInt(length) > draft.size) {
    return;
  }
  addArea(geometry, freed, offset, BigInt(length));
  const bytes = new Uint8Array(length);
  await readHostBytes(draft, offset, bytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < length; at += bitmapTableEntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const cluster = bitmapPlace(hi, lo) / clusterSize;
    if (!bitmapUnaligned(lo, clusterBits) && cluster > 0 && cluster < fileClusters) {
      freed.add(cluster, 1);
    }
  }
}

function addArea({ clusterSize, clusterBits }: Geometry, freed: ClusterSet, offset: bigint, length: bigint): void {
  freed.add(Number(offset / BigInt(clusterSize)), Number(clustersOf(length, clusterBits)));
}

/** All bits of a cluster are ones: everything is dirty, which is always right. */
const allOnes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

/**
 * Puts the entries of the bitmap tables right: reserved bits are cleared, and what leads to no data of a bitmap counts as
 * dirty. Returns by code how many.
 */
export async function mendBitmapTables(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  wanted: Wanted,
): Promise<ReadonlyMap<RepairCode, number>> {
  const mended = new Map<RepairCode, number>();
  const { clusterBits, clusterSize, fileClusters } = geometry;
  for (const { index, fields } of image.bitmapDirectory ? await readBitmaps(draft, image.bitmapDirectory) : []) {
    const offset = fields.bitmap_table_offset;
    const length = fields.bitmap_table_size * bitmapTableEntryBytes;
    if (offset % BigInt(clusterSize) !== 0n || offset + BigInt(length) > draft.size) {
      continue;
    }
    const bytes = new Uint8Array(length);
    if ((await readHostBytes(draft, offset, bytes)).length > 0) {
      continue;
    }
    const before = bytes.slice();
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < length; at += bitmapTableEntryBytes) {
      const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
      const target = bitmapPlace(hi, lo);
      const host = offset + BigInt(at);
      const mend = (code: RepairCode, isWrong: boolean, place: bigint): boolean => {
        const isMended = isWrong && wanted(code, place);
        mended.set(code, (mended.get(code) ?? 0) + (isMended ? 1 : 0));
        return isMended;
      };
      if (
        mend('bitmap-table-entry-unaligned', bitmapUnaligned(lo, clusterBits), host) ||
        mend('bitmap-data-past-end', Math.floor(target / clusterSize) >= fileClusters, BigInt(target))
      ) {
        bytes.set(allOnes, at);
      } else if (mend('bitmap-table-entry-reserved', bitmapHasReserved(hi, lo), host)) {
        view.setUint32(at, hi & 0x00ff_ffff);
        view.setUint32(at + 4, target === 0 ? lo & 1 : lo & 0xffff_fe00);
      }
    }
    await writeChanged(draft, `table of bitmap[${index}]`, offset, before, bytes);
  }
  await draft.endStep('Put the entries of the bitmap tables right');
  return new Map([...mended].filter(([, count]) => count > 0));
}
