import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { planSnapshotApply } from '../../../src/engine/operations/snapshotApply.ts';
import { planSnapshotCreate } from '../../../src/engine/operations/snapshotCreate.ts';
import { planSnapshotDelete } from '../../../src/engine/operations/snapshotDelete.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { applied, type Plan } from '../../crash/crashCase.ts';
import { judge } from '../../crash/judge.ts';
import { copied, type HeaderValues, ImageBuilder } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

/** Bytes of a cluster of these images. */
export const cluster = 65536;

/** Takes a snapshot. */
export function takenAs(name: string): Plan {
  const options = { name: Buffer.from(name), date: { seconds: 1, nanoseconds: 2 } };
  return (image, storage, from) => planSnapshotCreate(image, storage, from, options, noProgress);
}

/** Takes a snapshot called `one`. */
export const taken: Plan = takenAs('one');

/** Applies the snapshot of an index. */
export function appliedAt(index: number): Plan {
  return (image, storage, from) => planSnapshotApply(image, storage, from, { index }, noProgress);
}

/** Deletes the snapshot of an index. */
export function deletedAt(index: number): Plan {
  return (image, storage, from) => planSnapshotDelete(image, storage, from, { index }, noProgress);
}

/** A disk of 1 MiB with an L2 table in cluster 4, and data in clusters 5 (at 0) and 6 (at 128 KiB). */
export function small(values: Partial<HeaderValues> = {}): ImageBuilder {
  const image = new ImageBuilder(values);
  image.l1(0, copied | image.at(4));
  image.entry(4, 0, copied | image.at(5)).put(image.at(5), new Uint8Array(cluster).fill(1));
  image.entry(4, 2, copied | image.at(6)).put(image.at(6), new Uint8Array(cluster).fill(2));
  return image.refcount(4, 1).refcount(5, 1).refcount(6, 1);
}

/** The image after some changes, each of which must leave it in order. */
export async function changed(before: MemoryStorage, ...plans: readonly Plan[]): Promise<MemoryStorage> {
  let now = before;
  for (const plan of plans) {
    const name = 'snapshots';
    now = (await applied({ name, before: now, plan })).after;
    assert.deepEqual((await judge(now)).errors, []);
  }
  return now;
}

/** The clusters whose refcount is not 0. */
export async function usedClusters(storage: MemoryStorage): Promise<Set<number>> {
  const used = new Set<number>();
  for (let one = 0; one * cluster < Number(storage.size); one++) {
    if ((await refcountOf(storage, one)) > 0) {
      used.add(one);
    }
  }
  return used;
}

/** In block 0, of 16 bits unless the header says otherwise. */
export async function refcountOf(storage: MemoryStorage, one: number): Promise<number> {
  const { header } = await openImage(storage);
  assert.ok(header);
  const read = (at: bigint): bigint => Buffer.from(storage.slice(at, 8)).readBigUInt64BE();
  const block = read(read(48n));
  const bits = 2 ** header.refcount_order;
  const bytes = storage.slice(block + BigInt(Math.floor((one * bits) / 8)), 2);
  return bits === 16 ? Buffer.from(bytes).readUInt16BE() : ((bytes[0] ?? 0) >>> ((one * bits) % 8)) & (2 ** bits - 1);
}
