import { joinWords } from '../format/bits.ts';
import { l1Place } from '../format/l1.ts';
import { l2Copied, l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import { readL1 } from '../image/l1Table.ts';
import type { Progress } from '../ports.ts';
import { type LayerCheck, type LayerPlace, l1Entries, readTable } from './layers.ts';
import { messages } from './messages.ts';
import type { RefcountReader } from './refcountReader.ts';

/**
 * Checks COPIED in the active layer against the refcounts, entry by entry, as QEMU does (check_oflag_copied). Throws
 * `CheckStopped` where a table can't be read.
 */
export async function checkCopied(
  check: LayerCheck,
  { offset, entries }: LayerPlace,
  reader: RefcountReader,
  progress: Progress,
): Promise<void> {
  const { storage, tally } = check;
  const l1 = await readL1(storage, offset, entries);
  for (const { index, hi, lo } of l1Entries(l1)) {
    const table = l1Place(hi, lo);
    const refcount = table === 0 ? undefined : await refcountAt(reader, table);
    if (refcount !== undefined) {
      if ((refcount === 1) !== l2Copied(hi)) {
        tally.corrupt(messages.l2TableCopied(index, joinWords(hi, lo), refcount));
      }
      await checkTable(check, table, reader);
      await progress.step(index, entries);
    }
  }
}

async function checkTable(check: LayerCheck, offset: number, reader: RefcountReader): Promise<void> {
  const { geometry, tally } = check;
  const view = await readTable(check, offset);
  for (let at = 0; at < view.byteLength; at += geometry.l2EntryBytes) {
    const hi = view.getUint32(at);
    const lo = view.getUint32(at + 4);
    const kind = l2Kind(hi, lo, geometry);
    if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
      const refcount = geometry.dataFile ? 1 : await refcountAt(reader, l2HostOffset(hi, lo));
      if (refcount !== undefined && (refcount === 1) !== l2Copied(hi)) {
        tally.corrupt(messages.dataCopied(joinWords(hi, lo), refcount));
      }
    }
  }
}

/** The refcount of the cluster of a host offset in bytes; as a number where it is small enough. */
function refcountAt(reader: RefcountReader, offset: number): Promise<number | bigint | undefined> {
  return reader.refcount(Math.floor(offset / reader.geometry.clusterSize));
}
