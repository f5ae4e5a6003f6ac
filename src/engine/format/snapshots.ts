import { type Finding, finding } from '../finding.ts';
import { limits } from '../limits.ts';
import { alignEntry, type TableChunk, type TableCursor } from './chunk.ts';
import { type Decoded, decodeFields, encodeFields, sizeOf } from './field.ts';
import { decodeText } from './text.ts';

/** The fixed part of a snapshot table entry (spec, "Snapshots"). */
export const snapshotFields = [
  {
    name: 'l1_table_offset',
    offset: 0,
    width: 8,
    kind: 'host-offset',
    meaning: "Where the snapshot's L1 table starts. Aligned to a cluster.",
  },
  { name: 'l1_size', offset: 8, width: 4, kind: 'count', meaning: "Entries of the snapshot's L1 table." },
  { name: 'id_str_size', offset: 12, width: 2, kind: 'bytes', meaning: 'Length of the ID.' },
  { name: 'name_size', offset: 14, width: 2, kind: 'bytes', meaning: 'Length of the name.' },
  { name: 'date_sec', offset: 16, width: 4, kind: 'time', meaning: 'When it was taken, in seconds since 1970.' },
  { name: 'date_nsec', offset: 20, width: 4, kind: 'number', meaning: 'The nanoseconds of that time.' },
  {
    name: 'vm_clock_nsec',
    offset: 24,
    width: 8,
    kind: 'number',
    meaning: 'How long the guest had been running, in nanoseconds.',
  },
  {
    name: 'vm_state_size',
    offset: 32,
    width: 4,
    kind: 'bytes',
    meaning: 'Size of the saved state of the machine, 0 if there is none. The extra data may have a wider one.',
  },
  { name: 'extra_data_size', offset: 36, width: 4, kind: 'bytes', meaning: 'Length of the extra data that follows.' },
] as const;

/** The known extra data of an entry, by offset in it. A field is there if the extra data reaches to its end. */
export const snapshotExtraFields = [
  {
    name: 'vm_state_size_large',
    offset: 0,
    width: 8,
    kind: 'guest-size',
    meaning: 'Size of the saved state of the machine; counts instead of the 32-bit one.',
  },
  {
    name: 'disk_size',
    offset: 8,
    width: 8,
    kind: 'guest-size',
    meaning: "The disk's virtual size when the snapshot was taken.",
  },
  {
    name: 'icount',
    offset: 16,
    width: 8,
    kind: 'number',
    meaning: 'Instructions executed when the snapshot was taken; all ones if record and replay was off.',
  },
] as const;

/** Bytes of the fixed part of an entry. */
export const snapshotFixedBytes = sizeOf(snapshotFields);

/** Bytes of extra data that a version 3 image must have in every entry: up to the disk size. */
export const requiredExtraBytes = 16;

/** Entries with more extra data than this are listed without ID and name: the length is junk. */
const longestExtraBytes = 1024 * 1024;

/** An entry of the snapshot table. */
export interface Snapshot {
  /** Index in the table. */
  readonly index: number;
  /** Host offset of the entry in bytes. */
  readonly offset: bigint;
  /** Bytes of the entry as its fields say, without padding. */
  readonly length: number;
  readonly fields: Readonly<Decoded<typeof snapshotFields>>;
  /**
   * The bytes of the entry: fixed part, extra data, ID, name. Less than `length` only where the extra data is
   * impossibly long (over 1 MiB): then the fixed part and the known extra data alone.
   */
  readonly bytes: Uint8Array;
}

/** The known extra data that an entry has. */
export interface SnapshotExtra {
  readonly vm_state_size_large?: bigint;
  readonly disk_size?: bigint;
  readonly icount?: bigint;
}

/** The extra data of an entry, known and unknown, as bytes. */
export function snapshotExtraData(snapshot: Snapshot): Uint8Array {
  return snapshot.bytes.subarray(snapshotFixedBytes, snapshotFixedBytes + snapshot.fields.extra_data_size);
}

/** The known fields of the extra data, as far as it reaches. */
export function snapshotExtra(snapshot: Snapshot): SnapshotExtra {
  const data = snapshotExtraData(snapshot);
  const all = decodeFields(snapshotExtraFields, data);
  return {
    ...(data.length >= 8 ? { vm_state_size_large: all.vm_state_size_large } : {}),
    ...(data.length >= 16 ? { disk_size: all.disk_size } : {}),
    ...(data.length >= 24 ? { icount: all.icount } : {}),
  };
}

/** The extra data past the known fields. A field that is there in part counts as unknown. */
export function snapshotUnknownExtra(snapshot: Snapshot): Uint8Array {
  const data = snapshotExtraData(snapshot);
  return data.subarray(Math.min(sizeOf(snapshotExtraFields), data.length & ~7));
}

/** Size of the saved machine state in bytes: the wide field where the entry has it, else the 32-bit one. */
export function snapshotVmStateSize(snapshot: Snapshot): bigint {
  return snapshotExtra(snapshot).vm_state_size_large ?? BigInt(snapshot.fields.vm_state_size);
}

/** The bytes of the ID. */
export function snapshotIdBytes(snapshot: Snapshot): Uint8Array {
  const { extra_data_size: extra, id_str_size: id } = snapshot.fields;
  return snapshot.bytes.subarray(snapshotFixedBytes + extra, snapshotFixedBytes + extra + id);
}

