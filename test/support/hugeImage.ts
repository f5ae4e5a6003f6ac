import { open } from 'node:fs/promises';
import { writeEntry, writeHeader } from './shuffledImage.ts';

const cluster = 65536;
const tableEntries = cluster / 8;
const blockEntries = cluster / 2;
const copied = 0x80000000;

/** Bytes of its disk: 16 TiB. */
const size = 2 ** 44;
const l1Entries = size / cluster / tableEntries;
/** L2 tables that are there: without the last 4 GiB, so that the file is smaller than the 16 TiB that ext4 allows. */
const tables = l1Entries - 8;

const refcountTable = 1;
const l1Table = 2;
const firstTable = l1Table + (l1Entries * 8) / cluster;
const dataClusters = tables * tableEntries;
const blocks = Math.ceil((firstTable + tables + dataClusters) / (blockEntries - 1));
const firstBlock = firstTable + tables;
const firstData = firstBlock + blocks;
const clusters = firstData + dataClusters;

/**
 * Writes a valid image of 16 TiB in clusters of 64 KiB, full but for its last 4 GiB, in the order of the guest. Only
 * the metadata is written, 2.5 GiB of it: the data clusters are holes.
 */
export async function writeHugeImage(path: string): Promise<void> {
  const file = await open(path, 'w');
  const write = async (first: number, bytes: Uint8Array): Promise<void> => {
    await file.write(bytes, 0, bytes.length, first * cluster);
  };
  try {
    await file.truncate(clusters * cluster);
    await write(0, firstClusters());
    const entries = new DataView(new ArrayBuffer(cluster));
    for (let table = 0; table < tables; table += 1) {
      for (let entry = 0; entry < tableEntries; entry += 1) {
        writeEntry(entries, entry * 8, firstData + table * tableEntries + entry, copied);
      }
      await write(firstTable + table, new Uint8Array(entries.buffer));
    }
    const ones = new Uint8Array(cluster).map((_, at) => at % 2);
    for (let block = 0; block < blocks; block += 1) {
      await write(firstBlock + block, ones.subarray(0, Math.min(blockEntries, clusters - block * blockEntries) * 2));
    }
  } finally {
    await file.close();
  }
}

/** The header, the refcount table and the L1 table. */
function firstClusters(): Uint8Array {
  const bytes = new Uint8Array(firstTable * cluster);
  const view = new DataView(bytes.buffer);
  writeHeader(view, { size, l1Entries, l1Table, refcountTable });
  for (let block = 0; block < blocks; block += 1) {
    writeEntry(view, refcountTable * cluster + block * 8, firstBlock + block, 0);
  }
  for (let table = 0; table < tables; table += 1) {
    writeEntry(view, l1Table * cluster + table * 8, firstTable + table, copied);
  }
  return bytes;
}
