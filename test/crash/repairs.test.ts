import assert from 'node:assert/strict';
import { check } from '../../src/engine/check/check.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { planRepair } from '../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../src/engine/ports.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { random } from '../support/random.ts';
import { sampled } from '../support/sampled.ts';
import { applied, type CrashCase, requireRollback } from './crashCase.ts';
import { crashImageNames, crashImages } from './images.ts';
import { judge } from './judge.ts';
import { crashStates } from './states.ts';

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

/** Every state of a repair that is cut off: a number of them. */
const statesEach = allStates ? Number.POSITIVE_INFINITY : 150;

describe('a repair that is cut off at any moment', function () {
  this.timeout(allStates ? 0 : 300_000);
  let images: ReadonlyMap<string, MemoryStorage>;
  before(async () => {
    images = await crashImages();
  });

  for (const { name, harm } of damages) {
    for (const [index, image] of sampled(crashImageNames, 12, allStates).entries()) {
      it(`leaves the guest's data and the way back: ${name}, ${image}`, async () => {
        const before = (images.get(image) ?? assert.fail(`There is no image ${image}`)).clone();
        if (await harm(before)) {
          await cutOff(before, seed + index);
        }
      });
    }
  }
});

async function cutOff(before: MemoryStorage, by: number): Promise<void> {
  const one: CrashCase = {
    name: 'repair',
    before,
    plan: async (image, storage, from) => {
      const { change } = await planRepair(image, storage, from, 'all', noProgress);
      return change ?? assert.fail('nothing is repaired');
    },
  };
  const { after, files, change } = await applied(one);
  const [old, now] = [await judge(before), await judge(after)];
  assert.equal(now.guest, old.guest, 'the repair itself keeps the guest’s data');
  const silent = { say: () => undefined, mismatch: () => undefined };
  const { corruptions, checkErrors } = await check(await openImage(after), silent, noProgress);
  assert.deepEqual([corruptions, checkErrors], [0, 0]);
  // A state is only there until the next one is made.
  let total = 0;
  for (const _ of crashStates(before, files.log, by)) total++;
  const { below } = random(by);
  let seen = 0;
  const [version, protection] = [(await openImage(before)).header?.version ?? 2, change.protection];
  assert.equal(protection, version >= 3 ? 'corrupt-bit' : 'journal');
  for (const state of crashStates(before, files.log, by)) {
    if (below(total) >= statesEach) continue;
    seen++;
    const opened = await openImage(state.image);
    const isMarked = ((opened.header?.incompatible_features ?? 0n) & 2n) !== 0n;
    // Until all is written QEMU opens the image read-only: then the guest finds its data.
    assert.ok(version < 3 || isMarked || isOneOf(state.image, before, after), `${state.name}: is open for writing`);
    assert.equal((await judge(state.image)).guest, old.guest, state.name);
    await requireRollback(state.name, state, before);
  }
  assert.ok(seen > 0);
}

/** Whether a file is as it was before or as it is after, but for what lies past the end of the one before. */
function isOneOf(image: MemoryStorage, ...files: readonly MemoryStorage[]): boolean {
  return files.some((file) => {
    const size = Number(image.size < file.size ? image.size : file.size);
    return Buffer.from(image.slice(0n, size)).equals(Buffer.from(file.slice(0n, size)));
  });
}
