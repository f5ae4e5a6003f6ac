import { Qcow2Error } from '../error.ts';
import { subclustersPerCluster } from '../format/l2.ts';
import { limits } from '../limits.ts';
import { luksAreaBytes } from './luksSettings.ts';
import { NewClusters } from './newClusters.ts';
import type { NewImage } from './newImage.ts';

/** A run of guest clusters whose data is allocated. */
export interface DataRun {
  /** Index of the L2 table, which is that of its L1 entry. */
  readonly table: number;
  /** First entry in that table. */
  readonly entry: number;
  readonly count: number;
  /** Host cluster of the first one; in an external data file it is the guest cluster. */
  readonly host: number;
}

/** Where everything of a new image lies. */
export interface NewLayout {
  readonly clusters: NewClusters;
  /** First cluster of the L1 table; 0 without one. */
  readonly l1Start: number;
  readonly l1Entries: number;
  /** First cluster of the LUKS header with the key material; 0 without one. */
  readonly luksStart: number;
  /** By L1 index: the cluster of the L2 table; 0 for none. */
  readonly l2Tables: readonly number[];
  /** In guest order. */
  readonly runs: readonly DataRun[];
  /** Bytes of the file in the end. */
  readonly fileSize: bigint;
  /** Bytes of the external data file in the end, where there is one. */
  readonly dataFileSize: bigint;
  /** The part of the file for the guest's data that `falloc` and `full` allocate, in bytes. */
  readonly allocated?: { readonly offset: bigint; readonly length: bigint };
}

/** INT_MAX: no single allocation of QEMU's is larger. */
const mostBytes = 2 ** 31 - 1;

/**
 * Places everything of a new image, in the order in which QEMU takes the clusters (qcow2_co_create, qcow2_co_truncate,
 * preallocate_co, qcow2_crypto_hdr_init_func). Throws `too-large` where QEMU finds the image too large.
 */
export function layOut(image: NewImage): NewLayout {
  const layout = layOutDisk(image);
  if (image.encryption?.format !== 'luks') {
    return { ...layout, luksStart: 0 };
  }
  const { clusters } = layout;
  const clusterSize = 2 ** image.clusterBits;
  const before = clusters.end;
  const luksStart = clusters.allocate(Math.ceil(luksAreaBytes(image.encryption) / clusterSize));
  const fileSize = clusters.end > before ? BigInt(clusters.end) * BigInt(clusterSize) : layout.fileSize;
  return { ...layout, luksStart, fileSize };
}

/** All but the encryption. */
function layOutDisk(image: NewImage): Omit<NewLayout, 'luksStart'> {
  const { clusterBits, size } = image;
  const clusterSize = 2 ** clusterBits;
  const l2Entries = clusterSize / (image.extendedL2 ? 16 : 8);
  const clusters = new NewClusters(clusterBits, image.refcountOrder);
  const covered = BigInt(l2Entries) * BigInt(clusterSize);
  const l1Entries = (size + covered - 1n) / covered;
  if (l1Entries * 8n > BigInt(limits.l1TableBytes)) {
    throw new Qcow2Error(
      'too-large',
      "The image size is too large for file format 'qcow2' (try using a larger cluster size)",
    );
  }
  const l1Bytes = Number(l1Entries) * 8;
  const l1Start = l1Bytes === 0 ? 0 : clusters.allocate(Math.ceil(l1Bytes / clusterSize));
  const l1End = l1Bytes === 0 ? 3 * clusterSize : l1Start * clusterSize + l1Bytes;
  const { preallocation } = image;
  // What is allocated ends with the guest's last cluster, or subcluster.
  const unit = BigInt(image.extendedL2 ? clusterSize / subclustersPerCluster : clusterSize);
  const allocatedSize = ((size + unit - 1n) / unit) * unit;
  const dataFileSize = preallocation === 'off' ? size : allocatedSize;
  const place = { clusters, l1Start, l1Entries: Number(l1Entries), dataFileSize };
  if (preallocation === 'off' || (preallocation === 'metadata' && size === 0n)) {
    // Refcount blocks for a large L1 table lie behind it.
    return { ...place, l2Tables: [], runs: [], fileSize: endOf(clusters, clusterSize, l1End) };
  }
  const dataClusters = Number((size + BigInt(clusterSize) - 1n) / BigInt(clusterSize));
  const disk: Disk = { clusterSize, l2Entries, dataClusters, l1Entries: Number(l1Entries) };
  if (image.dataFile) {
    return { ...place, ...tablesOnly(clusters, disk), fileSize: endOf(clusters, clusterSize, l1End) };
  }
  if (preallocation === 'metadata') {
    const made = byTurns(clusters, disk);
    const last = made.runs.at(-1);
    const beyond = BigInt(dataClusters) * BigInt(clusterSize) - allocatedSize;
    const dataEnd = BigInt((last?.host ?? 0) + (last?.count ?? 0)) * BigInt(clusterSize) - beyond;
    const tablesEnd = endOfTables(clusters, made, l1End, clusterSize);
    return { ...place, ...made, fileSize: dataEnd > tablesEnd ? dataEnd : tablesEnd };
  }
  const made = dataFirst(clusters, disk);
  return { ...place, ...made };
}

