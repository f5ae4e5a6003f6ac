import { apply, requireSame } from '../engine/change/apply.ts';
import { isEmpty } from '../engine/change/changeSet.ts';
import { type Journal, openJournal } from '../engine/change/journal.ts';
import { type Preview, previewOf } from '../engine/change/preview.ts';
import { journalState, takeBack } from '../engine/change/recovery.ts';
import { requireFit } from '../engine/change/rollback.ts';
import { rollbackPreview } from '../engine/change/rollbackPreview.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { ByteSource } from '../engine/image/byteRuns.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { scan } from '../engine/image/scan.ts';
import type { JournalPlace, Progress } from '../engine/ports.ts';
import { type ChangeFile, openToChange } from '../platform/changeFile.ts';
import { type FileStorage, openFile } from '../platform/fileStorage.ts';
import { namedPath } from '../platform/gate.ts';
import type { ChangeRequest, OperationRequest } from '../protocol/changeApi.ts';
import { BackingFiles } from './backingFiles.ts';

/** A change that was planned, and waits to be applied. It holds its image open for reading, and no lock. */
export interface PlannedChange {
  readonly preview: Preview;
  readonly rollsBack: boolean;
  /** The path of the external data file, where that changes too. */
  readonly dataFile?: string;
  /**
   * Opens the image to be changed, locks it, and does what was planned.
   *
   * @param keepUndo - whether the journal stays
   * @throws `Qcow2Error` `changed-since` where the file is not the one that it was planned for, `in-use`, `write-failed`
   */
  apply(keepUndo: boolean, progress: Progress): Promise<void>;
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
  const image = await openImage(storage);
  const based = new BackingFiles(image, storage.path);
  try {
    const backing = (): Promise<ByteSource | undefined> => based.open();
    const { planOperation } = await import('./changeOperations.ts');
    const change = await planOperation({ image, storage, from, progress, backing }, request);
    if (change === undefined || isEmpty(change)) {
      throw new Qcow2Error('refused', 'There is nothing to change: the image is as it is wanted already.');
    }
    const dataPath = change.dataFile && dataFilePath(image, storage.path);
    return {
      preview: await previewOf(change, storage, progress),
      rollsBack: false,
      ...(dataPath !== undefined && { dataFile: dataPath }),
      apply: (keepUndo, applying) =>
        withFile(storage.path, (file) => {
          const act = (dataFile?: ChangeFile): Promise<void> =>
            apply(change, file, place, { keepUndo, progress: applying, ...(dataFile && { dataFile }) });
          return dataPath === undefined ? act() : withFile(dataPath, act);
        }),
      close: async () => {
        await based.close();
        await storage.close();
      },
    };
  } catch (error) {
    await based.close();
    throw error;
  }
}

/** Where the external data file of an image is, which is about to change with it. Throws `not-supported`, `damaged`. */
function dataFilePath({ dataFile }: Image, path: string): string {
  if (dataFile?.name === undefined) {
    throw new Qcow2Error('damaged', 'The image names no external data file, so that it can’t be changed with it.');
  }
  return namedPath(dataFile.name, path);
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
    const dataPath = journal.header.dataFile && dataFilePath(await openImage(storage), storage.path);
    const differs = await fitWith(journal, storage, dataPath);
    const cautions = differs.length === 0 ? differs : [...differs, await healthWords(storage, progress)];
    return {
      preview: await rollbackPreview(journal, storage, from.size, cautions, progress),
      rollsBack: true,
      ...(dataPath !== undefined && { dataFile: dataPath }),
      apply: (_, applying) =>
        withFile(storage.path, async (file) => {
          requireSame(from, await file.state());
          // What was touched since is in the preview that the user has confirmed.
          const wanted = journal.completion === undefined ? 'interrupted' : 'finished';
          const act = async (dataFile?: ChangeFile): Promise<void> => {
            const openDataFile = dataFile && (async () => dataFile);
            await takeBack(file, place, wanted, true, { progress: applying, ...(openDataFile && { openDataFile }) });
          };
          await (dataPath === undefined ? act() : withFile(dataPath, act));
        }),
      close: () => storage.close(),
    };
  } finally {
    await journal.file.close();
  }
}

/** As `requireFit`, with the external data file where that has changed too. */
async function fitWith(
  journal: Journal,
  storage: FileStorage,
  dataPath: string | undefined,
): Promise<readonly string[]> {
  if (dataPath === undefined) {
    return requireFit(journal, storage);
  }
  const dataFile = await openFile(dataPath);
  try {
    return await requireFit(journal, storage, dataFile);
  } finally {
    await dataFile.close();
  }
}

/** Opens a file to be changed, and locks it, for as long as something is done. */
async function withFile(path: string, act: (file: ChangeFile) => Promise<void>): Promise<void> {
  const file = await openToChange(path);
  try {
    await act(file);
  } finally {
    await file.close();
  }
}

/** How the image is now, for who decides whether an older state is better. */
async function healthWords(storage: FileStorage, progress: Progress): Promise<string> {
  const image = await openImage(storage);
  const found = image.layer ? (await scan(image, progress)).findings : [];
  const { explain } = await import('../engine/findingTexts.ts');
  const titles = [...image.findings, ...found]
    .map(explain)
    .filter(({ severity }) => severity === 'corruption')
    .map(({ title }) => title);
  return titles.length === 0
    ? 'As it is now, the image has no corruption.'
    : `As it is now, the image is damaged: ${titles.slice(0, 3).join(' ')}${titles.length > 3 ? ' …' : ''}`;
}
