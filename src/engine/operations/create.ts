import { Qcow2Error } from '../error.ts';
import { encodeL1Entry } from '../format/l1.ts';
import { encodeRefcountTableEntry, writeRefcount } from '../format/refcounts.ts';
import type { Ciphers, NewFile, Progress } from '../ports.ts';
import { newHeaderCluster } from './newHeader.ts';
import type { NewImage } from './newImage.ts';
import { type DataRun, layOut, type NewLayout } from './newLayout.ts';
import { newLuks } from './newLuks.ts';

/** A new image of which everything has its place: nothing in it can fail any more but the writing. */
export interface CreatePlan {
  readonly image: NewImage;
  readonly layout: NewLayout;
  /** The first cluster. */
  readonly header: Uint8Array;
  /** LUKS header and key material; put in by `withKey` where the image is to have them. */
  readonly luks?: Uint8Array;
}

/** Plans a new image. Throws `too-large` where it can't be as it is wanted. */
export function planCreate(image: NewImage): CreatePlan {
  const layout = layOut(image);
  return { image, layout, header: newHeaderCluster(image, layout) };
}

/**
 * The plan with what the pass phrase is needed for. QEMU's old encryption has nothing of it in the image. See `newLuks`
 * for the time that it takes, and what it throws.
 *
 * @param passphrase - UTF-8; not kept
 */
export function withKey(plan: CreatePlan, passphrase: Uint8Array, ciphers: Ciphers): CreatePlan {
  const { encryption } = plan.image;
  return encryption?.format === 'luks' ? { ...plan, luks: newLuks(encryption, passphrase, ciphers) } : plan;
}

/**
 * Writes a new image into an empty file, and the external data file if it has one: the bytes that qemu-img create
 * writes (qcow2_co_create).
 *
 * @param dataFile - the empty external data file, of an image that has one
 * @throws `Qcow2Error` `bad-argument` for an image that is to have a LUKS key and has not got it
 */
export async function create(
  { image, layout, header, luks }: CreatePlan,
  file: NewFile,
  dataFile: NewFile | undefined,
  progress: Progress,
): Promise<void> {
  if (image.encryption?.format === 'luks' && luks === undefined) {
    throw new Qcow2Error('bad-argument', 'An image with LUKS needs a pass phrase.');
  }
  if (layout.allocated && layout.allocated.length > 0n) {
    const { offset, length } = layout.allocated;
    await file.allocate(offset, length, image.preallocation === 'full', progress);
  }
  await writeFormerTables(image, layout, file);
  await writeL2Tables(image, layout, file, progress);
  await writeRefcounts(image, layout, file, progress);
  await writeL1Table(image, layout, file);
  if (luks) {
    await writeLuks(image, layout, luks, file);
  }
  await file.resize(layout.fileSize);
  if (dataFile) {
    await dataFile.resize(layout.dataFileSize);
    if (image.preallocation === 'falloc' || image.preallocation === 'full') {
      await dataFile.allocate(0n, layout.dataFileSize, image.preallocation === 'full', progress);
    }
  }
  // Last: without it nobody takes the file for an image.
  await file.write(0n, header);
  await file.flush();
}

/** QEMU leaves a refcount table that became too small as it was; what takes its place is written after it. */
async function writeFormerTables(image: NewImage, { clusters }: NewLayout, file: NewFile): Promise<void> {
  const clusterSize = 2 ** image.clusterBits;
  for (const { start, blocks } of clusters.formerTables) {
    await file.write(offsetOf(start, clusterSize), encodeRefcountTable(blocks, clusterSize));
  }
}