/** The bytes of the name. */
export function snapshotNameBytes(snapshot: Snapshot): Uint8Array {
  const { extra_data_size: extra, id_str_size: id, name_size: name } = snapshot.fields;
  return snapshot.bytes.subarray(snapshotFixedBytes + extra + id, snapshotFixedBytes + extra + id + name);
}

/** The ID as text. */
export function snapshotId(snapshot: Snapshot): string {
  return decodeText(snapshotIdBytes(snapshot));
}

/** The name as text. */
export function snapshotName(snapshot: Snapshot): string {
  return decodeText(snapshotNameBytes(snapshot));
}

/** The known extra data as bytes: all three fields. */
export function encodeSnapshotExtra(extra: Decoded<typeof snapshotExtraFields>): Uint8Array {
  const bytes = new Uint8Array(sizeOf(snapshotExtraFields));
  encodeFields(snapshotExtraFields, extra, bytes);
  return bytes;
}

/** What an entry is made of, to encode it. */
export interface SnapshotParts {
  /** The lengths of extra data, ID and name in it don't matter: the bytes' own are written. */
  readonly fields: Decoded<typeof snapshotFields>;
  readonly extraData: Uint8Array;
  readonly id: Uint8Array;
  readonly name: Uint8Array;
}

/** The bytes of an entry, without the padding to 8 bytes that follows all but the last. */
export function encodeSnapshot({ fields, extraData, id, name }: SnapshotParts): Uint8Array {
  const bytes = new Uint8Array(snapshotFixedBytes + extraData.length + id.length + name.length);
  const sizes = { extra_data_size: extraData.length, id_str_size: id.length, name_size: name.length };
  encodeFields(snapshotFields, { ...fields, ...sizes }, bytes);
  bytes.set(extraData, snapshotFixedBytes);
  bytes.set(id, snapshotFixedBytes + extraData.length);
  bytes.set(name, snapshotFixedBytes + extraData.length + id.length);
  return bytes;
}

/** What the snapshot table is read with. */
export interface SnapshotTableFormat {
  /** nb_snapshots, at most `limits.snapshots`. */
  readonly count: number;
  /** Host offset of the table in bytes. */
  readonly tableOffset: bigint;
}

/**
 * Parses the entries that lie wholly in `bytes`, which start at host offset `cursor.offset`. Each entry keeps a copy of
 * its own bytes, so that `bytes` can be a window that moves over the table. Stops at the largest table that QEMU
 * accepts.
 */
export function parseSnapshotTable(
  bytes: Uint8Array,
  cursor: TableCursor,
  format: SnapshotTableFormat,
): TableChunk<Snapshot> {
  const entries: Snapshot[] = [];
  const findings: Finding[] = [];
  let { index, offset } = cursor;
  while (index < format.count) {
    const start = alignEntry(offset);
    const at = Number(start - cursor.offset);
    const padding = Number(start - offset);
    if (at + snapshotFixedBytes > bytes.length) {
      return { entries, findings, next: { index, offset }, needs: padding + snapshotFixedBytes, broken: false };
    }
    const fields = decodeFields(snapshotFields, bytes, at);
    const length = snapshotFixedBytes + fields.extra_data_size + fields.id_str_size + fields.name_size;
    const kept = fields.extra_data_size > longestExtraBytes ? longestKnown : length;
    if (at + kept > bytes.length) {
      return { entries, findings, next: { index, offset }, needs: padding + kept, broken: false };
    }
    const snapshot = { index, offset: start, length, fields, bytes: bytes.slice(at, at + kept) };
    if (fields.extra_data_size > limits.snapshotExtraBytes) {
      const values = { index, length: fields.extra_data_size };
      findings.push(finding('snapshot-extra-too-large', `snapshot[${index}]`, values, place(snapshot)));
    }
    if (start + BigInt(length) - format.tableOffset > limits.snapshotTableBytes) {
      const values = { index, overhanging: format.count - index };
      findings.push(finding('snapshot-table-too-big', 'header.snapshots_offset', values, place(snapshot)));
      return { entries, findings, next: { index, offset }, needs: 0, broken: true };
    }
    entries.push(snapshot);
    offset = start + BigInt(length);
    index++;
  }
  return { entries, findings, next: { index, offset }, needs: 0, broken: false };
}

const longestKnown = snapshotFixedBytes + sizeOf(snapshotExtraFields);

/**
 * Runs of entries without the extra data that version 3 requires (QEMU: "snapshot table entry is incomplete"), one
 * finding a run: all of an old table lack it.
 */
export function incompleteSnapshots(snapshots: readonly Snapshot[], version: number): Finding[] {
  const findings: Finding[] = [];
  let run: Snapshot[] = [];
  const flush = (): void => {
    const first = run[0];
    const last = run.at(-1);
    if (first !== undefined && last !== undefined) {
      const chain = first === last ? `snapshot[${first.index}]` : `snapshot[${first.index}…${last.index}]`;
      const length = last.offset + BigInt(last.length) - first.offset;
      const values = { index: first.index, length: first.fields.extra_data_size, last: last.index, count: run.length };
      findings.push(finding('snapshot-entry-incomplete', chain, values, { host: { offset: first.offset, length } }));
    }
    run = [];
  };
  for (const snapshot of version >= 3 ? snapshots : []) {
    if (snapshot.fields.extra_data_size < requiredExtraBytes) {
      run.push(snapshot);
    } else {
      flush();
    }
  }
  flush();
  return findings;
}

function place(snapshot: Snapshot): { host: { offset: bigint; length: bigint } } {
  return { host: { offset: snapshot.offset, length: BigInt(snapshot.length) } };
}
