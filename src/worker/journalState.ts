import { openJournal } from '../engine/change/journal.ts';
import type { JournalPlace } from '../engine/ports.ts';
import type { JournalState } from '../protocol/changeApi.ts';

/** What the journal at a place tells of its image. Reads two sectors. Throws `read-failed`, `write-failed`. */
export async function journalState(place: JournalPlace): Promise<JournalState> {
  const journal = await openJournal(place);
  if (journal === 'none' || journal === 'void') {
    return { state: 'none' };
  }
  await journal.file.close();
  return { state: journal.completion === undefined ? 'interrupted' : 'kept', title: journal.header.title };
}
