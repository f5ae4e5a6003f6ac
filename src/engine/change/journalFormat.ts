import { type Decoded, decodeFields, encodeFields, sizeOf } from '../format/field.ts';
import { decodeText, encodeText } from '../format/text.ts';
import type { FileState } from '../ports.ts';
import { sectorSize } from './changeSet.ts';
import { checksum } from './checksum.ts';

/**
 * The rollback journal, a file beside the image. Sector 0: the header, written last, so that a journal without a valid
 * one belongs to a change that never began. Sector 1: written when the change is complete. Then the records: for each
 * run of sectors that the change writes, the bytes before and checksums of those after.
 */

/** `qcow2jnl` as a number. */
const journalMagic = 0x71636f77_326a6e6cn;
const journalVersion = 2;

/** Where the records start. Bytes. */
export const recordsStart = 2 * sectorSize;

/** Bytes of the image that a record has at most. */
export const mostRecorded = 2 ** 16;

const headerFields = [
  { name: 'magic', offset: 0, width: 8, kind: 'magic', meaning: 'The letters qcow2jnl.' },
  { name: 'sum_hi', offset: 8, width: 4, kind: 'number', meaning: 'Checksum of the rest of the sector.' },
  { name: 'sum_lo', offset: 12, width: 4, kind: 'number', meaning: 'Checksum of the rest of the sector.' },
  { name: 'version', offset: 16, width: 4, kind: 'number', meaning: 'Version of the journal: 2.' },
  { name: 'record_count', offset: 20, width: 4, kind: 'count', meaning: 'Records.' },
  { name: 'records_end', offset: 24, width: 8, kind: 'bytes', meaning: 'Where the records end.' },
  { name: 'size_before', offset: 32, width: 8, kind: 'bytes', meaning: "The image's length before the change." },
  { name: 'modified', offset: 40, width: 8, kind: 'number', meaning: 'Its mtime before the change, in nanoseconds.' },
  { name: 'changed', offset: 48, width: 8, kind: 'number', meaning: 'Its ctime before the change, in nanoseconds.' },
  { name: 'size_after', offset: 56, width: 8, kind: 'bytes', meaning: "The image's length after the change." },
  { name: 'identity_bytes', offset: 64, width: 2, kind: 'bytes', meaning: 'Length of the identity, which comes next.' },
  { name: 'title_bytes', offset: 66, width: 2, kind: 'bytes', meaning: 'Length of the title, which comes last.' },
  { name: 'data_before', offset: 72, width: 8, kind: 'bytes', meaning: 'Length of the data file before the change.' },
  { name: 'data_after', offset: 80, width: 8, kind: 'bytes', meaning: 'Its length after it; 0: it stays as it is.' },
] as const;

const stateFields = [
  { name: 'magic', offset: 0, width: 8, kind: 'magic', meaning: 'The letters qcow2jnl.' },
  { name: 'sum_hi', offset: 8, width: 4, kind: 'number', meaning: 'Checksum of the rest of the sector.' },
  { name: 'sum_lo', offset: 12, width: 4, kind: 'number', meaning: 'Checksum of the rest of the sector.' },
  { name: 'size', offset: 16, width: 8, kind: 'bytes', meaning: "The image's length when the change was complete." },
  { name: 'modified', offset: 24, width: 8, kind: 'number', meaning: 'Its mtime then, in nanoseconds.' },
  { name: 'changed', offset: 32, width: 8, kind: 'number', meaning: 'Its ctime then, in nanoseconds.' },
] as const;

const recordFields = [
  { name: 'sum_hi', offset: 0, width: 4, kind: 'number', meaning: 'Checksum of the rest of the record.' },
  { name: 'sum_lo', offset: 4, width: 4, kind: 'number', meaning: 'Checksum of the rest of the record.' },
  { name: 'at', offset: 8, width: 8, kind: 'host-offset', meaning: 'Where its sectors are. Bit 63: in the data file.' },
  { name: 'sectors', offset: 16, width: 4, kind: 'count', meaning: 'Sectors of 512 bytes.' },
  { name: 'old_bytes', offset: 20, width: 4, kind: 'bytes', meaning: 'Bytes before: fewer where the file ended.' },
] as const;

/** Bytes of a record before its content. */
export const recordHeadBytes = sizeOf(recordFields);
const headerBytes = sizeOf(headerFields);
const sumStart = 16;

/** What the header of a journal says. */
export interface JournalHeader {
  /** The image before the change. */
  readonly before: FileState;
  /** Bytes that the image has after it. */
  readonly sizeAfter: bigint;
  readonly title: string;
  readonly recordCount: number;
  readonly recordsEnd: bigint;
  /** Of the external data file, where it gets another length. */
  readonly dataFile?: DataFileLengths;
}

/** How long an external data file is before a change and after it. Bytes. */
export interface DataFileLengths {
  readonly before: bigint;
  readonly after: bigint;
}

/** A run of sectors that a change writes. */
export interface JournalRecord {
  /** Host offset in bytes, a multiple of 512. */
  readonly at: bigint;
  /** What was there: whole sectors, or less where the file ended. */
  readonly before: Uint8Array;
  /** For each sector the checksum of what the change writes: two words each. */
  readonly after: Uint32Array;
  /** Whether the sectors are those of the external data file. */
  readonly inDataFile: boolean;
}

/** In the place of a record: it is of the external data file. */
const dataFileBit = 1n << 63n;

