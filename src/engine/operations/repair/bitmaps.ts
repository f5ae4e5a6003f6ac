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
import { limits } from '../../limits.ts';
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

/** What the repair of bitmaps works with. */
export interface BitmapRepair {
  readonly draft: Draft;
  readonly image: Image;
  readonly geometry: Geometry;
  readonly end: EndClusters;
  readonly wanted: Wanted;
  /** Clusters to which bitmaps lead, and something else too: they are not taken for the bitmaps', nor written. */
  readonly contested: ClusterSet;
}

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
 * tells no backup what changed; so is one whose table lies on something else. `findings`: of opening and of the tables' entries.
 */
export async function mendBitmaps(repair: BitmapRepair, findings: readonly Finding[]): Promise<MendedBitmaps> {
  const { draft, image, geometry, end, wanted } = repair;
  const mended = new Map<RepairCode, number>();
  const freed = new ClusterSet();
  const hurt = findings.filter(({ code, host }) => isOfBitmaps(code) && wanted(code, host?.offset ?? 0n));
  const directory = image.bitmapDirectory;
  const bitmaps = directory ? await readBitmaps(draft, directory) : [];
  const displaced = bitmaps.filter((bitmap) => isDisplaced(repair, bitmap));
  if (hurt.length + displaced.length === 0 || !image.header) {
    return { mended, dropped: [], freed };
  }
  for (const code of [...hurt.map(({ code }) => code), ...displaced.map(() => 'clusters-overlap' as const)]) {
    mended.set(code, (mended.get(code) ?? 0) + 1);
  }
  const bad = new Set(hurt.filter(({ code }) => oneCodes.has(code)).map(({ chain }) => chain));
  const kept = bitmaps.filter((bitmap) => !bad.has(`bitmap[${bitmap.index}]`) && !displaced.includes(bitmap));
  const gone = bitmaps.filter((bitmap) => !kept.includes(bitmap));
  for (const { fields } of gone) {
    await addClusters(repair, fields, freed);
  }
  for (const { code, host } of hurt) {
    if (code === 'bitmap-directory-broken' && host) {
      await addClusters(repair, await readFields(draft, host.offset), freed);
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

/** Where a bitmap's table is. */
type TablePlace = Pick<Bitmap['fields'], 'bitmap_table_offset' | 'bitmap_table_size'>;

/** The bytes of a bitmap's table; undefined where there can be none, or it can't be read. */
async function readTable({ draft, geometry }: BitmapRepair, place: TablePlace): Promise<Uint8Array | undefined> {
  const { bitmap_table_offset: offset, bitmap_table_size: entries } = place;
  const length = entries * bitmapTableEntryBytes;
  const isInFile = offset % BigInt(geometry.clusterSize) === 0n && offset + BigInt(length) <= draft.size;
  if (!isInFile || entries * geometry.clusterSize > limits.bitmapBytes) {
    return undefined;
  }
  const bytes = new Uint8Array(length);
  return (await readHostBytes(draft, offset, bytes)).length === 0 ? bytes : undefined;
}

/** Whether the clusters that a bitmap says are its table's are something else's: it has none then. */
function isContested({ geometry, contested }: BitmapRepair, place: TablePlace): boolean {
  const { bitmap_table_offset: offset, bitmap_table_size: entries } = place;
  const clusters = Math.ceil((entries * bitmapTableEntryBytes) / geometry.clusterSize);
  return contested.meets(Number(offset / BigInt(geometry.clusterSize)), clusters);
}

/** Whether a bitmap is given up, since its table lies where something else is. */
function isDisplaced(repair: BitmapRepair, { fields }: Bitmap): boolean {
  return isContested(repair, fields) && repair.wanted('clusters-overlap', fields.bitmap_table_offset);
}

/** Adds the clusters of a bitmap's table and its data, as far as they make sense. */
async function addClusters(repair: BitmapRepair, place: TablePlace, freed: ClusterSet): Promise<void> {
  const { clusterSize, clusterBits, fileClusters } = repair.geometry;
  const bytes = isContested(repair, place) ? undefined : await readTable(repair, place);
  if (!bytes) {
    return;
  }
  addArea(repair.geometry, freed, place.bitmap_table_offset, BigInt(bytes.length));
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += bitmapTableEntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const cluster = bitmapPlace(hi, lo) / clusterSize;
    const isOwn = cluster > 0 && cluster < fileClusters && !repair.contested.has(cluster);
    if (!bitmapUnaligned(lo, clusterBits) && isOwn) {
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
 * dirty. Nothing is written where the table of a bitmap lies on something else. Returns by code how many.
 */
export async function mendBitmapTables(repair: BitmapRepair): Promise<ReadonlyMap<RepairCode, number>> {
  const { draft, image } = repair;
  const mended = new Map<RepairCode, number>();
  for (const bitmap of image.bitmapDirectory ? await readBitmaps(draft, image.bitmapDirectory) : []) {
    const { index, fields } = bitmap;
    const before = isContested(repair, fields) ? undefined : await readTable(repair, fields);
    if (before) {
      const offset = fields.bitmap_table_offset;
      const bytes = before.slice();
      const contested = mended.get('clusters-overlap') ?? 0;
      mendEntries(repair, bytes, offset, mended);
      if ((mended.get('clusters-overlap') ?? 0) > contested) {
        draft.caution(
          `The bitmap “${bitmapName(bitmap)}” led to clusters that something else has too, and counts them as dirty now. If they were the bitmap’s, what keeps them has bytes of the bitmap.`,
        );
      }
      await writeChanged(draft, `table of bitmap[${index}]`, offset, before, bytes);
    }
  }
  await draft.endStep('Put the entries of the bitmap tables right');
  return new Map([...mended].filter(([, count]) => count > 0));
}

/** Puts the entries of a bitmap table right, in place. `offset`: of the table in the file, in bytes. */
function mendEntries(
  { geometry, wanted, contested }: BitmapRepair,
  bytes: Uint8Array,
  offset: bigint,
  mended: Map<RepairCode, number>,
): void {
  const { clusterBits, clusterSize, fileClusters } = geometry;
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += bitmapTableEntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const target = bitmapPlace(hi, lo);
    const cluster = Math.floor(target / clusterSize);
    const host = offset + BigInt(at);
    const mend = (code: RepairCode, isWrong: boolean, place: bigint): boolean => {
      const isMended = isWrong && wanted(code, place);
      mended.set(code, (mended.get(code) ?? 0) + (isMended ? 1 : 0));
      return isMended;
    };
    if (
      mend('bitmap-table-entry-unaligned', bitmapUnaligned(lo, clusterBits), host) ||
      mend('bitmap-data-past-end', cluster >= fileClusters, BigInt(target)) ||
      mend('clusters-overlap', cluster > 0 && contested.has(cluster), BigInt(target))
    ) {
      bytes.set(allOnes, at);
    } else if (mend('bitmap-table-entry-reserved', bitmapHasReserved(hi, lo), host)) {
      view.setUint32(at, hi & 0x00ff_ffff);
      view.setUint32(at + 4, target === 0 ? lo & 1 : lo & 0xffff_fe00);
    }
  }
}
