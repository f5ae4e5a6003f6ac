import { joinWords } from '../format/bits.ts';
import { l1EntryBytes, l1Place } from '../format/l1.ts';
import { l2Copied, l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import { readL1 } from '../image/l1Table.ts';
import { walkL2References } from '../image/l2References.ts';
import { indexOfTable } from '../image/l2TableSet.ts';
import type { ReferenceVisitor } from '../image/reference.ts';
import type { Progress } from '../ports.ts';
import { isInSet, type LayerCheck, type LayerPlace, l1Entries, readTable } from './layers.ts';
import { messages } from './messages.ts';
import type { RefcountReader } from './refcountReader.ts';

/** An entry whose COPIED does not fit the refcount of what it leads to. */
export interface Miscopied {
  readonly l1Index: number;
  /** -1 for the entry of the L1 table itself. */
  readonly l2Index: number;
  /** Host offset of the entry in bytes. */
  readonly host: number;
  /** What it leads to: a host offset in bytes. */
  readonly target: number;
  readonly entry: bigint;
  readonly refcount: number | bigint;
}

/** Called for each entry whose COPIED is wrong, in QEMU's order. */
export type MiscopiedVisitor = (wrong: Miscopied) => void;

/**
 * The tables of the set, by index, in which COPIED may be wrong: those of which it was not counted, and those that lead to
 * clusters of which it is known to be wrong (`miscopied`).
 */
export async function miscopiedTables(
  { storage, geometry, tables, sound }: LayerCheck,
  miscopied: ClusterSet,
  progress: Progress,
): Promise<ReadonlySet<number>> {
  const suspects = new Set(sound.uncounted);
  if (miscopied.next(0) === undefined) {
    return suspects;
  }
  let table = -1;
  const visitor: ReferenceVisitor = {
    table: (index) => {
      table = index;
    },
    reference: (_owner, _source, _index, cluster, count) => {
      if (miscopied.meets(cluster, count)) {
        suspects.add(table);
      }
    },
  };
  await walkL2References(storage, geometry, tables, visitor, progress);
  return suspects;
}

/**
 * Checks COPIED in the active layer against the refcounts, entry by entry, as QEMU does (check_oflag_copied): in the tables
 * of the set that are `suspects`, and in all that are not in it. Throws `CheckStopped` where a table can't be read.
 */
export async function checkCopied(
  check: LayerCheck,
  { offset, entries }: LayerPlace,
  suspects: ReadonlySet<number>,
  reader: RefcountReader,
  miscopied: MiscopiedVisitor | undefined,
  progress: Progress,
): Promise<void> {
  const { storage, tally } = check;
  const { clusterSize } = check.geometry;
  const l1 = await readL1(storage, offset, entries);
  for (const { index, hi, lo } of l1Entries(l1)) {
    const table = l1Place(hi, lo);
    const refcount = table === 0 ? undefined : await reader.refcount(Math.floor(table / clusterSize));
    if (refcount !== undefined) {
      if ((refcount === 1) !== l2Copied(hi)) {
        tally.corrupt(messages.l2TableCopied(index, joinWords(hi, lo), refcount));
        const host = Number(offset) + index * l1EntryBytes;
        miscopied?.({ l1Index: index, l2Index: -1, host, target: table, entry: joinWords(hi, lo), refcount });
      }
      if (!isInSet(check, table) || suspects.has(indexOfTable(check.tables, table))) {
        await checkTable(check, { l1Index: index, offset: table }, reader, miscopied);
      }
      await progress.step(index, entries);
    }
  }
}

async function checkTable(
  check: LayerCheck,
  { l1Index, offset }: { readonly l1Index: number; readonly offset: number },
  reader: RefcountReader,
  miscopied: MiscopiedVisitor | undefined,
): Promise<void> {
  const { geometry, tally } = check;
  const view = await readTable(check, offset);
  for (let at = 0; at < view.byteLength; at += geometry.l2EntryBytes) {
    const hi = view.getUint32(at);
    const lo = view.getUint32(at + 4);
    const kind = l2Kind(hi, lo, geometry);
    if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
      const target = l2HostOffset(hi, lo);
      const cluster = Math.floor(target / geometry.clusterSize);
      const refcount = geometry.dataFile ? 1 : (reader.keptRefcount(cluster) ?? (await reader.refcount(cluster)));
      if (refcount !== undefined && (refcount === 1) !== l2Copied(hi)) {
        tally.corrupt(messages.dataCopied(joinWords(hi, lo), refcount));
        const l2Index = at / geometry.l2EntryBytes;
        miscopied?.({ l1Index, l2Index, host: offset + at, target, entry: joinWords(hi, lo), refcount });
      }
    }
  }
}
