import { type Finding, finding } from '../finding.ts';
import { limits } from '../limits.ts';
import { alignEntry, type TableChunk, type TableCursor } from './chunk.ts';
import { type Decoded, decodeFields, encodeFields, sizeOf } from './field.ts';
import { decodeText } from './text.ts';

/** The fixed part of a bitmap directory entry (spec, "Bitmap directory"). */
export const bitmapFields = [
  {
    name: 'bitmap_table_offset',
    offset: 0,
    width: 8,
    kind: 'host-offset',
    meaning: "Where the bitmap's table starts. Aligned to a cluster.",
  },
  { name: 'bitmap_table_size', offset: 8, width: 4, kind: 'count', meaning: "Entries of the bitmap's table." },
  { name: 'flags', offset: 12, width: 4, kind: 'bits', meaning: 'in_use, auto, extra_data_compatible.' },
  { name: 'type', offset: 16, width: 1, kind: 'enum', meaning: 'What kind of bitmap it is: 1 is dirty tracking.' },
  {
    name: 'granularity_bits',
    offset: 17,
    width: 1,
    kind: 'number',
    meaning: 'One bit stands for 2^granularity_bits bytes of the disk.',
  },
  { name: 'name_size', offset: 18, width: 2, kind: 'bytes', meaning: 'Length of the name.' },
  { name: 'extra_data_size', offset: 20, width: 4, kind: 'bytes', meaning: 'Length of the extra data that follows.' },
] as const;

/** Bytes of the fixed part of an entry. */
export const bitmapFixedBytes = sizeOf(bitmapFields);

/** The flags of a directory entry, by their bits. */
export const bitmapFlags = [
  { bit: 0, name: 'in_use', meaning: 'The bitmap was not saved properly: its content must not be relied on.' },
  { bit: 1, name: 'auto', meaning: 'Every write to the disk must be recorded in it.' },
  { bit: 2, name: 'extra_data_compatible', meaning: 'It may be used even if its extra data is not understood.' },
] as const;

/** Type 1: the only one of the spec. */
export const dirtyTracking = 1;

/** Entries with more extra data than this are listed without it and without their name: the length is junk. */
const longestExtraBytes = 1024 * 1024;

/** An entry of the bitmap directory. */
export interface Bitmap {
  /** Index in the directory. */
  readonly index: number;
  /** Host offset of the entry in bytes. */
  readonly offset: bigint;
  readonly fields: Readonly<Decoded<typeof bitmapFields>>;
  readonly extraData: Uint8Array;
  readonly nameBytes: Uint8Array;
}

/** The name as text. */
export function bitmapName(bitmap: Pick<Bitmap, 'nameBytes'>): string {
  return decodeText(bitmap.nameBytes);
}

/** The names of the set flags; unknown ones as `bit 7`. */
export function bitmapFlagNames(flags: number): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if (((flags >>> bit) & 1) === 1) {
      names.push(bitmapFlags.find((flag) => flag.bit === bit)?.name ?? `bit ${bit}`);
    }
  }
  return names;
}

/** The bytes of an entry with its padding to 8 bytes. Lengths are those of the given bytes. */
export function encodeBitmap(bitmap: Pick<Bitmap, 'fields' | 'extraData' | 'nameBytes'>): Uint8Array {
  const { fields, extraData, nameBytes } = bitmap;
  const bytes = new Uint8Array((bitmapFixedBytes + extraData.length + nameBytes.length + 7) & ~7);
  const sizes = { extra_data_size: extraData.length, name_size: nameBytes.length };
  encodeFields(bitmapFields, { ...fields, ...sizes }, bytes);
  bytes.set(extraData, bitmapFixedBytes);
  bytes.set(nameBytes, bitmapFixedBytes + extraData.length);
  return bytes;
}

/** What the bitmap directory is read with. */
export interface BitmapDirectoryFormat {
  /** nb_bitmaps of the bitmaps extension. */
  readonly count: number;
  /** Host offset of the directory in bytes. */
  readonly directoryOffset: bigint;
  /** Bytes, as the bitmaps extension says. */
  readonly directorySize: bigint;
  readonly clusterBits: number;
  /** The disk's virtual size in bytes. */
  readonly virtualSize: bigint;
}

/**
 * Parses the entries that lie wholly in `bytes`, which start at host offset `cursor.offset`; findings are those of
 * QEMU's bitmap_list_load and check_dir_entry. Entries past the given count are listed too: the number may be what is
 * wrong. Stops at the directory's end, or where it is broken.
 */