async function writeL2Tables(image: NewImage, layout: NewLayout, file: NewFile, progress: Progress): Promise<void> {
  const clusterSize = 2 ** image.clusterBits;
  const table = new DataView(new ArrayBuffer(clusterSize));
  const bytes = new Uint8Array(table.buffer);
  for (let at = 0; at < layout.runs.length; ) {
    const index = layout.runs[at]?.table ?? 0;
    bytes.fill(0);
    for (; layout.runs[at]?.table === index; at++) {
      const run = layout.runs[at];
      if (run) {
        encodeRun(image, table, run);
      }
    }
    await file.write(offsetOf(layout.l2Tables[index] ?? 0, clusterSize), bytes);
    await progress.step(index, layout.l2Tables.length);
  }
}

/** COPIED and the host offset; with extended L2 entries no subcluster is allocated yet. */
function encodeRun(image: NewImage, table: DataView, { entry, count, host }: DataRun): void {
  const entryBytes = image.extendedL2 ? 16 : 8;
  const clusterSize = 2 ** image.clusterBits;
  for (let index = 0; index < count; index++) {
    const offset = (host + index) * clusterSize;
    const at = (entry + index) * entryBytes;
    table.setUint32(at, 0x8000_0000 + Math.floor(offset / 2 ** 32));
    table.setUint32(at + 4, offset % 2 ** 32);
  }
}

async function writeRefcounts(image: NewImage, layout: NewLayout, file: NewFile, progress: Progress): Promise<void> {
  const clusterSize = 2 ** image.clusterBits;
  const { clusters } = layout;
  const block = new Uint8Array(clusterSize);
  for (const [index, cluster] of clusters.blocks.entries()) {
    if (cluster === 0) {
      continue;
    }
    block.fill(0);
    const first = index * clusters.blockEntries;
    const counted = Math.min(clusters.blockEntries, clusters.end - first);
    for (let entry = 0; entry < counted; entry++) {
      if (clusters.isUsed(first + entry)) {
        writeRefcount(block, entry, image.refcountOrder, 1);
      }
    }
    await file.write(offsetOf(cluster, clusterSize), block);
    await progress.step(index, clusters.blocks.length);
  }
  await file.write(offsetOf(clusters.tableStart, clusterSize), encodeRefcountTable(clusters.blocks, clusterSize));
}

/** `blocks`: the clusters of the refcount blocks by index, 0 for none. */
function encodeRefcountTable(blocks: readonly number[], clusterSize: number): Uint8Array {
  const table = new DataView(new ArrayBuffer(Math.ceil((blocks.length * 8) / clusterSize) * clusterSize));
  for (const [index, cluster] of blocks.entries()) {
    if (cluster === 0) {
      continue;
    }
    const { hi, lo } = encodeRefcountTableEntry(offsetOf(cluster, clusterSize));
    table.setUint32(index * 8, hi);
    table.setUint32(index * 8 + 4, lo);
  }
  return new Uint8Array(table.buffer);
}

async function writeL1Table(image: NewImage, layout: NewLayout, file: NewFile): Promise<void> {
  if (layout.l1Entries === 0) {
    return;
  }
  const clusterSize = 2 ** image.clusterBits;
  const table = new DataView(new ArrayBuffer(layout.l1Entries * 8));
  for (const [index, cluster] of layout.l2Tables.entries()) {
    const { hi, lo } = encodeL1Entry(offsetOf(cluster, clusterSize), true);
    table.setUint32(index * 8, hi);
    table.setUint32(index * 8 + 4, lo);
  }
  await file.write(offsetOf(layout.l1Start, clusterSize), new Uint8Array(table.buffer));
}

/** To the end of its last cluster: QEMU writes zeros there, and it may be where the refcount table was. */
async function writeLuks(image: NewImage, { luksStart }: NewLayout, luks: Uint8Array, file: NewFile): Promise<void> {
  const clusterSize = 2 ** image.clusterBits;
  const clusters = new Uint8Array(Math.ceil(luks.length / clusterSize) * clusterSize);
  clusters.set(luks);
  await file.write(offsetOf(luksStart, clusterSize), clusters);
}

function offsetOf(cluster: number, clusterSize: number): bigint {
  return BigInt(cluster) * BigInt(clusterSize);
}