interface Disk {
  readonly clusterSize: number;
  readonly l2Entries: number;
  readonly dataClusters: number;
  readonly l1Entries: number;
}

/** The runs of a disk: none crosses an L2 table, none is larger than QEMU allocates at once. */
function* runsOf({ clusterSize, l2Entries, dataClusters }: Disk): Generator<Omit<DataRun, 'host'>> {
  const most = Math.floor(mostBytes / clusterSize);
  for (let at = 0; at < dataClusters; ) {
    const entry = at % l2Entries;
    const count = Math.min(dataClusters - at, l2Entries - entry, most);
    yield { table: Math.floor(at / l2Entries), entry, count };
    at += count;
  }
}

/** Each L2 table, then its data. */
function byTurns(clusters: NewClusters, disk: Disk): Pick<NewLayout, 'l2Tables' | 'runs'> {
  const l2Tables: number[] = [];
  const runs: DataRun[] = [];
  for (const run of runsOf(disk)) {
    if (run.table === l2Tables.length) {
      l2Tables.push(clusters.allocate(1));
    }
    runs.push({ ...run, host: clusters.allocate(run.count) });
  }
  return { l2Tables, runs };
}

/** All data in one piece behind everything else, with the refcounts for it before it, then the L2 tables. */
function dataFirst(clusters: NewClusters, disk: Disk): Pick<NewLayout, 'l2Tables' | 'runs' | 'fileSize' | 'allocated'> {
  const { clusterSize, dataClusters, l2Entries } = disk;
  const tables = Math.ceil(dataClusters / l2Entries);
  const start = clusters.moveTable(clusters.end, dataClusters + tables, true);
  clusters.allocateAt(start, dataClusters);
  const l2Tables: number[] = [];
  const runs: DataRun[] = [];
  let host = start;
  for (const run of runsOf({ ...disk })) {
    if (run.table === l2Tables.length) {
      l2Tables.push(clusters.allocate(1));
    }
    runs.push({ ...run, host });
    host += run.count;
  }
  const fileSize = BigInt(clusters.end) * BigInt(clusterSize);
  const allocated = {
    offset: BigInt(start) * BigInt(clusterSize),
    length: BigInt(dataClusters) * BigInt(clusterSize),
  };
  return { l2Tables, runs, fileSize, allocated };
}

/** The L2 tables alone: the data is in a file of its own, at its guest offset. */
function tablesOnly(clusters: NewClusters, disk: Disk): Pick<NewLayout, 'l2Tables' | 'runs'> {
  const l2Tables: number[] = [];
  const runs: DataRun[] = [];
  for (const run of runsOf(disk)) {
    if (run.table === l2Tables.length) {
      l2Tables.push(clusters.allocate(1));
    }
    runs.push({ ...run, host: run.table * disk.l2Entries + run.entry });
  }
  return { l2Tables, runs };
}

/** Where the file ends when its last cluster holds a table. */
function endOf(clusters: NewClusters, clusterSize: number, l1End: number): bigint {
  const end = clusters.end * clusterSize;
  return BigInt(end > Math.ceil(l1End / clusterSize) * clusterSize ? end : l1End);
}

/** The end of the last table that was written. */
function endOfTables(
  clusters: NewClusters,
  { l2Tables }: Pick<NewLayout, 'l2Tables'>,
  l1End: number,
  clusterSize: number,
): bigint {
  let last = Math.max(clusters.tableStart + clusters.tableClusters, 0);
  for (const table of l2Tables) {
    last = Math.max(last, table + 1);
  }
  for (const block of clusters.blocks) {
    last = Math.max(last, block + 1);
  }
  return BigInt(Math.max(last * clusterSize, l1End));
}
