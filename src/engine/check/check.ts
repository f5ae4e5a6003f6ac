import { Qcow2Error } from '../error.ts';
import { type Snapshot, snapshotIdBytes, snapshotNameBytes } from '../format/snapshots.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import { segmentsOf } from '../image/entryTables.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { walkL2References } from '../image/l2References.ts';
import { l2TableSet } from '../image/l2TableSet.ts';
import { type RefcountTable, readRefcountTable } from '../image/refcountTable.ts';
import { activeSource } from '../image/reference.ts';
import { share } from '../image/scan.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import { checkBitmaps } from './bitmapClusters.ts';
import { CheckStopped } from './checkStopped.ts';
import { addUse, type ClusterUse, noUse } from './clusterUse.ts';
import { type Comparison, compareRefcounts, type MismatchVisitor } from './compare.ts';
import { checkCopied, type MiscopiedVisitor, miscopiedTables } from './copied.ts';
import { checkLayer, type LayerCheck, type LayerPlace } from './layers.ts';
import { messages } from './messages.ts';
import { checkRefcountBlocks, type Lengthening } from './refcountBlocks.ts';
import { RefcountReader } from './refcountReader.ts';
import { ReferenceCounts } from './referenceCounts.ts';
import { Regions } from './regions.ts';
import { readSnapshotEntries, type SnapshotEntries } from './snapshotEntries.ts';
import { SoundTables } from './soundTables.ts';
import { type OverflowVisitor, type Say, Tally } from './tally.ts';

/** What qemu-img check says of an image. Clusters are counted, offsets are in bytes. */
export interface CheckResult {
  readonly checkErrors: number;
  readonly corruptions: number;
  readonly leaks: number;
  readonly totalClusters: bigint;
  readonly use: ClusterUse;
  /** Where the last cluster ends that is in use. Absent where the check stopped before it knew. */
  readonly imageEndOffset?: bigint;
  /** The refcounts are so wrong that they must be built anew. */
  readonly rebuild: boolean;
  /** The system's code with which QEMU's check fails: the rest is not known. */
  readonly failure?: string;
}

/** What a check tells while it runs. */
export interface CheckVisitor {
  /** QEMU's messages, in QEMU's order. */
  readonly say: Say;
  /** A cluster whose refcount is not its number of references. */
  readonly mismatch: MismatchVisitor;
  readonly overflow?: OverflowVisitor;
  /** The refcounts of the clusters before this one were compared. */
  readonly compared?: (end: number) => void;
  /** An entry of the active layer whose COPIED does not fit the refcount. */
  readonly miscopied?: MiscopiedVisitor;
  /** The check is that of a repair, which makes the file longer where a refcount block lies past its end. */
  readonly lengthen?: Lengthening;
}

/** Bytes of memory for the counts of references: enough for 32 TiB in clusters of 64 KiB at a time. */
const defaultCountBytes = 2 ** 29;

/**
 * Checks an image as qemu-img does (qcow2_co_check): counts all references and compares them with the refcounts. Memory is
 * bounded: a byte a cluster that is in use, and where these are too many, one part of the file after the other. Throws
 * `damaged` for a file without a usable header, and `cancelled`.
 *
 * @param countBytes - of memory for the counts
 */
export async function check(
  image: Image,
  visitor: CheckVisitor,
  progress: Progress,
  countBytes = defaultCountBytes,
): Promise<CheckResult> {
  const { geometry, header } = image;
  if (!geometry || !header) {
    throw new Qcow2Error('damaged', 'There is no header that tells where the tables are: nothing can be checked.');
  }
  const tally = new Tally(visitor.say, visitor.overflow);
  const use = noUse();
  const found: Comparison = { highest: 0, rebuild: false, miscopied: new ClusterSet() };
  let failure: string | undefined;
  try {
    const snapshots = await readSnapshotEntries(image, tally);
    const table = await readRefcountTable(image.storage, geometry, header);
    await checkParts({ image, geometry, table, snapshots, tally, visitor, use, found, countBytes }, progress);
  } catch (error) {
    if (!(error instanceof CheckStopped)) throw error;
    failure = error.system;
  }
  const { checkErrors, corruptions, leaks } = tally;
  return {
    checkErrors,
    corruptions,
    leaks,
    totalClusters:
      (geometry.guestSize - (geometry.guestSize % 512n) + BigInt(geometry.clusterSize) - 1n) /
      BigInt(geometry.clusterSize),
    use,
    ...(failure === undefined
      ? { imageEndOffset: BigInt(found.highest + 1) * BigInt(geometry.clusterSize) }
      : { failure }),
    rebuild: found.rebuild,
  };
}

/** What the parts of a check share. */
interface Work {
  readonly image: Image;
  readonly geometry: Geometry;
  readonly table: RefcountTable;
  readonly snapshots: SnapshotEntries;
  readonly tally: Tally;
  readonly visitor: CheckVisitor;
  readonly use: ClusterUse;
  readonly found: Comparison;
  readonly countBytes: number;
}

/** The share of counting the references in the progress; the rest is comparing. */
const countShare = 0.7;

