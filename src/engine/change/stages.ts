import { Qcow2Error } from '../error.ts';
import type { Image } from '../image/image.ts';
import { openImage } from '../image/open.ts';
import type { FileState, Storage } from '../ports.ts';
import type { ChangeSet } from './changeSet.ts';
import { Draft } from './draft.ts';

/** Plans one part of a change, on the image as the parts before it leave it. */
export type Stage = (image: Image, storage: Storage, from: FileState) => Promise<ChangeSet>;

/**
 * Plans stages one after the other as one change. Only the last one may stream its writes: what a stream writes can't be
 * read before it is applied. Throws `not-supported` where another one does.
 */
export async function planStages(
  title: string,
  image: Image,
  storage: Storage,
  from: FileState,
  stages: readonly Stage[],
): Promise<ChangeSet> {
  const changes: ChangeSet[] = [];
  let view = storage;
  let now = image;
  for (const stage of stages) {
    const former = changes.at(-1);
    if (former) {
      view = await afterwards(view, former);
      now = await openImage(view);
    }
    changes.push(await stage(now, view, from));
  }
  const protection = changes.find((change) => change.protection !== undefined)?.protection;
  const dataFile = changes.find((change) => change.dataFile !== undefined)?.dataFile;
  // What an earlier stage frees, a later one may have taken.
  const freed = changes.at(-1)?.freed;
  return {
    title,
    from,
    steps: changes.flatMap(({ steps }) => steps),
    cautions: changes.flatMap(({ cautions }) => cautions),
    ...(protection && { protection }),
    ...(dataFile && { dataFile }),
    ...(freed && { freed }),
  };
}

/** The file as a change leaves it. */
async function afterwards(storage: Storage, { title, steps }: ChangeSet): Promise<Storage> {
  const view = new Draft(storage);
  for (const { edits, stream, allocation, fileSize } of steps) {
    if (stream) {
      throw new Qcow2Error(
        'not-supported',
        `“${title}” writes so much here that it must be a change of its own. Make it first, then the others.`,
      );
    }
    for (const { structure, at, bytes } of edits) {
      await view.write(structure, at, bytes);
    }
    if (allocation && allocation.at + allocation.length > view.size) {
      view.resize(allocation.at + allocation.length);
    }
    if (fileSize !== undefined) {
      view.resize(fileSize);
    }
  }
  return view;
}