export function parseBitmapDirectory(
  bytes: Uint8Array,
  cursor: TableCursor,
  format: BitmapDirectoryFormat,
): TableChunk<Bitmap> {
  const entries: Bitmap[] = [];
  const findings: Finding[] = [];
  const end = format.directoryOffset + format.directorySize;
  let { index, offset } = cursor;
  while (offset < end && index < limits.bitmaps) {
    const at = Number(offset - cursor.offset);
    const left = end - offset;
    const fits = left >= bitmapFixedBytes;
    if (fits && at + bitmapFixedBytes > bytes.length) {
      return { entries, findings, next: { index, offset }, needs: bitmapFixedBytes, broken: false };
    }
    const fields = decodeFields(bitmapFields, bytes, at);
    const length = bitmapFixedBytes + fields.extra_data_size + fields.name_size;
    const next = alignEntry(offset + BigInt(length));
    const report = (code: Finding['code']): void => {
      const values = { index, count: format.count };
      findings.push(finding(code, `bitmap[${index}]`, values, { host: { offset, length: left } }));
    };
    if (!fits || next > end) {
      if (fits && index === format.count) {
        report('bitmap-directory-more');
      }
      // QEMU counts the length in 32 bits, and does not see that one which is negative then reaches past the end.
      if (fits && BigInt.asIntN(32, BigInt(length)) < 0n) {
        const values = { name: '', index, length: fields.extra_data_size };
        findings.push(finding('bitmap-extra-data', `bitmap[${index}]`, values, { host: { offset, length: left } }));
      }
      report('bitmap-directory-broken');
      return { entries, findings, next: { index, offset }, needs: 0, broken: true };
    }
    const kept = fields.extra_data_size > longestExtraBytes ? bitmapFixedBytes : length;
    if (at + kept > bytes.length) {
      return { entries, findings, next: { index, offset }, needs: kept, broken: false };
    }
    const keptEnd = at + kept;
    const nameAt = Math.min(at + bitmapFixedBytes + fields.extra_data_size, keptEnd);
    const bitmap = {
      index,
      offset,
      fields,
      extraData: bytes.slice(at + bitmapFixedBytes, nameAt),
      nameBytes: bytes.slice(nameAt, Math.min(nameAt + fields.name_size, keptEnd)),
    };
    entries.push(bitmap);
    if (index === format.count) {
      report('bitmap-directory-more');
    }
    findings.push(...bitmapFindings(bitmap, format));
    offset = next;
    index++;
  }
  if (index < format.count) {
    const values = { found: index, count: format.count };
    const host = { offset: format.directoryOffset, length: format.directorySize };
    findings.push(finding('bitmap-directory-less', 'bitmaps', values, { host }));
  }
  return { entries, findings, next: { index, offset }, needs: 0, broken: false };
}

/** What is wrong with one entry. */
function bitmapFindings(bitmap: Bitmap, format: BitmapDirectoryFormat): Finding[] {
  const { index, fields, offset } = bitmap;
  const length = BigInt(bitmapFixedBytes + fields.extra_data_size + fields.name_size);
  const findings: Finding[] = [];
  const report = (code: Finding['code'], values: Finding['values'] = {}): void => {
    const name = bitmapName(bitmap);
    findings.push(finding(code, `bitmap[${index}]`, { name, index, ...values }, { host: { offset, length } }));
  };
  if (fields.extra_data_size !== 0) {
    report('bitmap-extra-data', { length: fields.extra_data_size });
  }
  const problem = entryProblem(fields, format);
  if (problem !== undefined) {
    report('bitmap-constraints', { rule: problem });
  }
  if (fields.name_size === 0) {
    report('bitmap-name-empty');
  }
  if ((fields.flags & 1) !== 0) {
    report('bitmap-in-use');
  }
  return findings;
}

/** The first of check_dir_entry's constraints that the entry breaks, as half a sentence. */
function entryProblem(fields: Bitmap['fields'], format: BitmapDirectoryFormat): string | undefined {
  const { bitmap_table_offset: offset, bitmap_table_size: entries, granularity_bits: granularity } = fields;
  const clusterSize = 1n << BigInt(format.clusterBits);
  const dataBytes = BigInt(entries) * clusterSize;
  if (entries === 0) {
    return 'its table has no entries';
  }
  if (offset === 0n) {
    return 'it has no table';
  }
  if (offset % clusterSize !== 0n) {
    return `its table's offset 0x${offset.toString(16)} is not aligned to a cluster`;
  }
  if (entries > limits.bitmapTableEntries) {
    return `its table has ${entries} entries, more than ${limits.bitmapTableEntries}`;
  }
  if (granularity < limits.minGranularityBits || granularity > limits.maxGranularityBits) {
    return `its granularity of 2^${granularity} bytes is not between 2^${limits.minGranularityBits} and 2^${limits.maxGranularityBits}`;
  }
  if ((fields.flags & ~3) !== 0) {
    return `it has the flags ${bitmapFlagNames(fields.flags).join(', ')}, of which QEMU knows in_use and auto`;
  }
  if (fields.name_size > limits.bitmapNameBytes) {
    return `its name has ${fields.name_size} bytes, more than ${limits.bitmapNameBytes}`;
  }
  if (fields.type !== dirtyTracking) {
    return `its type is ${fields.type}, not ${dirtyTracking} (dirty tracking)`;
  }
  if (dataBytes > limits.bitmapBytes) {
    return `it has ${dataBytes} bytes of data, more than ${limits.bitmapBytes}`;
  }
  if ((fields.flags & 1) === 0 && format.virtualSize > dataBytes << BigInt(granularity + 3)) {
    return 'its table is too small for the disk';
  }
  return undefined;
}