async function checkParts(work: Work, progress: Progress): Promise<void> {
  const { image, geometry, tally, found, visitor } = work;
  const reader = new RefcountReader(image.storage, geometry, work.table);
  const active: LayerPlace = { offset: image.l1.offset, entries: image.l1.entries, active: true };
  // Messages about tables come once, with the first part.
  const silent = new Tally(() => undefined);
  let layers: LayerCheck | undefined;
  let end = 1;
  for (let from = 0; from < end; ) {
    const counts = new ReferenceCounts(from, work.countBytes);
    const done = from / Math.max(end, geometry.fileClusters);
    const part = share(progress, done, 1);
    const counted = await countReferences(
      work,
      active,
      counts,
      from === 0 ? tally : silent,
      share(part, 0, countShare),
    );
    layers ??= counted;
    end = Math.max(geometry.fileClusters, counts.end);
    const range = { from, to: Math.min(end, counts.to) };
    await compareRefcounts(reader, counts, range, found, tally, visitor.mismatch, share(part, countShare, 1));
    from = range.to;
  }
  visitor.compared?.(end);
  const suspects = layers && (await miscopiedTables(layers, found.miscopied, progress));
  if (layers && suspects && (suspects.size > 0 || layers.suspicious || found.miscopied.next(0) !== undefined)) {
    await checkCopied(layers, active, suspects, reader, visitor.miscopied, progress);
  }
}

/** Counts everything that refers to a cluster, in QEMU's order (calculate_refcounts). */
async function countReferences(
  { image, geometry, table, snapshots, use, found, visitor: { lengthen } }: Work,
  active: LayerPlace,
  counts: ReferenceCounts,
  tally: Tally,
  progress: Progress,
): Promise<LayerCheck> {
  const { storage, header } = image;
  const regions = new Regions(geometry, counts, tally);
  const usable = snapshots.entries.filter((entry) => l1Fault(entry, geometry) === undefined);
  const places: LayerPlace[] = usable.map(({ fields }) => ({
    offset: fields.l1_table_offset,
    entries: fields.l1_size,
    active: false,
  }));
  const l1Tables = [active, ...places].map(({ offset, entries }, index) => ({
    source: index === 0 ? activeSource : index - 1,
    offset: Number(offset),
    entries,
  }));
  const visitor = { reference: () => undefined };
  const tables = await l2TableSet(storage, geometry, segmentsOf(l1Tables), visitor, () => progress.step(0, 0));
  const sound = new SoundTables(geometry, tables, counts);
  await walkL2References(storage, geometry, tables, sound, share(progress, 0, 0.9));
  const layers: LayerCheck = {
    storage,
    geometry,
    tables,
    sound,
    regions,
    tally,
    progress: share(progress, 0.9, 1),
    bytes: new Uint8Array(geometry.clusterSize),
    suspicious: false,
  };
  regions.refer(0n, BigInt(geometry.clusterSize));
  const activeUse = await checkLayer(layers, active);
  if (counts.from === 0) {
    addUse(use, activeUse);
  }
  if (geometry.dataFile && snapshots.entries.length > 0) {
    tally.corrupt(messages.snapshotsWithDataFile(snapshots.entries.length));
  }
  for (const entry of snapshots.entries) {
    const fault = l1Fault(entry, geometry);
    if (fault !== undefined) {
      tally.corrupt(fault);
    } else {
      await checkLayer(layers, { offset: entry.fields.l1_table_offset, entries: entry.fields.l1_size, active: false });
    }
  }
  regions.refer(header?.snapshots_offset ?? 0n, snapshots.length);
  const tableBytes = (header?.refcount_table_clusters ?? 0) * geometry.clusterSize;
  // QEMU does not open an image whose table is larger, and none of it is read: in a sparse file it may be terabytes.
  if (tableBytes <= limits.refcountTableBytes) {
    regions.refer(header?.refcount_table_offset ?? 0n, BigInt(tableBytes));
  }
  if (image.luksArea) {
    // As far as a LUKS header can reach: in a sparse file a damaged length may be of terabytes.
    const most = BigInt(limits.luksAreaBytes);
    const { offset, length } = image.luksArea;
    regions.refer(offset, length < most ? length : most);
  }
  await checkBitmaps(image, regions, tally, progress);
  found.rebuild = checkRefcountBlocks(table, geometry, regions, counts, tally, lengthen) || found.rebuild;
  return layers;
}

/** Why QEMU does not follow a snapshot's L1 table. */
function l1Fault(entry: Snapshot, { clusterSize }: Geometry): string | undefined {
  const { l1_table_offset: offset, l1_size: entries } = entry.fields;
  if (offset % BigInt(clusterSize) !== 0n) {
    return messages.snapshotL1Unaligned(cString(snapshotIdBytes(entry)), cString(snapshotNameBytes(entry)), offset);
  }
  return entries * 8 > limits.l1TableBytes
    ? messages.snapshotL1TooLarge(cString(snapshotIdBytes(entry)), cString(snapshotNameBytes(entry)), entries)
    : undefined;
}

/** Bytes as C prints them, as a byte string: up to the first NUL. */
function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end));
}
