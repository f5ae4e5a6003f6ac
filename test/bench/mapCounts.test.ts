import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Qcow2Error } from '../../src/engine/error.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { mapMethods } from '../../src/worker/mapMethods.ts';
import { CountingStorage, MemoryStorage } from '../support/memoryStorage.ts';
import { shuffledImage } from '../support/shuffledImage.ts';
import { context, type MapCalls, mapOf } from '../worker/mapCalls.ts';

const cluster = 65536;
const size = 2n ** 44n;
/** L2 tables of 16 TiB, of which one in 128 is there: 256. */
const l1Entries = 32768;
const step = 128;
const tables = l1Entries / step;
const copied = 0x8000_0000;

/** Host clusters: 0 header, 1 and 2 refcount table, 3 to 6 L1, then as many L2 tables and refcount blocks. */
const l1Cluster = 3;
const firstTable = l1Cluster + 4;
const firstBlock = firstTable + tables;
const blockEntries = cluster / 2;

/**
 * A sparse image of 16 TiB in clusters of 64 KiB. The L2 tables that are there are full, and lead to where the data of
 * an image would lie that was written from front to back; only the refcount blocks for that are there.
 */
function sparse(): MemoryStorage {
  const file = new MemoryStorage(size + 2n ** 32n);
  const header = new DataView(new ArrayBuffer(104));
  header.setUint32(0, 0x514649fb);
  header.setUint32(4, 3);
  header.setUint32(20, 16);
  header.setBigUint64(24, size);
  header.setUint32(36, l1Entries);
  header.setBigUint64(40, BigInt(l1Cluster * cluster));
  header.setBigUint64(48, BigInt(cluster));
  header.setUint32(56, 2);
  header.setUint32(96, 4);
  header.setUint32(100, 104);
  file.write(0n, new Uint8Array(header.buffer));
  const l1 = new DataView(new ArrayBuffer(l1Entries * 8));
  const refcounts = new DataView(new ArrayBuffer(2 * cluster));
  const ones = new Uint8Array(cluster);
  for (let at = 1; at < cluster; at += 2) {
    ones[at] = 1;
  }
  for (let index = 0; index < tables; index++) {
    const l1Index = index * step;
    writeEntry(l1, l1Index * 8, firstTable + index);
    const entries = new DataView(new ArrayBuffer(cluster));
    const data = (l1Index + 1) * 8192;
    for (let entry = 0; entry < 8192; entry++) {
      writeEntry(entries, entry * 8, data + entry);
    }
    file.write(BigInt((firstTable + index) * cluster), new Uint8Array(entries.buffer));
    refcounts.setBigUint64(Math.floor(data / blockEntries) * 8, BigInt((firstBlock + index) * cluster));
    file.write(BigInt((firstBlock + index) * cluster), ones);
  }
  file.write(BigInt(l1Cluster * cluster), new Uint8Array(l1.buffer));
  file.write(BigInt(cluster), new Uint8Array(refcounts.buffer));
  return file;
}

function writeEntry(view: DataView, at: number, target: number): void {
  view.setUint32(at, (Math.floor(target / 65536) | copied) >>> 0);
  view.setUint32(at + 4, (target % 65536) * cluster);
}

/** Bytes of objects and buffers that are in use. */
function usedMemory(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('the work of the maps on a sparse image of 16 TiB', function () {
  this.timeout(60_000);
  let storage: CountingStorage;
  let map: MapCalls;
  const guest = { space: 'guest', start: 0n, length: size, cells: 8192 } as const;
  const host = { space: 'host', start: 0n, length: size, cells: 8192 } as const;

  beforeEach(async () => {
    storage = new CountingStorage(sparse(), { ranges: false });
    map = await mapOf(storage);
    storage.reset();
  });

  it('is, for the first picture of the guest, each L2 table once, and nothing for what follows', async () => {
    await map.picture(guest);
    assert.equal(storage.bytes, tables * cluster);
    storage.reset();
    await map.picture(guest);
    await map.picture({ ...guest, start: size / 4n, length: size / 2n });
    await map.counts(guest);
    await map.overlay({ ...guest, overlay: 'fragmentation' });
    await map.step({ space: 'guest', kind: 'unallocated', from: 0n, direction: 'next' });
    assert.equal(storage.bytes, 0);
  });

  it('is, for a part of the guest’s disk, at most the L2 tables in view', async () => {
    await map.picture(guest);
    storage.reset();
    // 2^16 clusters: 8 L2 tables, of which one is there.
    await map.picture({ ...guest, length: 2n ** 32n });
    assert.ok(storage.bytes <= cluster, `${storage.bytes} bytes read`);
    storage.reset();
    const { clusters } = await map.counts({ space: 'guest', start: 12_345n * 65536n, length: 2n ** 43n });
    assert.ok(clusters && clusters.allocated > 0);
    assert.ok(storage.bytes <= 2 * cluster, `${storage.bytes} bytes read`);
  });

  it('is, for the first picture of the file, the refcounts and the tables that lead to L2 tables', async () => {
    await map.picture(host);
    const refcounts = tables * cluster;
    const small = 16 * cluster;
    assert.ok(storage.bytes >= refcounts && storage.bytes <= refcounts + small, `${storage.bytes} bytes read`);
    storage.reset();
    await map.picture({ ...host, start: size / 3n, length: 2n ** 30n });
    await map.counts(host);
    await map.hostExtents({ from: size / 3n, count: 100 });
    assert.equal(storage.bytes, 0);
  });

  it('is, for the owner of a cluster once references are counted, one L2 table', async () => {
    await map.countReferences();
    storage.reset();
    const data = BigInt(64 * step + 1) * 8192n * 65536n;
    const { owners, tables: read } = await map.ownersAt({ start: data + 17n * 65536n, length: 1n });
    assert.deepEqual(
      owners.map(({ chain }) => chain),
      [`L1[${64 * step}] -> L2[17]`],
    );
    assert.equal(read, 1);
    const small = 16 * cluster;
    assert.ok(storage.bytes <= cluster + small, `${storage.bytes} bytes read`);
  });

  it('takes, for both maps, less than 64 MiB', async () => {
    const before = usedMemory();
    await map.picture(guest);
    await map.countReferences();
    await map.picture(host);
    const used = usedMemory() - before;
    assert.ok(used < 64 * 2 ** 20, `${Math.round(used / 2 ** 20)} MiB`);
  });
});

describe('the work for the owners of a cluster of a shuffled image', () => {
  let storage: CountingStorage;
  let clusters: number;

  beforeEach(() => {
    const image = shuffledImage(2 ** 34, 1);
    clusters = image.clusters;
    const file = new MemoryStorage(BigInt(clusters * cluster));
    file.write(0n, image.metadata);
    storage = new CountingStorage(file, { ranges: false });
  });

  it('is every L2 table whose entries reach there', async () => {
    const { ownersAt } = await mapOf(storage);
    const { tables: read, count } = await ownersAt({ start: BigInt(clusters - 1000) * 65536n, length: 1n });
    assert.deepEqual([read, count], [32, 1]);
  });

  it('ends when it is cancelled', async () => {
    const methods = mapMethods(await openImage(storage));
    await methods.countReferences(undefined, context);
    storage.reset();
    const cancelled = { step: () => Promise.reject(new Qcow2Error('cancelled', 'Cancelled.')) };
    const asked = methods.ownersAt({ start: 2n ** 33n, length: 1n }, { ...context, progress: cancelled });
    await assert.rejects(asked, { code: 'cancelled' });
    assert.ok(storage.bytes < 32 * cluster, `${storage.bytes} bytes read`);
  });
});
