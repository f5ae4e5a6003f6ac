import { Qcow2Error } from '../error.ts';
import { showOffset } from '../format/show.ts';
import { type ImageStorage, noProgress, type Progress } from '../ports.ts';
import { sectorSize } from './changeSet.ts';
import { takeBackLength } from './dataFile.ts';
import { type Journal, journalRecords } from './journal.ts';
import { type JournalRecord, sectorSums } from './journalFormat.ts';

/** Whether a journal belongs to the image as it is now. */
export type Fit =
  | {
      readonly fits: true /** Sentences: what is not as the change left it, though it fits. */;
      readonly differs: readonly string[];
    }
  | { readonly fits: false; readonly why: string };

/** The image as far as it is looked at. */
type Readable = Pick<ImageStorage, 'read' | 'state'>;

/** Added to the number of a sector that is one of the external data file: no file has so many. */
const dataFileSectors = 2 ** 52;

/** Sectors that match neither their old content nor the record's new one are remembered up to this number. */
const mostUnmatched = 100_000;

/**
 * Whether a journal fits the image: it is the same file, every sector that the change wrote holds what it held before
 * or what the change wrote, and its length is one of those. Reads only.
 */
export async function fitOf(journal: Journal, file: Readable, dataFile?: Readable): Promise<Fit> {
  const { header, completion } = journal;
  if (header.dataFile && !dataFile) {
    throw new Qcow2Error('bad-argument', 'The external data file has changed with the image: it must be opened too.');
  }
  const now = await file.state();
  if (now.identity !== header.before.identity) {
    return no('It was made for another file: this one was copied or replaced since.');
  }
  const longest = header.before.size > header.sizeAfter ? header.before.size : header.sizeAfter;
  if (now.size > longest) {
    return no(`The file has grown to ${now.size} bytes, more than before or after the change (${longest}).`);
  }
  const strange = await strangeSectors(journal, file, dataFile);
  const [first] = strange;
  if (first !== undefined) {
    const at = showOffset(BigInt(first % dataFileSectors) * BigInt(sectorSize));
    const where = first < dataFileSectors ? at : `${at} of the external data file`;
    return no(`Somebody else has written since: the sector at ${where} holds neither the old nor the new content.`);
  }
  const differs: string[] = [];
  if (completion !== undefined) {
    if (now.size !== completion.size) {
      differs.push(`The file has ${now.size} bytes, and had ${completion.size} after the change.`);
    }
    if (now.modified !== completion.modified || now.changed !== completion.changed) {
      differs.push(
        now.modified !== completion.modified
          ? 'The file was written since the change: what was written to the disk’s data since then may be lost.'
          : 'The file’s attributes (name, owner, permissions) were changed since.',
      );
    }
  }
  return { fits: true, differs };
}

/** What a rollback is given beside the image. */
export interface RollbackOptions {
  /** The image's external data file, where it has changed too. */
  readonly dataFile?: ImageStorage;
  /** Is told how many records are done; must not stop it. */
  readonly progress?: Progress;
}

/**
 * Puts back what was there before the change, once the whole journal has been found intact. Can be repeated. Returns
 * sentences: what is not as it was before.
 */
export async function rollBack(
  journal: Journal,
  file: ImageStorage,
  { dataFile, progress = noProgress }: RollbackOptions = {},
): Promise<readonly string[]> {
  const { before, dataFile: lengths } = journal.header;
  await requireIntact(journal);
  const stays = lengths && dataFile && (await takeBackLength(lengths, dataFile));
  const { size } = await file.state();
  if (size < before.size) {
    await file.resize(before.size);
  }
  let done = 0;
  for await (const record of journalRecords(journal)) {
    if (record.before.length > 0) {
      await (record.inDataFile ? dataFile : file)?.write(record.at, record.before);
    }
    await progress.step(++done, journal.header.recordCount);
  }
  await dataFile?.flush();
  await file.flush();
  await file.resize(before.size);
  await file.flush();
  return stays === undefined ? [] : [stays];
}

/** Throws `damaged` where a record of the journal is not as it was written. */
async function requireIntact(journal: Journal): Promise<void> {
  for await (const _ of journalRecords(journal)) {
    // Reading a record checks it.
  }
}

/** Throws `changed-since` with the reason where a journal does not fit. */
export async function requireFit(journal: Journal, file: Readable, dataFile?: Readable): Promise<readonly string[]> {
  const fit = await fitOf(journal, file, dataFile);
  if (!fit.fits) {
    throw new Qcow2Error(
      'changed-since',
      `The rollback journal does not fit the image. ${fit.why} Nothing was written.`,
    );
  }
  return fit.differs;
}

function no(why: string): Fit {
  return { fits: false, why };
}

/** The indices of sectors that hold neither what was there nor what any record of them writes. */
async function strangeSectors(journal: Journal, file: Readable, dataFile: Readable | undefined): Promise<number[]> {
  const strange = new Set<number>();
  const each = (visit: SectorVisitor): Promise<void> => eachSector(journal, file, dataFile, visit);
  await each((sector, matches) => {
    if (!matches && strange.size < mostUnmatched) {
      strange.add(sector);
    }
  });
  if (strange.size > 0) {
    // Several steps may write to one sector: each of their contents is one that it may have.
    await each((sector, matches) => {
      if (matches) {
        strange.delete(sector);
      }
    });
  }
  return [...strange].sort((a, b) => a - b);
}

type SectorVisitor = (sector: number, matches: boolean) => void;

async function eachSector(
  journal: Journal,
  image: Readable,
  dataFile: Readable | undefined,
  visit: SectorVisitor,
): Promise<void> {
  for await (const record of journalRecords(journal)) {
    const now = new Uint8Array((record.after.length / 2) * sectorSize);
    const file = record.inDataFile && dataFile ? dataFile : image;
    const { size } = await file.state();
    const left = size - record.at;
    if (left > 0n) {
      await file.read(record.at, left < BigInt(now.length) ? now.subarray(0, Number(left)) : now);
    }
    const sums = sectorSums(now);
    const first = Number(record.at / BigInt(sectorSize)) + (record.inDataFile ? dataFileSectors : 0);
    for (let index = 0; index < sums.length / 2; index++) {
      const written =
        sums[2 * index] === record.after[2 * index] && sums[2 * index + 1] === record.after[2 * index + 1];
      visit(first + index, written || isBefore(record, index, now));
    }
  }
}

/** Whether a sector holds what it held before; what was past the end of the file counts as zeros. */
function isBefore({ before }: JournalRecord, index: number, now: Uint8Array): boolean {
  for (let at = index * sectorSize; at < (index + 1) * sectorSize; at++) {
    if (now[at] !== (before[at] ?? 0)) {
      return false;
    }
  }
  return true;
}
