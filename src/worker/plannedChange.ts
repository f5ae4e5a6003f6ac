import { type ApplyOptions, apply, requireSame } from '../engine/change/apply.ts';
import { openJournal } from '../engine/change/journal.ts';
import { type Preview, previewOf } from '../engine/change/preview.ts';
import { journalState, takeBack } from '../engine/change/recovery.ts';
import { requireFit } from '../engine/change/rollback.ts';
import { rollbackPreview } from '../engine/change/rollbackPreview.ts';
import { Qcow2Error } from '../engine/error.ts';
import { explain } from '../engine/findingTexts.ts';
import { openImage } from '../engine/image/open.ts';
import { scan } from '../engine/image/scan.ts';
import type { ImageStorage, JournalPlace, Progress } from '../engine/ports.ts';
import { type FileStorage, openFile } from '../platform/fileStorage.ts';
import type { ChangeRequest, OperationRequest } from '../protocol/changeApi.ts';
import { planOperation } from './changeOperations.ts';

/** A change that was planned, and waits to be applied. It holds its image open for reading, and no lock. */
export interface PlannedChange {
  readonly preview: Preview;
  readonly rollsBack: boolean;
  /** Throws `changed-since` where the file is not the one that it was planned for. */
  apply(file: ImageStorage, options: ApplyOptions): Promise<void>;
  close(): Promise<void>;
}

/** Plans what is requested for the image at `path`. Throws `Qcow2Error` with all that is in the way. */
export async function planChange(
  path: string,
  request: ChangeRequest,
  place: JournalPlace,
  progress: Progress,
): Promise<PlannedChange> {
  const storage = await openFile(path);
  try {
    return request.verb === 'roll-back'
      ? await planRollBack(storage, place, progress)
      : await planForward(storage, request, place, progress);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function planForward(
  storage: FileStorage,
  request: OperationRequest,
  place: JournalPlace,
  progress: Progress,
): Promise<PlannedChange> {
  await requireNoneInterrupted(place);
  const from = await storage.state();
  const change = await planOperation({ image: await openImage(storage), storage, from, progress }, request);
  if (change === undefined) {
    throw new Qcow2Error('refused', 'There is nothing to change: the image is as it is wanted already.');
  }
  return {
    preview: await previewOf(change, storage, progress),
    rollsBack: false,
    apply: (file, options) => apply(change, file, place, options),
    close: () => storage.close(),
  };
}

/** An image of which a change was interrupted is neither what it was nor what it was to be. */
async function requireNoneInterrupted(place: JournalPlace): Promise<void> {
  const found = await journalState(place);
  if (found.state === 'interrupted') {
    throw new Qcow2Error(
      'journal-exists',
      `A change of the image was interrupted (“${found.title}”): its journal is ${place.path}. Roll it back first.`,
    );
  }
}

async function planRollBack(storage: FileStorage, place: JournalPlace, progress: Progress): Promise<PlannedChange> {
  const journal = await openJournal(place);
  if (journal === 'none' || journal === 'void') {
    throw new Qcow2Error(
      'not-found',
      `There is no change to undo: the image has no rollback journal at ${place.path}.`,
    );
  }
  try {
    const from = await storage.state();
    const differs = await requireFit(journal, storage);
    const cautions = differs.length === 0 ? differs : [...differs, await healthWords(storage, progress)];
    return {
      preview: await rollbackPreview(journal, storage, from.size, cautions, progress),
      rollsBack: true,
      apply: async (file, options) => {
        requireSame(from, await file.state());
        // What was touched since is in the preview that the user has confirmed.
        const wanted = journal.completion === undefined ? 'interrupted' : 'finished';
        await takeBack(file, place, wanted, true, options.progress);
      },
      close: () => storage.close(),
    };
  } finally {
    await journal.file.close();
  }
}

/** How the image is now, for who decides whether an older state is better. */
async function healthWords(storage: FileStorage, progress: Progress): Promise<string> {
  const image = await openImage(storage);
  const found = image.layer ? (await scan(image, progress)).findings : [];
  const titles = [...image.findings, ...found]
    .map(explain)
    .filter(({ severity }) => severity === 'corruption')
    .map(({ title }) => title);
  return titles.length === 0
    ? 'As it is now, the image has no corruption.'
    : `As it is now, the image is damaged: ${titles.slice(0, 3).join(' ')}${titles.length > 3 ? ' …' : ''}`;
}
