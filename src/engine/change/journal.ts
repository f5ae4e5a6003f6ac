import { Qcow2Error } from '../error.ts';
import type { FileState, JournalPlace, WritableStorage } from '../ports.ts';
import { sectorSize } from './changeSet.ts';
import {
  decodeCompletion,
  decodeJournalHeader,
  decodeRecord,
  encodeCompletion,
  encodeJournalHeader,
  encodeRecord,
  type JournalHeader,
  type JournalRecord,
  mostRecorded,
  recordHeadBytes,
  recordLengthOf,
  recordsStart,
} from './journalFormat.ts';

/** Bytes that are gathered before they are written. */
const bufferBytes = 2 ** 20;

/** Bytes of a record at most, with room to spare: `mostRecorded` bytes of sectors with a checksum each. */
const mostRecordBytes = 4 * mostRecorded;

/** Writes a journal. Nothing of it counts before `begin`. */
export class JournalWriter {
  readonly #file: WritableStorage;
  readonly #place: JournalPlace;
  #parts: Uint8Array[] = [];
  #gathered = 0;
  #at = BigInt(recordsStart);
  #count = 0;
  #published = false;

  private constructor(file: WritableStorage, place: JournalPlace) {
    this.#file = file;
    this.#place = place;
  }

  /**
   * Makes the journal's file. Throws `journal-exists` where there is one of a change that was interrupted, or a file that
   * is none: a journal is whole before it has its name.
   */
  static async create(place: JournalPlace): Promise<JournalWriter> {
    const former = await openJournal(place);
    if (former === 'void') {
      throw new Qcow2Error(
        'journal-exists',
        `There is a file at ${place.path} that is no rollback journal, and would be lost. Nothing was written. Move it away, or choose another place for the journal (on the command line: --journal FILE).`,
      );
    }
    if (former !== 'none') {
      await former.file.close();
      if (former.completion === undefined) {
        throw new Qcow2Error(
          'journal-exists',
          `A change of the image was interrupted ("${former.header.title}"): its journal is ${place.path}. Recover it first.`,
        );
      }
    }
    return new JournalWriter(await place.create(), place);
  }

  /** Adds a record. */
  async add(record: JournalRecord): Promise<void> {
    const bytes = encodeRecord(record);
    this.#parts.push(bytes);
    this.#gathered += bytes.length;
    this.#count++;
    if (this.#gathered >= bufferBytes) {
      await this.#write();
    }
  }

  /** Writes the header, once everything else is on the disk. From now on the journal counts. */
  async begin(header: Pick<JournalHeader, 'before' | 'sizeAfter' | 'title' | 'dataFile'>): Promise<void> {
    await this.#write();
    await this.#file.flush();
    await this.#file.write(0n, encodeJournalHeader({ ...header, recordCount: this.#count, recordsEnd: this.#at }));
    await this.#file.flush();
    await this.#place.publish();
    this.#published = true;
  }

  /** Says that the change is complete, and what the image is now: the journal is kept to undo it. */
  async complete(state: FileState): Promise<void> {
    await this.#file.write(BigInt(sectorSize), encodeCompletion(state));
    await this.#file.flush();
    await this.#file.close();
  }

  /** Takes the journal away: the image is as it was, or nobody wants to undo. */
  async discard(): Promise<void> {
    await this.#file.close();
    await this.#place.remove(this.#published);
  }

  /** Lets go of the journal and leaves it where it is. */
  async leave(): Promise<void> {
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const bytes = new Uint8Array(this.#gathered);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#gathered = 0;
    await this.#file.write(this.#at, bytes);
    this.#at += BigInt(bytes.length);
  }
}

/** A journal that was found. */
export interface Journal {
  readonly header: JournalHeader;
  /** The image when the change was complete; undefined for one that was interrupted. */
  readonly completion: Omit<FileState, 'identity'> | undefined;
  readonly file: WritableStorage;
}

/**
 * Reads the journal of an image. `none`: there is none. `void`: what is there is no journal of a change that began. An empty file is as
 * none.
 */
export async function openJournal(place: JournalPlace): Promise<Journal | 'none' | 'void'> {
  const file = await place.open();
  if (file === undefined) {
    return 'none';
  }
  if (file.size === 0n) {
    await file.close();
    return 'none';
  }
  const head = new Uint8Array(recordsStart);
  await file.read(0n, head);
  const header = decodeJournalHeader(head.subarray(0, sectorSize));
  if (header === undefined) {
    await file.close();
    return 'void';
  }
  return { header, completion: decodeCompletion(head.subarray(sectorSize)), file };
}

/** The records of a journal, in their order. Throws `damaged` where one is not as it was written. */
export async function* journalRecords({ file, header }: Journal): AsyncGenerator<JournalRecord> {
  let at = BigInt(recordsStart);
  for (let index = 0; index < header.recordCount; index++) {
    const head = new Uint8Array(recordHeadBytes);
    await file.read(at, head);
    const length = recordLengthOf(head);
    const bytes = new Uint8Array(length <= mostRecordBytes ? length : 0);
    const whole = (await file.read(at, bytes)) === length;
    const record = whole ? decodeRecord(bytes) : undefined;
    if (record === undefined) {
      throw new Qcow2Error(
        'damaged',
        `The rollback journal is damaged at offset ${at}: record ${index} of ${header.recordCount} is not what was written. Nothing was rolled back.`,
        { at },
      );
    }
    yield record;
    at += BigInt(length);
  }
}
