import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import { planRepair } from '../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../src/engine/ports.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { sampled } from '../support/sampled.ts';
import { crashImageNames, crashImages } from './images.ts';
import { judge } from './judge.ts';
import { cutOffRepair } from './repairCase.ts';
import { brokenCases, holeCases, unsureCases } from './repairDamages.ts';

const allStates = process.env.QCOW2_CRASH === 'all';
const seed = Number(process.env.QCOW2_CRASH_SEED ?? 1);

/** Something that is broken in an image; false where the image has nothing of the kind. */
interface Damage {
  readonly name: string;
  readonly harm: (image: MemoryStorage) => Promise<boolean>;
}

const damages: readonly Damage[] = [
  {
    name: 'all refcounts are zero',
    harm: async (image) => {
      const { header, geometry } = await openImage(image);
      assert(header && geometry);
      const block = new DataView(image.slice(header.refcount_table_offset, 8).buffer).getBigUint64(0);
      image.write(block, new Uint8Array(geometry.clusterSize));
      return true;
    },
  },
  {
    name: 'the refcount table leads nowhere',
    harm: async (image) => {
      const { header } = await openImage(image);
      image.write(header?.refcount_table_offset ?? 0n, Uint8Array.of(0, 0x40));
      return true;
    },
  },
  {
    name: 'two guest clusters share a cluster',
    harm: async (image) => {
      const { l1, geometry } = await openImage(image);
      assert(geometry);
      const table = l1.view.byteLength > 0 ? l1.view.getBigUint64(0) & 0x00ff_ffff_ffff_fe00n : 0n;
      const entry = table === 0n ? new Uint8Array(8) : image.slice(table, geometry.l2EntryBytes);
      if (entry.every((byte) => byte === 0) || geometry.dataFile) {
        return false;
      }
      // The last entry that the disk has in the table.
      const last = Math.min(geometry.l2Entries, Math.floor(Number(geometry.guestSize) / geometry.clusterSize)) - 1;
      image.write(table + BigInt(last * geometry.l2EntryBytes), entry);
      return last > 0;
    },
  },
];

/** Moments at which a repair is cut off, by the seed. */
const statesEach = allStates ? Number.POSITIVE_INFINITY : 150;
const fewStates = allStates ? Number.POSITIVE_INFINITY : 25;

describe('a repair that is cut off at any moment', function () {
  this.timeout(allStates ? 0 : 300_000);
  let images: ReadonlyMap<string, MemoryStorage>;
  before(async () => {
    images = await crashImages();
  });

  for (const { name, harm } of damages) {
    for (const [index, image] of sampled(crashImageNames, 8, allStates).entries()) {
      it(`leaves the guest's data and the way back: ${name}, ${image}`, async () => {
        const before = (images.get(image) ?? assert.fail(`There is no image ${image}`)).clone();
        if (await harm(before)) {
          const { repair, after } = await cutOffRepair(before, seed + index, statesEach);
          assert.notEqual(repair.change?.protection, undefined);
          assert.equal(
            (await judge(after)).guest,
            (await judge(before)).guest,
            'the repair itself keeps the guest’s data',
          );
          const { corruptions, checkErrors } = repair.after;
          assert.deepEqual([corruptions, checkErrors], [0, 0]);
        }
      });
    }
  }
});

describe('a repair that builds the refcounts anew, cut off at any moment', () => {
  for (const [index, { name, build }] of holeCases().entries()) {
    it(`has them in free clusters: ${name}`, async () => {
      const before = build();
      const { repair, after } = await cutOffRepair(before, seed + index, statesEach);
      const old = await refcountPlaces(before);
      const places = await refcountPlaces(after);
      assert.deepEqual([after.size, repair.isWhole], [before.size, true]);
      assert.ok(
        places.every((place) => place < before.size && !old.includes(place)),
        places.join(),
      );
    });
  }

  for (const [index, { name, build }] of unsureCases().entries()) {
    it(`has them behind the file where something unknown may own clusters: ${name}`, async () => {
      const before = build();
      const { repair, after } = await cutOffRepair(before, seed + index, fewStates);
      const [, block = 0n] = await refcountPlaces(after);
      assert.ok(block >= before.size || (await refcountPlaces(before)).includes(block));
      assert.deepEqual([repair.after.corruptions, repair.after.checkErrors], [0, 0]);
    });
  }
});

describe('a repair of each kind, cut off at any moment', () => {
  for (const [index, { name, build, selection }] of brokenCases().entries()) {
    it(`leaves what was there or what will be: ${name}`, async () => {
      await cutOffRepair(build(), seed + index, fewStates, selection);
    });
  }

  it('is there for all that a repair puts right', async () => {
    const kinds = new Set<string>();
    for (const { build, selection = 'all' } of brokenCases()) {
      const storage = build();
      const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
      const { mended, raised, lowered } = await planRepair(
        await openImage(storage),
        storage,
        from,
        selection,
        noProgress,
      );
      const refcounts = [...(raised > 0 ? ['refcount-too-low'] : []), ...(lowered > 0 ? ['cluster-leaked'] : [])];
      for (const code of [...mended.keys(), ...refcounts]) {
        kinds.add(code);
      }
    }
    assert.deepEqual([...kinds].sort(), kindsOfRepairs);
  });
});

/**
 * Codes of what a repair writes in its own way. Of the findings of a bitmap directory there is one for each: all of them
 * are mended by a new one. A refcount block that can't be read is mended as one that leads nowhere.
 */
const kindsOfRepairs = [
  'bitmap-constraints',
  'bitmap-data-past-end',
  'bitmap-directory-broken',
  'bitmap-table-entry-reserved',
  'bitmap-table-entry-unaligned',
  'cluster-leaked',
  'cluster-shared',
  'clusters-overlap',
  'compressed-past-end',
  'copied-wrong',
  'data-past-end',
  'l1-entry-reserved',
  'l1-entry-unaligned',
  'l1-entry-without-table',
  'l1-table-offset-invalid',
  'l1-table-past-end',
  'l2-compressed-copied',
  'l2-compressed-offset',
  'l2-compressed-subclusters',
  'l2-copied-alone',
  'l2-data-file-offset',
  'l2-entry-reserved',
  'l2-entry-unaligned',
  'l2-extended-zero-bit',
  'l2-subclusters-invalid',
  'l2-table-past-end',
  'l2-table-shared',
  'l2-zero-in-version-2',
  'refcount-block-past-end',
  'refcount-table-entry-reserved',
  'refcount-table-entry-unaligned',
  'refcount-table-past-end',
  'refcount-too-low',
  'snapshot-entry-incomplete',
  'snapshot-extra-too-large',
  'snapshot-l1-offset-invalid',
  'snapshot-l1-too-large',
  'snapshot-table-offset-invalid',
  'snapshot-table-past-end',
  'snapshot-table-too-large',
];

/** Host offsets of the refcount table and of the first refcount block, in bytes. */
async function refcountPlaces(storage: MemoryStorage): Promise<bigint[]> {
  const { header } = await openImage(storage);
  const table = header?.refcount_table_offset ?? 0n;
  return [table, new DataView(storage.slice(table, 8).buffer).getBigUint64(0)];
}
