import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, follow, img, io, overlay, patchTable, raw, type Step } from '../support/imageRecipe.ts';
import { sampled } from '../support/sampled.ts';
import {
  doneByQemu,
  doneByUs,
  guestOf,
  judged,
  requireClean,
  type SnapshotAction,
  toldByQemu,
  written,
} from './snapshotRuns.ts';

const disk = 'disk.qcow2';

/** An image whose snapshots come and go. */
interface Recipe {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Commands of qemu-io between the actions. */
  readonly writes: readonly string[];
  /** Why the first cluster is not qemu-img's, but for the places of the tables. */
  readonly otherHeader?: string;
  /** Why nothing is applied. */
  readonly notApplied?: string;
  /** What is done instead of `actions`. */
  readonly actions?: readonly SnapshotAction[];
}

const kinds = ['write -P 1 0 200k', 'write -c -P 2 512k 64k', 'write -z 640k 64k', 'write -P 3 768k 64k'];
// QEMU does not overwrite clusters by compressed ones: that comes once.
const writes = [
  'write -P 4 100k 300k',
  'write -z 768k 64k',
  'write -c -P 5 896k 64k',
  'discard 0 64k',
  'write -P 6 500k 200k',
];

/** Data, compressed and zero clusters in a disk of 1 MiB. */
function mixed(name: string, options: string): Recipe {
  return { name, steps: [create(disk, '1M', options), io(disk, ...kinds)], writes };
}

const recipes: readonly Recipe[] = [
  mixed('version 3', ''),
  mixed('version 2', 'compat=0.10'),
  mixed('zstd', 'compression_type=zstd'),
  mixed('clusters of 512 bytes', 'cluster_size=512'),
  mixed('clusters of 512 bytes, version 2', 'cluster_size=512,compat=0.10'),
  mixed('clusters of 4 KiB', 'cluster_size=4k'),
  mixed('refcounts of 8 bits', 'refcount_bits=8,cluster_size=4k'),
  mixed('refcounts of 32 bits', 'refcount_bits=32,cluster_size=1k'),
  mixed('refcounts of 64 bits', 'refcount_bits=64,cluster_size=512'),
  {
    // Without compressed clusters, of which more share a host cluster than narrow refcounts can count.
    name: 'refcounts of 4 bits',
    steps: [create(disk, '1M', 'refcount_bits=4,cluster_size=4k'), io(disk, 'write -P 1 0 200k', 'write -z 640k 64k')],
    writes: ['write -P 4 100k 300k', 'discard 0 64k'],
  },
  mixed('lazy refcounts', 'lazy_refcounts=on'),
  mixed('extended L2 entries', 'extended_l2=on'),
  mixed('extended L2 entries in clusters of 16 KiB', 'extended_l2=on,cluster_size=16k'),
  {
    name: 'clusters of 2 MiB',
    steps: [create(disk, '8M', 'cluster_size=2M'), io(disk, 'write -P 1 1M 3M', 'write -c -P 2 6M 2M')],
    writes: ['write -P 3 2M 100k', 'write -z 0 2M'],
  },
  { name: 'nothing written', steps: [create(disk, '1M')], writes: [] },
  { name: 'a disk of no size', steps: [create(disk, '0')], writes: [] },
  {
    name: 'preallocated',
    steps: [create(disk, '2M', 'preallocation=metadata,cluster_size=4k'), io(disk, 'write -P 1 0 100k')],
    writes: ['write -P 2 50k 300k', 'write -z 1M 100k'],
  },
  {
    name: 'an L1 table of several clusters',
    steps: [create(disk, '5M', 'cluster_size=512'), io(disk, 'write -P 1 0 40k', 'write -P 2 4M 70k')],
    writes: ['write -P 3 20k 40k', 'write -P 4 3M 1k'],
  },
  {
    name: 'a refcount table that outgrows its cluster',
    steps: [create(disk, '8M', 'cluster_size=512'), io(disk, 'write -P 1 0 7700k')],
    writes: ['write -P 2 7M 100k'],
    otherHeader: 'our active layer has L2 tables of its own, so that the refcount table grows earlier than qemu-img’s',
  },
  {
    name: 'a machine state, after the end of the disk',
    steps: [
      create(disk, '1M'),
      io(disk, 'write -P 1 0 200k', 'write -b -P 9 0 100k'),
      img('snapshot', '-c', 'with state', disk),
      // vm_state_size and vm_state_size_large of the first entry: 100 KiB.
      patchTable(disk, 64, 32, '00 01 90 00'),
      patchTable(disk, 64, 40, '00 00 00 00 00 01 90 00'),
    ],
    writes: ['write -P 2 100k 200k', 'write -b -P 8 0 200k'],
    actions: [
      { verb: 'create', name: 'first' },
      { verb: 'apply', name: 'with state' },
      { verb: 'delete', name: 'with state' },
      { verb: 'apply', name: 'first' },
    ],
  },
  {
    name: 'a backing file',
    steps: [
      raw('base.raw', 2 ** 20, [0, 2 ** 20, 9]),
      overlay(disk, 'base.raw', 'raw'),
      io(disk, 'write -P 1 0 200k', 'write -z 640k 64k'),
    ],
    writes: ['write -P 2 100k 200k', 'discard 640k 64k'],
  },
  {
    name: 'bitmaps',
    steps: [
      create(disk, '1M'),
      img('bitmap', '--add', disk, 'one'),
      io(disk, ...kinds),
      img('bitmap', '--add', '--disable', '-g', '64k', disk, 'two'),
    ],
    writes,
    otherHeader: 'qemu-img writes the bitmaps anew, in other places, whenever it opens an image for writing',
    notApplied: 'QEMU refuses it while there are bitmaps',
  },
  {
    name: 'snapshots of qemu-img with writes between, and the disk of other sizes',
    steps: [
      create(disk, '1M', 'cluster_size=4k'),
      io(disk, 'write -P 1 0 200k', 'write -c -P 2 512k 4k'),
      img('snapshot', '-c', 'small', disk),
      img('resize', '-q', disk, '9M'),
      io(disk, 'write -P 3 100k 200k', 'write -P 4 8M 64k'),
      img('snapshot', '-c', 'large', disk),
      img('resize', '-q', '--shrink', disk, '3M'),
      io(disk, 'write -P 5 2M 64k'),
    ],
    writes: ['write -P 6 150k 100k', 'write -z 512k 4k'],
    actions: [
      { verb: 'apply', name: 'large' },
      { verb: 'create', name: 'first' },
      { verb: 'apply', name: 'small' },
      { verb: 'delete', name: 'large' },
      { verb: 'apply', name: 'first' },
      { verb: 'delete', name: 'small' },
    ],
  },
];

