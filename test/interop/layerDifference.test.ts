import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walkDifferences } from '../../src/engine/image/layerDifference.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { snapshotLayer } from '../../src/engine/image/snapshotLayer.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { create, follow, img, io, overlay, raw, type Step } from '../support/imageRecipe.ts';
import { qemuImg } from '../support/qemu.ts';

const disk = 'disk.qcow2';
const KiB = 1024;

/** Images with one snapshot, in which no byte was overwritten by the same one. */
const cases: readonly {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Guest bytes that were copied to other clusters as they are: they count as different. */
  readonly copied?: readonly (readonly [start: number, end: number])[];
  /** Bytes of the disk that the snapshot has, where it is not as large as now: convert ignores that. */
  readonly snapshotSize?: number;
}[] = [
  {
    name: 'data that was written, overwritten, discarded and zeroed',
    steps: [
      create(disk, '4M'),
      io(disk, 'write -P 1 0 1M', 'write -c -P 2 2M 64k'),
      img('snapshot', '-c', 's', disk),
      io(disk, 'write -P 3 64k 128k', 'discard 512k 64k', 'write -z 640k 64k', 'write -P 4 3M 64k', 'write -z 1M 64k'),
    ],
  },
  {
    name: 'nothing',
    steps: [create(disk, '4M'), io(disk, 'write -P 1 0 1M'), img('snapshot', '-c', 's', disk)],
  },
  {
    name: 'subclusters',
    steps: [
      create(disk, '4M', 'extended_l2=on'),
      io(disk, 'write -P 1 0 64k', 'write -P 2 128k 6k'),
      img('snapshot', '-c', 's', disk),
      io(disk, 'write -P 3 130k 2k', 'write -z 136k 2k', 'write -P 4 200k 2k'),
    ],
    copied: [
      [128 * KiB, 130 * KiB],
      [132 * KiB, 134 * KiB],
    ],
  },
  {
    name: 'a disk that has grown',
    steps: [
      create(disk, '1M'),
      io(disk, 'write -P 1 0 64k'),
      img('snapshot', '-c', 's', disk),
      img('resize', '-q', disk, '3M'),
      io(disk, 'write -P 2 2M 64k'),
    ],
    snapshotSize: 1024 * KiB,
  },
  {
    name: 'clusters of 512 bytes over a backing file',
    steps: [
      raw('base.raw', 1024 * KiB, [0, 256 * KiB, 9]),
      overlay(disk, 'base.raw', 'raw', undefined, 'cluster_size=512'),
      io(disk, 'write -P 1 0 3k'),
      img('snapshot', '-c', 's', disk),
      io(disk, 'write -P 2 1k 1k', 'write -z 100k 1k', 'write -P 3 512k 2k'),
    ],
  },
];

/** For each 512 bytes of the larger disk whether they were found to differ. */
async function ourDifference(path: string): Promise<boolean[]> {
  const storage = await openFile(path);
  try {
    const image = await openImage(storage);
    assert(image.layer);
    const snapshot = await snapshotLayer(image, 0);
    const differ: boolean[] = [];
    const comparison = { storage, a: snapshot, b: image.layer, backing: image.backing !== undefined };
    await walkDifferences(
      comparison,
      0n,
      (start, length) => {
        for (let sector = Number(start / 512n); sector < Number((start + length) / 512n); sector += 1) {
          assert.equal(differ[sector], undefined, 'no range overlaps another');
          differ[sector] = true;
        }
        return true;
      },
      noProgress,
    );
    return differ;
  } finally {
    await storage.close();
  }
}

describe('the difference of a snapshot and the active layer, against qemu-img convert', function () {
  this.timeout(120_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-difference-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { name, steps, copied = [], snapshotSize } of cases) {
    it(name, async () => {
      await follow({ name, steps }, folder);
      const path = join(folder, disk);
      await qemuImg(['convert', '-l', 's', '-O', 'raw', path, join(folder, 'then.raw')]);
      await qemuImg(['convert', '-O', 'raw', path, join(folder, 'now.raw')]);
      const then = (await readFile(join(folder, 'then.raw'))).subarray(0, snapshotSize);
      const now = await readFile(join(folder, 'now.raw'));
      const ours = await ourDifference(path);
      const sectors = now.length / 512;
      assert.ok(ours.length <= sectors);
      for (let sector = 0; sector < sectors; sector += 1) {
        const at = sector * 512;
        const bytesDiffer = !then.subarray(at, at + 512).equals(now.subarray(at, at + 512));
        const expected = bytesDiffer || copied.some(([start, end]) => at >= start && at < end);
        assert.equal(ours[sector] ?? false, expected, `guest offset ${at}`);
      }
      await rm(path);
    });
  }
});
