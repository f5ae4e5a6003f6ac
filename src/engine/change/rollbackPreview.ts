import { showSize } from '../format/show.ts';
import { noProgress, type Progress, type Storage } from '../ports.ts';
import { type Journal, journalRecords } from './journal.ts';
import type { DataFileLengths } from './journalFormat.ts';
import { mostWrites, type Preview, type PreviewWrite, previewWrite } from './preview.ts';

/**
 * What rolling back would change: the bytes as they are and as they were. What is as it was already is left out. Reads
 * only.
 *
 * @param size - bytes of the file as it is now
 * @param differs - what is not as the change left it (`Fit.differs`), as cautions
 */
export async function rollbackPreview(
  journal: Journal,
  file: Pick<Storage, 'read'>,
  size: bigint,
  differs: readonly string[],
  progress: Progress = noProgress,
): Promise<Preview> {
  const writes: PreviewWrite[] = [];
  // Several steps of a change may write to one sector, each with a record of the same content.
  const shown = new Set<string>();
  let bytes = 0n;
  let writeCount = 0;
  for await (const { at, before, inDataFile } of journalRecords(journal)) {
    const place = `${at}+${before.length}`;
    if (!inDataFile && !shown.has(place) && (await differsAt(file, at, before))) {
      writeCount++;
      bytes += BigInt(before.length);
      if (writes.length < mostWrites) {
        shown.add(place);
        writes.push(await previewWrite({ structure: at === 0n ? 'header' : 'sectors', at, bytes: before }, file));
      }
    }
    await progress.step(0, 0);
  }
  const { before, title, dataFile } = journal.header;
  const cut = size === before.size ? {} : { fileSize: before.size };
  return {
    title: journal.completion === undefined ? `Roll back the interrupted “${title}”` : `Undo “${title}”`,
    cautions: [...differs, ...cutAgain(dataFile)],
    steps: [{ says: 'Put back what was there before', writes, writeCount, bytes, ...cut }],
    bytes,
    sizeBefore: size,
    sizeAfter: before.size,
    ...(dataFile && {
      dataFile: { size: dataFile.before, blocks: 'sparse', cut: dataFile.after > dataFile.before },
    }),
  };
}

/** What is not sure before it is done. */
function cutAgain(dataFile: DataFileLengths | undefined): string[] {
  return dataFile && dataFile.after > dataFile.before
    ? [
        `The external data file is cut to ${showSize(dataFile.before)} again, as it was, unless something was written behind that since.`,
      ]
    : [];
}

async function differsAt(file: Pick<Storage, 'read'>, at: bigint, before: Uint8Array): Promise<boolean> {
  const now = new Uint8Array(before.length);
  const read = await file.read(at, now);
  return read < before.length || before.some((byte, index) => byte !== now[index]);
}
