import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSmallRefcount } from '../../src/engine/format/refcounts.ts';
import { snapshotName } from '../../src/engine/format/snapshots.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { readSnapshots } from '../../src/engine/image/snapshotTable.ts';
import { type SnapshotUse, snapshotUse } from '../../src/engine/image/snapshotUse.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { create, follow, img, io, type Step } from '../support/imageRecipe.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

const disk = 'disk.qcow2';

/** Images whose snapshots are deleted one by one, each in a copy of its own. */
const cases: readonly { readonly name: string; readonly steps: readonly Step[] }[] = [
  {
    name: 'data that is exclusive, shared with the active layer, with another snapshot, and with both',
    steps: [
      create(disk, '64M'),
      io(disk, 'write -P 1 0 1M', 'write -P 2 8M 320k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 3 64k 128k', 'write -P 4 40M 192k'),
      img('snapshot', '-c', 'second', disk),
      io(disk, 'write -P 5 0 256k', 'discard 8M 64k', 'write -z 9M 1M'),
      img('snapshot', '-c', 'third', disk),
      io(disk, 'write -P 6 512k 64k'),
    ],
  },
  {
    name: 'compressed clusters, many in one host cluster',
    steps: [
      create(disk, '8M'),
      io(disk, 'write -c -P 1 0 64k', 'write -c -P 2 64k 64k', 'write -c -P 3 128k 64k', 'write -c -P 4 192k 64k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 5 0 64k', 'write -c -P 6 256k 64k'),
      img('snapshot', '-c', 'second', disk),
      io(disk, 'write -P 7 128k 128k'),
    ],
  },
  {
    name: 'clusters of 512 bytes and refcounts of 64 bits',
    steps: [
      create(disk, '1M', 'cluster_size=512,refcount_bits=64'),
      io(disk, 'write -P 1 0 300k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 2 100k 300k', 'write -z 10k 20k'),
      img('snapshot', '-c', 'a name that is longer than the others', disk),
      io(disk, 'write -P 3 0 50k'),
    ],
  },
  {
    name: 'extended L2 entries, and refcounts of 2 bits',
    steps: [
      create(disk, '16M', 'extended_l2=on,refcount_bits=2'),
      io(disk, 'write -P 1 0 200k', 'write -P 2 1M 2k', 'write -z 1026k 2k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 3 66k 10k'),
    ],
  },
  {
    name: 'version 2',
    steps: [
      create(disk, '4M', 'compat=0.10'),
      io(disk, 'write -P 1 0 256k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 2 128k 256k'),
      img('snapshot', '-c', 'second', disk),
    ],
  },
  {
    name: 'a disk of another size, and a snapshot with VM state',
    steps: [
      create(disk, '4M'),
      io(disk, 'write -P 1 0 256k', 'write -b -P 9 0 128k'),
      img('snapshot', '-c', 'small', disk),
      img('resize', '-q', disk, '2G'),
      io(disk, 'write -P 2 1G 1M', 'write -P 3 128k 1M'),
      img('snapshot', '-c', 'large', disk),
    ],
  },
];

/** Host clusters with a refcount, read from the refcount blocks without the engine. */
async function allocatedClusters(path: string): Promise<number> {
  const bytes = await readFile(path);
  const clusterSize = 2 ** bytes.readUInt32BE(20);
  const order = bytes.readUInt32BE(4) === 2 ? 4 : bytes.readUInt32BE(96);
  const perBlock = (clusterSize * 8) / 2 ** order;
  const table = Number(bytes.readBigUInt64BE(48));
  let allocated = 0;
  for (let at = table; at < table + bytes.readUInt32BE(56) * clusterSize; at += 8) {
    const block = Number(bytes.readBigUInt64BE(at));
    for (let index = 0; block !== 0 && index < perBlock; index += 1) {
      allocated += readSmallRefcount(bytes.subarray(block, block + clusterSize), index, order) === 0 ? 0 : 1;
    }
  }
  return allocated;
}

async function usesOf(path: string): Promise<{ name: string; use: SnapshotUse }[]> {
  const storage = await openFile(path);
  try {
    const image = await openImage(storage);
    assert(image.header);
    const snapshots = await readSnapshots(storage, image.header);
    const uses: { name: string; use: SnapshotUse }[] = [];
    for (const snapshot of snapshots) {
      uses.push({ name: snapshotName(snapshot), use: await snapshotUse(image, snapshot.index, noProgress) });
    }
    return uses;
  } finally {
    await storage.close();
  }
}

describe('what deleting a snapshot frees, against qemu-img snapshot -d', function () {
  this.timeout(120_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-snapshot-use-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { name, steps } of cases) {
    it(name, async () => {
      await follow({ name, steps }, folder);
      const path = join(folder, disk);
      const before = await allocatedClusters(path);
      const uses = await usesOf(path);
      assert.ok(uses.length > 0);
      for (const { name: snapshot, use } of uses) {
        const copy = join(folder, 'copy.qcow2');
        await copyFile(path, copy);
        await qemuImg(['snapshot', '-d', snapshot, copy]);
        const { freed, exclusive, snapshotTable } = use;
        const expected = freed.tables + freed.data + snapshotTable.before - snapshotTable.after;
        assert.equal(before - (await allocatedClusters(copy)), expected, snapshot);
        assert.deepEqual(freed, exclusive, 'refcounts are right, so exclusive is what is freed');
        assert.deepEqual([use.refcountTooLow, use.flawed, use.pastEnd], [0, 0, 0]);
        assert.equal((await runProgram('qemu-img', ['check', copy])).code, 0);
      }
      await rm(path);
    });
  }
});
