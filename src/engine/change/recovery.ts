import { Qcow2Error } from '../error.ts';
import { type ImageStorage, type JournalPlace, noProgress, type Progress } from '../ports.ts';
import { type Journal, openJournal } from './journal.ts';
import { requireFit, rollBack } from './rollback.ts';

/** What the journal of an image is for. */
export type JournalState =
  | { readonly state: 'none' }
  /** A change was cut off: the image may be half changed. */
  | { readonly state: 'interrupted'; readonly title: string }
  /** A change is complete, and can be undone. */
  | { readonly state: 'finished'; readonly title: string };

/** Tells what the journal of an image is for. Reads only. */
export async function journalState(place: JournalPlace): Promise<JournalState> {
  const journal = await openJournal(place);
  if (journal === 'none' || journal === 'void') {
    return { state: 'none' };
  }
  await journal.file.close();
  return { state: stateOf(journal), title: journal.header.title };
}

/** What taking back is given beside the image. */
export interface TakeBackOptions {
  readonly openDataFile?: () => Promise<ImageStorage>;
  /** Is told how many records of the journal are done; must not stop it. */
  readonly progress?: Progress;
}

/** What was taken back. */
export interface TakenBack {
  /** Of the change. */
  readonly title: string;
  /** Sentences: what is not as it was before. */
  readonly stays: readonly string[];
}

/**
 * Rolls an interrupted change back, or undoes a finished one: the image is as it was before, to the byte, and the journal
 * is gone.
 *
 * @param wanted - what the journal must be of
 * @param althoughChanged - also where the image was touched since, as long as every sector of the change is as it left it
 * @param more - `openDataFile` opens the image's external data file where that has changed too
 * @throws `Qcow2Error` `not-found` without such a journal, `changed-since` where it does not fit the image, `damaged`
 */
export async function takeBack(
  file: ImageStorage,
  place: JournalPlace,
  wanted: 'interrupted' | 'finished',
  althoughChanged: boolean,
  { openDataFile, progress = noProgress }: TakeBackOptions = {},
): Promise<TakenBack> {
  const journal = await openJournal(place);
  if (journal === 'none' || journal === 'void') {
    throw new Qcow2Error('not-found', `There is no journal at ${place.path}: nothing to take back.`);
  }
  let stays: readonly string[];
  try {
    requireState(journal, wanted);
    const dataFile = journal.header.dataFile && (await openDataFile?.());
    const differs = await requireFit(journal, file, dataFile);
    if (differs.length > 0 && !althoughChanged) {
      throw new Qcow2Error(
        'changed-since',
        `The image was touched since the change "${journal.header.title}". ${differs.join(' ')} Nothing was written.`,
      );
    }
    stays = await rollBack(journal, file, { progress, ...(dataFile && { dataFile }) });
  } finally {
    await journal.file.close();
  }
  await place.remove(true);
  return { title: journal.header.title, stays };
}

function requireState(journal: Journal, wanted: 'interrupted' | 'finished'): void {
  if (stateOf(journal) !== wanted) {
    const { title } = journal.header;
    throw new Qcow2Error(
      'not-found',
      wanted === 'interrupted'
        ? `No change was interrupted: "${title}" is complete. It can be undone.`
        : `The change "${title}" was interrupted. It can be recovered.`,
    );
  }
}

function stateOf(journal: Journal): 'interrupted' | 'finished' {
  return journal.completion === undefined ? 'interrupted' : 'finished';
}
