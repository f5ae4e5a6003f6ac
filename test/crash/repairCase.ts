import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import { planRepair, type Repair } from '../../src/engine/operations/repair/repair.ts';
import type { RepairSelection } from '../../src/engine/operations/repair/selection.ts';
import { noProgress } from '../../src/engine/ports.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { random } from '../support/random.ts';
import { applied, requireRollback, requireSnapshots } from './crashCase.ts';
import { judge } from './judge.ts';
import { type CrashState, crashStates } from './states.ts';

/** What a repair came to, and the image after it. */
export interface DoneRepair {
  readonly repair: Repair;
  readonly after: MemoryStorage;
}

/**
 * Repairs an image, and cuts the repair off everywhere, or at `most` moments by the seed: the guest and each snapshot find
 * what they found before or will find afterwards, nothing is wrong that was not, or QEMU does not open the image for
 * writing, and rolling back gives the old file byte for byte.
 */
export async function cutOffRepair(
  before: MemoryStorage,
  seed: number,
  most: number,
  selection: RepairSelection = 'all',
): Promise<DoneRepair> {
  let repair: Repair | undefined;
  const { after, files, change } = await applied({
    name: 'repair',
    before,
    plan: async (image, storage, from) => {
      repair = await planRepair(image, storage, from, selection, noProgress);
      return repair.change ?? assert.fail('nothing is repaired');
    },
  });
  assert(repair);
  const [old, now, { header }] = [await judge(before), await judge(after), await openImage(before)];
  const version = header?.version ?? 2;
  assert.ok([undefined, version >= 3 ? 'corrupt-bit' : 'journal'].includes(change.protection));
  for (const state of someOf(() => crashStates(before, files.log, seed), seed, most)) {
    const verdict = await judge(state.image);
    assert.ok([old.guest, now.guest].includes(verdict.guest), `${state.name}: the guest's data is neither old nor new`);
    requireSnapshots(state.name, verdict, old, now);
    if (change.protection === undefined) {
      const fresh = verdict.errors.filter((error) => !old.errors.includes(error));
      assert.deepEqual(fresh, [], state.name);
    } else if (version >= 3 && !(await isMarked(state.image))) {
      // Until all is written QEMU opens the image read-only.
      assert.ok(isOneOf(state.image, before, after), `${state.name}: is open for writing`);
    }
    await requireRollback(state.name, state, before);
  }
  return { repair, after };
}

/** A number of the states by the seed. A state is only there until the next one is made. */
function* someOf(states: () => Generator<CrashState>, seed: number, most: number): Generator<CrashState> {
  let total = 0;
  for (const _ of states()) total++;
  const { below } = random(seed);
  let seen = 0;
  for (const state of states()) {
    if (below(total) < most) {
      seen++;
      yield state;
    }
  }
  assert.ok(seen > 0);
}

async function isMarked(image: MemoryStorage): Promise<boolean> {
  const { header } = await openImage(image);
  return ((header?.incompatible_features ?? 0n) & 2n) !== 0n;
}

/** Whether a file is as it was before or as it is after, but for what lies past the end of the one before. */
function isOneOf(image: MemoryStorage, ...files: readonly MemoryStorage[]): boolean {
  return files.some((file) => {
    const size = Number(image.size < file.size ? image.size : file.size);
    return Buffer.from(image.slice(0n, size)).equals(Buffer.from(file.slice(0n, size)));
  });
}
