import assert from 'node:assert/strict';
import { apply } from '../../src/engine/change/apply.ts';
import type { ChangeSet } from '../../src/engine/change/changeSet.ts';
import { openJournal } from '../../src/engine/change/journal.ts';
import { requireFit, rollBack } from '../../src/engine/change/rollback.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { type FileState, noProgress, type Storage } from '../../src/engine/ports.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { judge, type Verdict } from './judge.ts';
import { LoggedFiles } from './loggedFiles.ts';
import { type CrashState, crashStates } from './states.ts';

/** Plans a change, as the functions of `engine/operations` do. */
export type Plan = (image: Image, storage: Storage, from: FileState) => Promise<ChangeSet>;

/** A change of one image that is cut off everywhere. */
export interface CrashCase {
  readonly name: string;
  readonly before: MemoryStorage;
  readonly plan: Plan;
}

/** A state without its journal, which must be good by itself; for a second opinion. */
export interface BareState {
  readonly name: string;
  readonly image: MemoryStorage;
  readonly verdict: Verdict;
  /** Which image it has the guest's data of: that before the change, or after. */
  readonly end: 'before' | 'after';
}

/** Applies a change in memory, and returns the image after it with all that was done. */
export async function applied({
  before,
  plan,
}: CrashCase): Promise<{ after: MemoryStorage; files: LoggedFiles; change: ChangeSet }> {
  const after = before.clone();
  const files = new LoggedFiles(after);
  const change = await plan(await openImage(files.image), files.image, await files.image.state());
  await apply(change, files.image, files.place, { keepUndo: false, progress: noProgress });
  return { after, files, change };
}

/**
 * Cuts a change off everywhere: each state opens without the journal and has no errors beyond leaks, and the guest's
 * data, the snapshots and the backing file's name are those before or after; with the journal, rolling back gives the
 * old file byte for byte. Yields the states for a second opinion. Bytes that were judged once are not judged again: the same
 * image comes with several journals.
 */
export async function* cutOff(one: CrashCase, seed: number): AsyncGenerator<BareState> {
  const { after, files, change } = await applied(one);
  const old = await judge(one.before);
  const now = await judge(after);
  assert.deepEqual(old.errors, [], `${one.name}: the image is good before`);
  assert.deepEqual(now.errors, [], `${one.name}: the image is good after`);
  const judged = new Set<string>();
  for (const state of crashStates(one.before, files.log, seed)) {
    const name = `${one.name}: ${state.name}`;
    const digest = state.image.digest();
    if (change.protection === undefined && !judged.has(digest)) {
      judged.add(digest);
      const verdict = await judge(state.image);
      assert.deepEqual(verdict.errors, [], name);
      assert.ok([old.guest, now.guest].includes(verdict.guest), `${name}: the guest's data is neither old nor new`);
      requireSnapshots(name, verdict, old, now);
      yield { name, image: state.image, verdict, end: verdict.guest === old.guest ? 'before' : 'after' };
    }
    await requireRollback(name, state, one.before);
  }
}

/** Each snapshot is as it was or as it will be, and none is missing that is in both. */
export function requireSnapshots(name: string, verdict: Verdict, old: Verdict, now: Verdict): void {
  for (const [snapshot, digest] of verdict.snapshots) {
    assert.ok(
      [old, now].some(({ snapshots }) => snapshots.get(snapshot) === digest),
      `${name}: snapshot ${snapshot}`,
    );
  }
  for (const snapshot of old.snapshots.keys()) {
    assert.ok(verdict.snapshots.has(snapshot) || !now.snapshots.has(snapshot), `${name}: snapshot ${snapshot} is gone`);
  }
}

/** With the journal the old image comes back, byte for byte. */
export async function requireRollback(name: string, state: CrashState, before: MemoryStorage): Promise<void> {
  const image = state.image.clone();
  const files = new LoggedFiles(image, state.journal);
  const journal = await openJournal(files.place);
  if (journal === 'none') {
    return;
  }
  assert.ok(journal !== 'void', `${name}: the journal is published before it is whole`);
  await requireFit(journal, files.image);
  await rollBack(journal, files.image);
  requireSame(name, image, before);
}

/** Asserts that two files are the same, byte for byte. */
export function requireSame(name: string, image: MemoryStorage, wanted: MemoryStorage): void {
  assert.equal(image.size, wanted.size, `${name}: the file's length`);
  if (image.equals(wanted)) {
    return;
  }
  const size = Number(wanted.size);
  for (let at = 0; at < size; at += 65536) {
    const [one, other] = [image, wanted].map((file) => Buffer.from(file.slice(BigInt(at), Math.min(65536, size - at))));
    assert.ok(one && other && one.equals(other), `${name}: bytes from ${at} on`);
  }
}
