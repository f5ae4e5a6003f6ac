import { exact, jsonString } from '../dump/jsonText.ts';
import { systemText } from '../error.ts';

import { type L2Fault, l2Faults } from '../format/l2.ts';

/** Why bytes of the guest's disk could not be saved. Stable: it is in JSON output. */
export type MissingReason = keyof typeof texts;

/** By reason, a sentence. */
const texts = {
  'l1-table-unaligned': 'The place of the L1 table is not that of a cluster',
  'l1-table-too-small': 'The L1 table does not reach this part of the disk',
  'l1-table-past-end': 'The L1 table is past the end of the file here',
  'l1-unreadable': 'The L1 table can’t be read here',
  'l1-entry-unaligned': 'The L1 entry names an L2 table that is not at a cluster',
  'l2-table-past-end': 'The L2 table is past the end of the file here',
  'l2-unreadable': 'The L2 table can’t be read here',
  'l2-zero-in-version-2': 'The L2 entry has the ZERO bit, which version 2 does not have',
  'l2-subclusters-invalid': 'The L2 entry has subcluster bits that contradict each other',
  'l2-compressed-in-data-file': 'The L2 entry is of a compressed cluster, which an external data file can’t hold',
  'l2-entry-unaligned': 'The L2 entry names data that is not at a cluster',
  'l2-data-file-offset': 'The L2 entry names another place in the external data file than the disk’s own',
  'data-unreadable': 'The data can’t be read',
  'data-past-end': 'The data is past the end of the file',
  'compressed-unreadable': 'The compressed data can’t be read',
  'compressed-past-end': 'The compressed data is past the end of the file',
  'compressed-broken': 'The compressed data does not decompress',
  'backing-not-opened': 'The data is in the backing file, which is not opened',
  'data-file-not-opened': 'The data is in the external data file, which is not opened',
} as const;

/** What is known of bytes that are missing. */
export interface Missing {
  readonly reason: MissingReason;
  /** Host offset in bytes of the data, or of the table's bytes that can't be read, in the file of `MissingRange`. */
  readonly host?: bigint;
  /** The system's code, such as `EIO`. */
  readonly system?: string | undefined;
  /** What else there is to say. */
  readonly detail?: string | undefined;
}

/** A range of the guest's disk that is missing. Offsets in bytes. */
export interface MissingRange extends Missing {
  readonly from: number;
  readonly to: number;
  /** The file whose tables lead there, or that should hold the data. */
  readonly file: string;
  /** Of that file in the backing chain; 0 is the image. */
  readonly depth: number;
  /** The way there: `L1[3] -> L2[17] -> 0x50000`; empty for a raw file. */
  readonly place: string;
}

/** The reason for which QEMU can't read an L2 entry either. */
export const faultReasons: Readonly<Record<Exclude<L2Fault, typeof l2Faults.none>, MissingReason>> = {
  [l2Faults.zeroInVersion2]: 'l2-zero-in-version-2',
  [l2Faults.invalidSubclusters]: 'l2-subclusters-invalid',
  [l2Faults.compressedInDataFile]: 'l2-compressed-in-data-file',
  [l2Faults.unaligned]: 'l2-entry-unaligned',
  [l2Faults.dataFileOffset]: 'l2-data-file-offset',
};

/** Reasons that concern entries of the L1 table; the others concern those of an L2 table, or what they lead to. */
export const l1Reasons: ReadonlySet<MissingReason> = new Set([
  'l1-table-unaligned',
  'l1-table-too-small',
  'l1-table-past-end',
  'l1-unreadable',
  'l1-entry-unaligned',
]);

/** Reasons for which nothing was tried: another run, with the file opened, may get the bytes. */
export const untried: ReadonlySet<MissingReason> = new Set(['backing-not-opened', 'data-file-not-opened']);

/** Why a range is missing, in a sentence. */
export function missingText({ reason, system, detail }: Missing): string {
  const why = system === undefined ? detail : systemText(system);
  return why === undefined ? `${texts[reason]}.` : `${texts[reason]}: ${why.replace(/\.$/, '')}.`;
}

/** A range as a line of JSON; the README has the members. */
export function missingJson(range: MissingRange): string {
  const { from, to, reason, file, depth, place, host } = range;
  const members = [
    `"start": ${exact(from)}`,
    `"length": ${exact(to - from)}`,
    `"reason": ${jsonString(reason)}`,
    `"text": ${jsonString(missingText(range))}`,
    `"file": ${jsonString(file)}`,
    `"depth": ${depth}`,
    ...(place === '' ? [] : [`"place": ${jsonString(place)}`]),
    ...(host === undefined ? [] : [`"offset": ${exact(host)}`]),
  ];
  return `{ ${members.join(', ')} }`;
}

/** The two ranges as one, where the second goes on as the first: at the next place of the same table and file. */
export function joined(
  first: MissingRange,
  second: MissingRange,
  place: (from: number, to: number) => string,
): MissingRange | undefined {
  const goesOn =
    first.to === second.from &&
    first.reason === second.reason &&
    first.depth === second.depth &&
    first.system === second.system &&
    first.detail === second.detail &&
    (first.host === undefined || first.reason === 'l1-unreadable'
      ? first.reason === 'l1-unreadable' || second.host === undefined
      : second.host === first.host + BigInt(first.to - first.from));
  return goesOn ? { ...first, to: second.to, place: place(first.from, second.to) } : undefined;
}
