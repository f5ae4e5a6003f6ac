import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { random } from '../support/random.ts';
import { sampled } from '../support/sampled.ts';
import { backingBytes, backingNames } from './backing.ts';
import { type CrashChange, crashChanges } from './changes.ts';
import { applied, type BareState, type CrashCase, cutOff } from './crashCase.ts';
import { crashImageNames, crashImages } from './images.ts';
import { protectedChanges } from './protected.ts';
import { judgeByQemu } from './qemuJudge.ts';

/** States that qemu-img judges too; `all` by `npm run crash`, which takes hours. */
const allStates = process.env.QCOW2_CRASH === 'all';
const secondOpinions = allStates ? Number.POSITIVE_INFINITY : 200;
/** Images that `npm test` tries each change on. */
const imagesEach = 10;
const seed = Number(process.env.QCOW2_CRASH_SEED ?? 1);

describe('a change that is cut off at any moment', function () {
  this.timeout(allStates ? 0 : 300_000);
  let images: ReadonlyMap<string, MemoryStorage>;
  let folder: string;

  before(async () => {
    images = await crashImages();
    folder = mkdtempSync(join(tmpdir(), 'qcow2-crash-'));
    for (const name of backingNames) {
      writeFileSync(join(folder, name), backingBytes);
    }
  });

  after(() => rmSync(folder, { recursive: true }));

  for (const [number, change] of crashChanges.entries()) {
    describe(change.name, () => {
      const all = crashImageNames.filter((image) => change.not?.includes(image) !== true);
      const chosen = sampled(all, imagesEach, allStates, number);

      it('is tried on at least ten images', () => assert.ok(chosen.length >= 10, `${chosen.length} images`));

      for (const [index, image] of chosen.entries()) {
        it(`leaves a good image, and its journal gives the old one back: ${image}`, async () => {
          const one = await caseOf(change, image, images);
          const { change: done, after } = await applied(one);
          assert.equal(done.protection !== undefined, protectedChanges.includes(one.name), one.name);
          const states: BareState[] = [];
          for await (const state of cutOff(one, seed + index)) {
            states.push(state);
          }
          const share = secondOpinions / (crashChanges.length * imagesEach);
          const asked = sample(states, Math.ceil(share), seed);
          await judgeByQemu(asked, { before: one.before, after }, folder, allStates ? availableParallelism() : 1);
        });
      }
    });
  }
});

async function caseOf(
  { name, plan, prepare }: CrashChange,
  image: string,
  images: ReadonlyMap<string, MemoryStorage>,
): Promise<CrashCase> {
  const start = images.get(image) ?? assert.fail(`There is no image ${image}`);
  const before = prepare ? (await applied({ name: image, before: start, plan: prepare })).after : start;
  return { name: `${name}: ${image}`, before, plan };
}

/** So many of the states, by the seed; the last one, in which the change is complete, is always among them. */
function sample(states: readonly BareState[], count: number, by: number): readonly BareState[] {
  if (states.length <= count) {
    return states;
  }
  const { below } = random(by);
  const chosen = new Set([states.length - 1]);
  while (chosen.size < count) {
    chosen.add(below(states.length));
  }
  return [...chosen].flatMap((index) => states[index] ?? []);
}
