import { Qcow2Error } from '../engine/error.ts';
import { bitmapName } from '../engine/format/bitmaps.ts';
import { snapshotId, snapshotName } from '../engine/format/snapshots.ts';
import { walkBitmapDirectory } from '../engine/image/bitmapDirectory.ts';
import type { Image } from '../engine/image/image.ts';
import { walkSnapshotTable } from '../engine/image/snapshotTable.ts';
import type { Progress } from '../engine/ports.ts';
import { nameRank, noRank } from '../protocol/nameRank.ts';
import type { FoundNames, NameRequest } from '../protocol/placeApi.ts';

/** Most names of one answer, of each kind. */
const mostNames = 100;

/** Snapshots and bitmaps whose name (or id) is the text, starts with it, or has it in it; in this order. */
export async function foundNames(image: Image, { text, count }: NameRequest, progress: Progress): Promise<FoundNames> {
  if (!Number.isInteger(count) || count < 1 || count > mostNames) {
    throw new Qcow2Error('bad-argument', `An answer has 1 to ${mostNames} names, not ${count}.`);
  }
  const snapshots = new Best<FoundNames['snapshots'][number]>(text, count);
  const bitmaps = new Best<FoundNames['bitmaps'][number]>(text, count);
  if (image.header && image.geometry) {
    await walkSnapshotTable(image.storage, image.header, ({ entries }) => {
      for (const entry of entries) {
        const [name, id] = [snapshotName(entry), snapshotId(entry)];
        snapshots.add([name, id], () => ({ index: entry.index, id, name }));
      }
    });
  }
  await progress.step(1, 2);
  if (image.bitmapDirectory) {
    await walkBitmapDirectory(image.storage, image.bitmapDirectory, ({ entries }) => {
      for (const entry of entries) {
        const name = bitmapName(entry);
        bitmaps.add([name], () => ({ index: entry.index, name }));
      }
    });
  }
  return { snapshots: snapshots.list(), bitmaps: bitmaps.list() };
}

/** The first ones of each rank. */
class Best<T> {
  readonly #text: string;
  readonly #count: number;
  readonly #byRank: T[][] = Array.from({ length: noRank }, () => []);

  constructor(text: string, count: number) {
    this.#text = text;
    this.#count = count;
  }

  add(names: readonly string[], make: () => T): void {
    const list = this.#byRank[nameRank(names, this.#text)];
    if (list && list.length < this.#count) {
      list.push(make());
    }
  }

  list(): T[] {
    return this.#byRank.flat().slice(0, this.#count);
  }
}
