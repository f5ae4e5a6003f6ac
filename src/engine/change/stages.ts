import { Qcow2Error } from '../error.ts';
import type { Image } from '../image/image.ts';
import { openImage } from '../image/open.ts';
import type { FileState, Storage } from '../ports.ts';
import type { ChangeSet, Step } from './changeSet.ts';
import { Draft } from './draft.ts';

/** Plans one part of a change, on the image as the parts before it leave it. */
export type Stage = (image: Image, storage: Storage, from: FileState) => Promise<ChangeSet>;

/** Bytes that the streams of a stage write at most where another stage comes after it. */
const mostKept = 2 ** 26;

/**
 * Plans stages one after the other as one change. What a stream writes can't be read before it is applied: the writes of
 * all stages but the last one are held in memory. Throws `not-supported` where they are more than 64 MiB of one stage.
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
      const kept = await withoutStreams(former);
      changes[changes.length - 1] = kept;
      view = await afterwards(view, kept);
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

/** A change with what its streams write held in memory. */
async function withoutStreams(change: ChangeSet): Promise<ChangeSet> {
  let left = mostKept;
  const steps: Step[] = [];
  for (const { stream, ...step } of change.steps) {
    const edits = [...step.edits];
    for await (const { structure, at, bytes } of stream?.() ?? []) {
      left -= bytes.length;
      if (left < 0) {
        throw new Qcow2Error(
          'not-supported',
          `“${change.title}” writes so much here that it must be a change of its own. Make it first, then the others.`,
        );
      }
      // A stream may use its bytes again.
      edits.push({ structure, at, bytes: bytes.slice() });
    }
    steps.push({ ...step, edits });
  }
  return { ...change, steps };
}

/** The file as a change without streams leaves it. */
async function afterwards(storage: Storage, { steps }: ChangeSet): Promise<Storage> {
  const view = new Draft(storage);
  for (const { edits, allocation, fileSize } of steps) {
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
