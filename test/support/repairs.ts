import assert from 'node:assert/strict';
import { type CheckResult, check } from '../../src/engine/check/check.ts';
import { GuestData } from '../../src/engine/image/guestData.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { planRepair, type Repair } from '../../src/engine/operations/repair/repair.ts';
import type { RepairSelection } from '../../src/engine/operations/repair/selection.ts';
import { type FileState, noProgress, type Storage } from '../../src/engine/ports.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { applied } from '../crash/crashCase.ts';
import { copied, type HeaderValues, ImageBuilder } from './builder.ts';
import type { MemoryStorage } from './memoryStorage.ts';

/** Bytes of a cluster of `image`. */
export const cluster = 65536n;

/** An image of 1 MiB: L2 table in cluster 4, data in clusters 5 and 6 for the first two guest clusters. */
export function image(values: Partial<HeaderValues> = {}): ImageBuilder {
  const built = new ImageBuilder(values);
  built.l1(0, copied | built.at(4));
  for (const number of [4, 5, 6]) {
    built.refcount(number, 1);
  }
  return built
    .entry(4, 0, copied | built.at(5))
    .entry(4, 1, copied | built.at(6))
    .put(built.at(5), 'first')
    .put(built.at(6), 'second')
    .truncate(built.at(7));
}

/** A repair, and the image after it. */
export interface Repaired extends Repair {
  readonly storage: MemoryStorage;
  readonly result: CheckResult;
}

/** Plans a repair, applies it, and checks what it has made. */
export async function repaired(built: ImageBuilder, selection: RepairSelection = 'all'): Promise<Repaired> {
  let repair: Repair | undefined;
  const { after } = await applied({
    name: 'repair',
    before: built.toStorage(),
    plan: async (opened, storage, from) => {
      repair = await planRepair(opened, storage, from, selection, noProgress);
      return repair.change ?? assert.fail('nothing is repaired');
    },
  });
  assert(repair);
  return { ...repair, storage: after, result: await checked(after) };
}

/** What a check says of an image. */
export async function checked(storage: Storage): Promise<CheckResult> {
  return check(await openImage(storage), { say: () => undefined, mismatch: () => undefined }, noProgress);
}

/** The first bytes of a guest cluster as text. */
export async function guest(storage: Storage, index: number, length = 6): Promise<string> {
  const opened = await openImage(storage);
  assert(opened.layer);
  const bytes = new Uint8Array(length);
  await new GuestData(opened, opened.layer, { codecs }).read(BigInt(index) * cluster, bytes);
  return new TextDecoder().decode(bytes).replaceAll('\0', '');
}

/** Asserts that a check has found nothing. */
export function assertClean({ corruptions, leaks, checkErrors }: CheckResult): void {
  assert.deepEqual([corruptions, leaks, checkErrors], [0, 0, 0]);
}

/** The state of an image in memory, of which a plan is made. */
export function stateOf({ size }: MemoryStorage): FileState {
  return { identity: '', size, modified: 0n, changed: 0n };
}
