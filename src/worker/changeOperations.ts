import type { ChangeSet } from '../engine/change/changeSet.ts';
import { Qcow2Error } from '../engine/error.ts';
import { encodeText } from '../engine/format/text.ts';
import type { ByteSource } from '../engine/image/byteRuns.ts';
import type { Image } from '../engine/image/image.ts';
import { planAmend } from '../engine/operations/amend.ts';
import type { BitmapAction } from '../engine/operations/bitmap.ts';
import { planRebase } from '../engine/operations/rebase.ts';
import { planResize } from '../engine/operations/resize.ts';
import { planSnapshotApply } from '../engine/operations/snapshotApply.ts';
import { planSnapshotCreate } from '../engine/operations/snapshotCreate.ts';
import { planSnapshotDelete } from '../engine/operations/snapshotDelete.ts';
import type { FileState, Progress, Storage } from '../engine/ports.ts';
import { codecs } from '../platform/codecs.ts';
import type { OperationRequest, RepairSelection, SnapshotPlace } from '../protocol/changeApi.ts';
import { requireSnapshot } from './snapshotPlace.ts';

/** An image of which a change is planned. */
export interface Target {
  readonly image: Image;
  readonly storage: Storage;
  /** The file that it is planned for. */
  readonly from: FileState;
  readonly progress: Progress;
  /** Opens what the image is based on, for as long as the plan is there: by the user's word only. */
  readonly backing: () => Promise<ByteSource | undefined>;
}

/** Plans an operation. Undefined where there is nothing to change. Throws `Qcow2Error` with all that is in the way. */
export function planOperation(target: Target, request: OperationRequest): Promise<ChangeSet | undefined> {
  const { image, storage, from, progress } = target;
  switch (request.verb) {
    case 'rebase':
      return planRebase(image, storage, from, request.backing && namesOf(request.backing));
    case 'amend':
      return planAmend(image, storage, from, { compat: request.compat }, progress);
    case 'resize':
      return resize(target, request);
    case 'create-snapshot':
      return planSnapshotCreate(image, storage, from, { name: encodeText(request.name), date: now() }, progress);
    case 'apply-snapshot':
      return atSnapshot(target, request.snapshot, planSnapshotApply);
    case 'delete-snapshot':
      return atSnapshot(target, request.snapshot, planSnapshotDelete);
    case 'add-bitmap':
      return onBitmap(target, request.name, {
        verb: 'add',
        ...(request.granularity === undefined ? {} : { granularity: request.granularity }),
      });
    case 'remove-bitmap':
      return onBitmap(target, request.name, { verb: 'remove' });
    case 'clear-bitmap':
      return onBitmap(target, request.name, { verb: 'clear' });
    case 'enable-bitmap':
      return onBitmap(target, request.name, { verb: 'enable' });
    case 'disable-bitmap':
      return onBitmap(target, request.name, { verb: 'disable' });
    case 'merge-bitmap':
      return onBitmap(target, request.name, { verb: 'merge', name: encodeText(request.source) });
    case 'repair':
      return repair(target, request.select);
  }
}

function namesOf({ name, format }: { readonly name: string; readonly format?: string }) {
  return { name: encodeText(name), ...(format === undefined ? {} : { format: encodeText(format) }) };
}

/** The preview says what is given up: Apply is the user's word for it. */
async function resize(
  { image, storage, from, progress, backing: openBacking }: Target,
  { size, preallocation, chain }: Extract<OperationRequest, { verb: 'resize' }>,
): Promise<ChangeSet> {
  const backing = chain ? await openBacking() : undefined;
  const ports = { codecs, ...(backing && { backing }) };
  return planResize(image, storage, from, { size, shrink: true, preallocation, ports }, progress);
}

function now(): { seconds: number; nanoseconds: number } {
  const milliseconds = Date.now();
  return { seconds: Math.floor(milliseconds / 1000), nanoseconds: (milliseconds % 1000) * 1_000_000 };
}

async function atSnapshot(
  { image, storage, from, progress }: Target,
  place: SnapshotPlace,
  plan: typeof planSnapshotApply,
): Promise<ChangeSet> {
  await requireSnapshot(image, place);
  return plan(image, storage, from, { index: place.index }, progress);
}

/** What few images have is loaded when it is asked for. */
async function onBitmap(
  { image, storage, from, progress }: Target,
  name: string,
  action: BitmapAction,
): Promise<ChangeSet> {
  const { planBitmap } = await import('../engine/operations/bitmap.ts');
  return planBitmap(image, storage, from, { name: encodeText(name), actions: [action] }, progress);
}

async function repair({ image, storage, from, progress }: Target, select: RepairSelection): Promise<ChangeSet> {
  const { planRepair } = await import('../engine/operations/repair/repair.ts');
  const { change, keptLeaks } = await planRepair(image, storage, from, select, progress);
  if (change === undefined) {
    const why =
      keptLeaks === undefined
        ? 'Of what was chosen, nothing was found that can be put right without losing data.'
        : `Leaked clusters are not freed: ${keptLeaks}`;
    throw new Qcow2Error('refused', `Nothing is repaired. ${why}`);
  }
  return change;
}
