import { open } from 'node:fs/promises';
import { permutation, random } from './random.ts';

const cluster = 65536;
/** Entries of an L2 table, and refcounts (of 16 bits) in a refcount block. */
const tableEntries = cluster / 8;
const blockEntries = cluster / 2;
const refcountTable = 1;
const l1Table = 2;
const firstTable = 3;
const copied = 0x80000000;

/**
 * Writes a valid image of version 3 with clusters of 64 KiB, every one of which is allocated, in a random order of the
 * host clusters. Only the metadata is written: the data clusters are holes, so 128 GiB take about 20 MB. `size` is the
 * virtual size in bytes, a multiple of 64 KiB and at most 512 GiB.
 */
export async function writeShuffledImage(path: string, size: number, seed = 1): Promise<void> {
  const { metadata, clusters } = shuffledImage(size, seed);
  const file = await open(path, 'w');
  try {
    await file.truncate(clusters * cluster);
    await file.write(metadata, 0, metadata.length, 0);
  } finally {
    await file.close();
  }
}

/** The first bytes of such a file, and how many clusters it has: header, refcount table, L1, L2s, blocks, then the data. */
export function shuffledImage(size: number, seed: number): { metadata: Uint8Array; clusters: number } {
  const dataClusters = size / cluster;
  const tables = Math.ceil(dataClusters / tableEntries);
  const firstBlock = firstTable + tables;
  const blocks = Math.ceil((firstBlock + dataClusters) / (blockEntries - 1));
  const firstData = firstBlock + blocks;
  const clusters = firstData + dataClusters;
  const metadata = new Uint8Array(firstData * cluster);
  const view = new DataView(metadata.buffer);
  writeHeader(view, { size, l1Entries: tables, l1Table, refcountTable });
  for (let block = 0; block < blocks; block += 1) {
    writeEntry(view, refcountTable * cluster + block * 8, firstBlock + block, 0);
  }
  for (let table = 0; table < tables; table += 1) {
    writeEntry(view, l1Table * cluster + table * 8, firstTable + table, copied);
  }
  const order = permutation(dataClusters, random(seed));
  for (let index = 0; index < dataClusters; index += 1) {
    writeEntry(view, firstTable * cluster + index * 8, firstData + (order[index] ?? 0), copied);
  }
  for (let index = 0; index < clusters; index += 1) {
    view.setUint16(firstBlock * cluster + index * 2, 1);
  }
  return { metadata, clusters };
}

/** Where the header leads: `size` is in bytes, `l1Table` and `refcountTable` are host clusters. */
export interface Places {
  readonly size: number;
  readonly l1Entries: number;
  readonly l1Table: number;
  readonly refcountTable: number;
}

/** The header of an image of version 3 with clusters of 64 KiB, refcounts of 16 bits, and one cluster of refcount table. */
export function writeHeader(view: DataView, { size, l1Entries, l1Table: l1, refcountTable: refcounts }: Places): void {
  view.setUint32(0, 0x514649fb); // magic
  view.setUint32(4, 3); // version
  view.setUint32(20, 16); // cluster_bits
  view.setBigUint64(24, BigInt(size));
  view.setUint32(36, l1Entries); // l1_size
  view.setBigUint64(40, BigInt(l1 * cluster)); // l1_table_offset
  view.setBigUint64(48, BigInt(refcounts * cluster)); // refcount_table_offset
  view.setUint32(56, 1); // refcount_table_clusters
  view.setUint32(96, 4); // refcount_order
  view.setUint32(100, 104); // header_length
}

/** An entry of 8 bytes: the host offset of `target` (a cluster), with `flags` in its upper word. */
export function writeEntry(view: DataView, at: number, target: number, flags: number): void {
  view.setUint32(at, (Math.floor(target / 65536) | flags) >>> 0);
  view.setUint32(at + 4, (target % 65536) * cluster);
}