/** The sector of the header. A long title is cut. */
export function encodeJournalHeader(header: JournalHeader): Uint8Array {
  const { before, sizeAfter, title, recordCount, recordsEnd, dataFile } = header;
  const sector = new Uint8Array(sectorSize);
  const identity = encodeText(before.identity);
  const text = encodeText(title).subarray(0, sectorSize - headerBytes - identity.length);
  sector.set(identity, headerBytes);
  sector.set(text, headerBytes + identity.length);
  const fields = {
    magic: journalMagic,
    sum_hi: 0,
    sum_lo: 0,
    version: journalVersion,
    record_count: recordCount,
    records_end: recordsEnd,
    size_before: before.size,
    modified: before.modified,
    changed: before.changed,
    size_after: sizeAfter,
    identity_bytes: identity.length,
    title_bytes: text.length,
    data_before: dataFile?.before ?? 0n,
    data_after: dataFile?.after ?? 0n,
  };
  return sealed(sector, headerFields, fields);
}

/** Reads the header; undefined where it is none, so that the change never began. */
export function decodeJournalHeader(sector: Uint8Array): JournalHeader | undefined {
  const fields = decodeFields(headerFields, sector);
  if (!intact(sector, fields) || fields.version !== journalVersion) {
    return undefined;
  }
  const titleAt = headerBytes + fields.identity_bytes;
  return {
    before: {
      identity: decodeText(sector.subarray(headerBytes, titleAt)),
      size: fields.size_before,
      modified: fields.modified,
      changed: fields.changed,
    },
    sizeAfter: fields.size_after,
    title: decodeText(sector.subarray(titleAt, titleAt + fields.title_bytes)),
    recordCount: fields.record_count,
    recordsEnd: fields.records_end,
    ...(fields.data_after === 0n ? {} : { dataFile: { before: fields.data_before, after: fields.data_after } }),
  };
}

/** The sector that says that a change is complete, and what the image was then. */
export function encodeCompletion({ size, modified, changed }: FileState): Uint8Array {
  const fields = { magic: journalMagic, sum_hi: 0, sum_lo: 0, size, modified, changed };
  return sealed(new Uint8Array(sectorSize), stateFields, fields);
}

/** Reads that sector; undefined while the change is not complete. */
export function decodeCompletion(sector: Uint8Array): Omit<FileState, 'identity'> | undefined {
  const fields = decodeFields(stateFields, sector);
  const { size, modified, changed } = fields;
  return intact(sector, fields) ? { size, modified, changed } : undefined;
}

/** The bytes of a record. */
export function encodeRecord({ at: place, before, after, inDataFile }: JournalRecord): Uint8Array {
  const at = inDataFile ? place | dataFileBit : place;
  const sectors = after.length / 2;
  const bytes = new Uint8Array(recordLength(before.length, sectors));
  bytes.set(before, recordHeadBytes);
  const view = new DataView(bytes.buffer, recordHeadBytes + padded(before.length));
  for (const [index, word] of after.entries()) {
    view.setUint32(index * 4, word);
  }
  encodeFields(recordFields, { sum_hi: 0, sum_lo: 0, at, sectors, old_bytes: before.length }, bytes);
  const sum = checksum(bytes, 8, bytes.length - 8);
  encodeFields(recordFields, { sum_hi: sum.hi, sum_lo: sum.lo, at, sectors, old_bytes: before.length }, bytes);
  return bytes;
}

/** Bytes of the record whose first bytes these are. */
export function recordLengthOf(head: Uint8Array): number {
  const { sectors, old_bytes: before } = decodeFields(recordFields, head);
  return recordLength(before, sectors);
}

/** Reads a record; undefined where it is damaged. */
export function decodeRecord(bytes: Uint8Array): JournalRecord | undefined {
  const fields = decodeFields(recordFields, bytes);
  const sum = checksum(bytes, 8, bytes.length - 8);
  if (fields.sum_hi !== sum.hi || fields.sum_lo !== sum.lo) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + recordHeadBytes + padded(fields.old_bytes));
  const after = Uint32Array.from({ length: fields.sectors * 2 }, (_, index) => view.getUint32(index * 4));
  const inDataFile = fields.at >= dataFileBit;
  const at = inDataFile ? fields.at - dataFileBit : fields.at;
  return { at, inDataFile, before: bytes.slice(recordHeadBytes, recordHeadBytes + fields.old_bytes), after };
}

/** The checksums of the sectors of `bytes`; a last one that is cut counts with zeros behind it. */
export function sectorSums(bytes: Uint8Array): Uint32Array {
  const sums = new Uint32Array(Math.ceil(bytes.length / sectorSize) * 2);
  for (let index = 0; index < sums.length; index += 2) {
    const { hi, lo } = checksum(bytes, (index / 2) * sectorSize, sectorSize);
    sums[index] = hi;
    sums[index + 1] = lo;
  }
  return sums;
}

function recordLength(before: number, sectors: number): number {
  return recordHeadBytes + padded(before) + sectors * 8;
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}

type Sealed = { readonly sum_hi: number; readonly sum_lo: number; readonly magic: bigint };

function sealed<const T extends typeof headerFields | typeof stateFields>(
  sector: Uint8Array,
  table: T,
  fields: Decoded<T>,
): Uint8Array {
  encodeFields(table, fields, sector);
  const sum = checksum(sector, sumStart, sectorSize - sumStart);
  encodeFields(table, { ...fields, sum_hi: sum.hi, sum_lo: sum.lo }, sector);
  return sector;
}

function intact(sector: Uint8Array, { magic, sum_hi: hi, sum_lo: lo }: Sealed): boolean {
  const sum = checksum(sector, sumStart, sectorSize - sumStart);
  return magic === journalMagic && hi === sum.hi && lo === sum.lo;
}
