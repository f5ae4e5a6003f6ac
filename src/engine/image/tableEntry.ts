import { systemText } from '../error.ts';
import { bitmapAllOnes, bitmapPlace } from '../format/bitmapTable.ts';
import {
  compressedBeyond56,
  compressedByte,
  compressedCluster,
  compressedMaxBytes,
  compressedSectorBytes,
  compressedSectors,
} from '../format/compressed.ts';
import { l1Copied, l1Place } from '../format/l1.ts';
import {
  l2Copied,
  l2HostOffset,
  l2Kind,
  l2Kinds,
  subclusterKind,
  subclusterKinds,
  subclusterRun,
  subclustersPerCluster,
} from '../format/l2.ts';
import { refcountTableEntry } from '../format/refcounts.ts';
import { bitmapFlaws, l1Flaws, refcountTableFlaws } from './entryFlaws.ts';
import type { Geometry } from './geometry.ts';
import { l2Flaws, l2Target } from './l2Flaws.ts';
import { type Flaw, flaws } from './reference.ts';

/** What a table entry is. */
export type EntryKind =
  /** Of an L1 table: it leads to an L2 table. */
  | 'table'
  /** Of the refcount table: it leads to a refcount block. */
  | 'block'
  /** Of L1, L2 and refcount table: it leads to nothing. */
  | 'unallocated'
  /** Of an L2 table. */
  | 'normal'
  | 'compressed'
  | 'zero-plain'
  | 'zero-allocated'
  /** Extended L2 entries: subclusters of several kinds, or with bits that contradict each other. */
  | 'mixed'
  | 'invalid'
  /** Of a refcount block: the cluster's refcount is 0, 1, or more. */
  | 'free'
  | 'single'
  | 'multiple'
  /** Of a bitmap table. */
  | 'data'
  | 'all-zeros'
  | 'all-ones'
  /** Of any: the entry itself lies past the end of the file, or the system failed to read it. */
  | 'past-end'
  | 'unreadable';

/** One entry of a table as it is dumped or listed, or a run of entries that are all zero, past the end, or unreadable. */
export interface TableEntry {
  readonly index: number;
  /** How many entries from `index` on. */
  readonly count: number;
  /** Hex digits; absent for entries that are not in the file or can't be read. */
  readonly raw?: string | undefined;
  readonly kind: EntryKind;
  /** Host offset in bytes of what it leads to. */
  readonly host?: number | bigint | undefined;
  /** Guest offset in bytes of the first byte that it maps. */
  readonly guest?: number | undefined;
  readonly copied?: boolean | undefined;
  /** Bytes that compressed data takes at most. */
  readonly length?: number | undefined;
  /** Bitmaps of the subclusters, as hex digits. */
  readonly subclusters?: { readonly allocated: string; readonly zero: string } | undefined;
  /** What is wrong with it. */
  readonly wrong?: string | undefined;
}

/** An entry of an L1 table. */
export function l1Entry(geometry: Geometry, index: number, hi: number, lo: number): TableEntry {
  const host = l1Place(hi, lo);
  return {
    index,
    count: 1,
    raw: rawOf(hi, lo),
    kind: host === 0 ? 'unallocated' : 'table',
    host: host === 0 ? undefined : host,
    guest: index * geometry.l2Entries * geometry.clusterSize,
    copied: l1Copied(hi) || undefined,
    wrong: wrongWords(l1Flaws(hi, lo, geometry.clusterBits), host >= geometry.fileSize),
  };
}

/** An L2 entry as 32-bit words; the last two are those of the subclusters' bitmap, or 0. */
export interface L2Words {
  readonly hi: number;
  readonly lo: number;
  readonly zero: number;
  readonly alloc: number;
}

/** An entry of an L2 table; `first`: guest cluster of the table's first entry. */
export function l2Entry(geometry: Geometry, first: number, index: number, words: L2Words): TableEntry {
  const { hi, lo, zero, alloc } = words;
  const { clusterBits, clusterSize, extended } = geometry;
  const kind = l2Kind(hi, lo, geometry);
  const guest = (first + index) * clusterSize;
  const compressed = kind === l2Kinds.compressed;
  const placed = kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated;
  return {
    index,
    count: 1,
    raw: extended ? rawOf(hi, lo) + rawOf(zero, alloc) : rawOf(hi, lo),
    kind: l2KindName(geometry, words),
    host: compressed ? l2Target(hi, lo, geometry) : placed ? l2HostOffset(hi, lo) : undefined,
    guest,
    copied: l2Copied(hi) || undefined,
    length: compressed ? compressedMaxBytes(hi, lo, clusterBits) : undefined,
    subclusters: extended ? { allocated: word(alloc), zero: word(zero) } : undefined,
    wrong: l2Wrong(geometry, guest, words),
  };
}

/** An entry of the refcount table. */
export function refcountTableRow(geometry: Geometry, index: number, hi: number, lo: number): TableEntry {
  const host = refcountTableEntry(hi, lo);
  return {
    index,
    count: 1,
    raw: rawOf(hi, lo),
    kind: host === 0 ? 'unallocated' : 'block',
    host: host === 0 ? undefined : host,
    wrong: wrongWords(refcountTableFlaws(lo, geometry.clusterBits), host >= geometry.fileSize),
  };
}