/** Every verb, with two snapshots at a time. */
const actions: readonly SnapshotAction[] = [
  { verb: 'create', name: 'first' },
  { verb: 'create', name: 'second one' },
  { verb: 'apply', name: 'first' },
  { verb: 'delete', name: 'first' },
  { verb: 'delete', name: 'second one' },
];

/** The first cluster without the places of the L1 table, the refcount table and the snapshot table. */
function headerOf(path: string): Buffer {
  const header = readFileSync(path).subarray(0, 512);
  return Buffer.from(header).fill(0, 40, 56).fill(0, 64, 72);
}

describe('snapshots come out as qemu-img makes them', function () {
  this.timeout(300_000);
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-snapshots-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const recipe of sampled(recipes, 3)) {
    it(recipe.name, async () => {
      await follow(recipe, folder);
      const [start, ours, theirs] = [disk, 'ours.qcow2', 'theirs.qcow2'].map((name) => join(folder, name));
      assert.ok(start && ours && theirs);
      const done = (recipe.actions ?? actions).filter(
        ({ verb }) => verb !== 'apply' || recipe.notApplied === undefined,
      );
      for (const [index, action] of done.entries()) {
        const what = `${action.verb} ${action.name}`;
        copyFileSync(start, ours);
        copyFileSync(start, theirs);
        await doneByUs(ours, action);
        await doneByQemu(theirs, action);
        await requireClean(ours, what);
        assert.deepEqual(await toldByQemu(ours), await toldByQemu(theirs), what);
        if (recipe.otherHeader === undefined) {
          assert.deepEqual(headerOf(ours), headerOf(theirs), `${what}: the header`);
        }
        assert.deepEqual(await judged(ours), await judged(theirs), `${what}: the guest's bytes`);
        if (action.verb === 'apply' || index === 1) {
          assert.deepEqual(await guestOf(ours), await guestOf(theirs), `${what}: the guest's bytes as QEMU reads them`);
        }
        // Both kinds of tables are gone on with: ours, and those of qemu-img.
        copyFileSync(index === 2 ? theirs : ours, start);
        const write = recipe.writes[index % Math.max(1, recipe.writes.length)];
        if (write !== undefined && index < done.length - 1) {
          await written(start, [write]);
        }
      }
    });
  }
});
