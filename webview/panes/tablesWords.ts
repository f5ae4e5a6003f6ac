import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { EntryFilter, EntryKind, TableId, TablePlace } from '../../src/protocol/tableApi.ts';
import type { Image } from '../description.ts';

/** What an entry is, in words. */
export const kindWords: Readonly<Record<EntryKind, string>> = {
  table: 'L2 table',
  block: 'refcount block',
  unallocated: 'unallocated',
  normal: 'data',
  compressed: 'compressed',
  'zero-plain': 'zero',
  'zero-allocated': 'zero, allocated',
  mixed: 'by subclusters',
  invalid: 'invalid',
  free: 'free',
  single: 'one reference',
  multiple: 'several references',
  data: 'data',
  'all-zeros': 'all zeros',
  'all-ones': 'all ones',
  'past-end': 'not in the file',
  unreadable: 'can’t be read',
};

const common = ['all', 'allocated', 'wrong'] as const;
const lost = ['past-end', 'unreadable'] as const;

/** The filters of each kind of table, in the order in which they are offered. */
const filtersOf: Readonly<Record<TableId['kind'], readonly EntryFilter[]>> = {
  l1: [...common, 'unallocated', ...lost],
  l2: [...common, 'normal', 'compressed', 'zero-allocated', 'zero-plain', 'unallocated', 'mixed', 'invalid', ...lost],
  'refcount-table': [...common, 'unallocated', ...lost],
  'refcount-block': [...common, 'single', 'multiple', 'free', ...lost],
};

/** All filters. */
export const everyFilter: readonly EntryFilter[] = [...new Set(Object.values(filtersOf).flat())];

/** The filters of a table; without extended L2 entries there are no subclusters. */
export function filtersFor({ kind }: TableId, extended: boolean): readonly EntryFilter[] {
  return filtersOf[kind].filter((filter) => extended || (filter !== 'mixed' && filter !== 'invalid'));
}

/** A filter in words. */
export function filterWords(filter: EntryFilter, { kind }: TableId): string {
  switch (filter) {
    case 'all':
      return 'All entries';
    case 'allocated':
      return kind === 'refcount-block' ? 'Only refcounts above 0' : 'Only allocated';
    case 'wrong':
      return 'Only wrong';
    default:
      return `Only: ${kindWords[filter]}`;
  }
}

/** Which table it is: `L2 table of L1[3]`. */
export function tableName(table: TableId): string {
  switch (table.kind) {
    case 'l1':
      return 'L1 table';
    case 'l2':
      return `L2 table of L1[${table.l1}]`;
    case 'refcount-table':
      return 'Refcount table';
    case 'refcount-block':
      return `Refcount block of refcount_table[${table.index}]`;
  }
}

/** The layer of a table: `active`, `snapshot 0`. */
export function layerName({ snapshot }: { readonly snapshot?: number }): string {
  return snapshot === undefined ? 'active' : `snapshot ${snapshot}`;
}

/** How many entries of how many bits. */
export function sizeWords({ entries, entryBits }: TablePlace): string {
  const size = entryBits < 8 ? `${entryBits} ${entryBits === 1 ? 'bit' : 'bits'}` : showSize(entryBits / 8);
  return `${showCount(entries)} ${entries === 1 ? 'entry' : 'entries'} of ${size}`;
}

/** What is remarkable about where a table is, if anything. */
export function placeNotes({ id, state, offset, entries, named }: TablePlace, image: Image): string[] {
  const notes: string[] = [];
  if (state !== 'present') {
    return notes;
  }
  const { clusterSize = 1 } = image.geometry ?? {};
  if (offset % BigInt(clusterSize) !== 0n) {
    notes.push(`It does not start at a cluster: QEMU does not use it.`);
  }
  if (named > entries) {
    const whose = id.kind === 'l1' && id.snapshot !== undefined ? 'snapshot' : 'header';
    notes.push(
      `The ${whose} gives it ${showCount(named)} entries. QEMU takes no such table; its first ${showCount(entries)} entries are listed.`,
    );
  }
  if (entries > 0 && offset >= image.file.size) {
    notes.push('It lies past the end of the file: QEMU reads it as zeros.');
  }
  return notes;
}

/** Why there is no table to be listed. */
export function absenceWords({ id, state, offset, system }: TablePlace): string | undefined {
  const block = id.kind === 'refcount-block';
  const table = block ? 'refcount block' : 'L2 table';
  const entry = id.kind === 'refcount-block' ? `refcount_table[${id.index}]` : id.kind === 'l2' ? `L1[${id.l1}]` : '';
  switch (state) {
    case 'present':
      return undefined;
    case 'unallocated':
      return `There is no ${table}: ${entry} leads to none. ${block ? 'The refcounts of all its clusters are 0.' : 'All clusters of its range are unallocated.'}`;
    case 'unaligned':
      return `There is no ${table}: ${entry} leads to ${showOffset(offset)}, which is not the start of a cluster. QEMU reads none there.`;
    case 'unreadable':
      return `Where the ${table} is, is not known: ${entry} can’t be read (${system ?? 'input/output error'}).`;
  }
}