/** An entry of a bitmap table. */
export function bitmapEntry(geometry: Geometry, index: number, hi: number, lo: number): TableEntry {
  const host = bitmapPlace(hi, lo);
  return {
    index,
    count: 1,
    raw: rawOf(hi, lo),
    kind: host !== 0 ? 'data' : bitmapAllOnes(hi, lo) ? 'all-ones' : 'all-zeros',
    host: host === 0 ? undefined : host,
    wrong: wrongWords(bitmapFlaws(hi, lo, geometry.clusterBits), host >= geometry.fileSize),
  };
}

/** Entries that the system failed to read. */
export function unreadableEntries(index: number, count: number, system: string | undefined): TableEntry {
  return { index, count, kind: 'unreadable', wrong: systemText(system) };
}

/** Entries that lie past the end of the file: QEMU reads them as zeros. */
export function entriesPastEnd(index: number, count: number): TableEntry {
  return { index, count, kind: 'past-end', wrong: pastEnd };
}

/** Said of what lies there. */
const pastEnd = 'past the end of the file';
const reachesPastEnd = 'reaches past the end of the file';

const kindNames = {
  [subclusterKinds.unallocatedPlain]: 'unallocated',
  [subclusterKinds.unallocatedAllocated]: 'unallocated',
  [subclusterKinds.zeroPlain]: 'zero-plain',
  [subclusterKinds.zeroAllocated]: 'zero-allocated',
  [subclusterKinds.normal]: 'normal',
  [subclusterKinds.compressed]: 'compressed',
  [subclusterKinds.invalid]: 'invalid',
} as const;

/** What all subclusters of an entry are, or `mixed`. Without extended L2 entries that is what the cluster is. */
function l2KindName(geometry: Geometry, { hi, lo, zero, alloc }: L2Words): EntryKind {
  const alike = subclusterRun(hi, lo, alloc, zero, 0, geometry) === subclustersPerCluster;
  return alike ? kindNames[subclusterKind(hi, lo, alloc, zero, 0, geometry)] : 'mixed';
}

/** By `Flaw`; an L2 entry that can't be read is not decoded. */
const flawTexts: Readonly<Record<Flaw, string>> = {
  [flaws.reserved]: 'reserved bits set',
  [flaws.unaligned]: 'not the start of a cluster',
  [flaws.unreadable]: 'unreadable',
  [flaws.zeroInVersion2]: 'a zero cluster in version 2',
  [flaws.invalidSubclusters]: 'subcluster bits contradict each other',
  [flaws.compressedInDataFile]: 'compressed, with an external data file',
  [flaws.dataFileOffset]: 'not at its guest offset in the data file',
  [flaws.compressedWithSubclusters]: 'compressed, with subcluster bits set',
  [flaws.compressedCopied]: 'compressed, with COPIED set',
  [flaws.compressedBeyond56]: 'offset bits above 55 set',
  [flaws.flagsAlone]: 'flags set, with nothing to lead to',
  [flaws.zeroOfExtended]: 'bit 0 set, with extended L2 entries',
  [flaws.pastEnd]: pastEnd,
};

function l2Wrong(geometry: Geometry, guest: number, { hi, lo, zero, alloc }: L2Words): string | undefined {
  const { fileSize, dataFile } = geometry;
  const beyond = !dataFile && l2Target(hi, lo, geometry) >= fileSize;
  const words = wrongWords(l2Flaws(hi, lo, alloc, zero, guest, geometry), beyond);
  const cut = !beyond && !dataFile && compressedPastEnd(geometry, hi, lo);
  return cut ? [...(words === undefined ? [] : [words]), reachesPastEnd].join('; ') : words;
}

/** Whether it is compressed data that reaches past the last cluster of the file, in whole sectors as QEMU counts. */
export function compressedPastEnd(geometry: Geometry, hi: number, lo: number): boolean {
  const { clusterBits, clusterSize, fileClusters } = geometry;
  if (l2Kind(hi, lo, geometry) !== l2Kinds.compressed || compressedBeyond56(hi, clusterBits)) {
    return false;
  }
  const byte = compressedByte(lo, clusterBits);
  const end = byte - (byte % compressedSectorBytes) + compressedSectors(hi, clusterBits) * compressedSectorBytes;
  return compressedCluster(hi, lo, clusterBits) + Math.ceil(end / clusterSize) > fileClusters;
}

/** What is wrong with an entry, in words; `beyond`: what it leads to lies past the end of the file. */
function wrongWords(found: readonly Flaw[], beyond: boolean): string | undefined {
  const words = found.map((flaw) => flawTexts[flaw]);
  const all = beyond ? [...words, pastEnd] : words;
  return all.length === 0 ? undefined : all.join('; ');
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** An entry of 8 bytes as hex digits. */
function rawOf(hi: number, lo: number): string {
  return word(hi) + word(lo);
}
