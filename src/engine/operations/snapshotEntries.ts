import { Qcow2Error } from '../error.ts';
import { alignEntry } from '../format/chunk.ts';
import type { Header } from '../format/header.ts';
import {
  encodeSnapshot,
  encodeSnapshotExtra,
  requiredExtraBytes,
  type Snapshot,
  snapshotExtraData,
  snapshotId,
  snapshotIdBytes,
  snapshotNameBytes,
  snapshotVmStateSize,
} from '../format/snapshots.ts';
import { encodeText } from '../format/text.ts';
import { limits } from '../limits.ts';

/** Bytes that QEMU reads of a snapshot's name. */
export const longestSnapshotName = 255;

/** "Not recorded", for the number of instructions. */
const noIcount = 2n ** 64n - 1n;

/** A point in time. */
export interface SnapshotDate {
  /** Since 1970. */
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What a new entry tells. */
export interface NewSnapshot {
  readonly id: bigint;
  readonly name: Uint8Array;
  readonly date: SnapshotDate;
  /** Host offset in bytes. */
  readonly l1Offset: bigint;
  readonly l1Entries: number;
  /** Bytes of the disk. */
  readonly diskSize: bigint;
}

/** The entry of a snapshot without the machine's state, as qemu-img 7.2 writes it in both versions: icount is 0. */
export function newSnapshotEntry({ id, name, date, l1Offset, l1Entries, diskSize }: NewSnapshot): Uint8Array {
  return encodeSnapshot({
    fields: {
      l1_table_offset: l1Offset,
      l1_size: l1Entries,
      id_str_size: 0,
      name_size: 0,
      date_sec: date.seconds,
      date_nsec: date.nanoseconds,
      vm_clock_nsec: 0n,
      vm_state_size: 0,
      extra_data_size: 0,
    },
    extraData: encodeSnapshotExtra({ vm_state_size_large: 0n, disk_size: diskSize, icount: 0n }),
    id: encodeText(String(id)),
    name,
  });
}

/** The ID that QEMU gives the next snapshot: one more than the highest (find_new_snapshot_id). */
export function nextSnapshotId(snapshots: readonly Snapshot[]): bigint {
  const ids = snapshots.map((snapshot) => BigInt(/^\s*\+?(\d+)/.exec(snapshotId(snapshot))?.[1] ?? '0'));
  return BigInt.asUintN(64, ids.reduce((highest, id) => (id > highest ? id : highest), 0n) + 1n);
}

/**
 * The bytes of an entry that stays: as they are. Only where version 3 asks for the disk's size and the entry has none, it
 * gets what it was taken to be, as QEMU does whenever it writes the table.
 */
export function keptSnapshotEntry(snapshot: Snapshot, { version, size }: Header): Uint8Array {
  if (version < 3 || snapshot.fields.extra_data_size >= requiredExtraBytes) {
    return snapshot.bytes;
  }
  const known = encodeSnapshotExtra({
    vm_state_size_large: snapshotVmStateSize(snapshot),
    disk_size: diskBytes(size),
    icount: noIcount,
  });
  known.set(snapshotExtraData(snapshot).subarray(0, 8));
  const { fields } = snapshot;
  return encodeSnapshot({
    fields,
    extraData: known,
    id: snapshotIdBytes(snapshot),
    name: snapshotNameBytes(snapshot),
  });
}

/** The bytes of the snapshot table. Throws `too-large` (QEMU: EFBIG) for more than QEMU reads. */
export function snapshotTableBytes(entries: readonly Uint8Array[]): Uint8Array {
  let end = 0n;
  const places = entries.map((entry) => {
    const at = alignEntry(end);
    end = at + BigInt(entry.length);
    return Number(at);
  });
  if (entries.length > limits.snapshots || end > BigInt(limits.snapshotTableBytes)) {
    throw new Qcow2Error('too-large', `An image has at most ${limits.snapshots} snapshots, in a table of 64 MiB.`, {
      system: 'EFBIG',
    });
  }
  const bytes = new Uint8Array(Number(end));
  for (const [index, entry] of entries.entries()) {
    bytes.set(entry, places[index]);
  }
  return bytes;
}

/** The size of a disk as QEMU has it: whole sectors. Bytes. */
export function diskBytes(size: bigint): bigint {
  return size - (size % 512n);
}

/**
 * The snapshot that a word of the user means, as QEMU looks for it: `id-or-name`, the first with that ID, else the first
 * with that name (find_snapshot_by_id_or_name); `name`, by name alone (bdrv_snapshot_find).
 *
 * @param word - bytes, as they are in the image
 */
export function findSnapshot(
  snapshots: readonly Snapshot[],
  word: Uint8Array,
  by: 'id-or-name' | 'name',
): Snapshot | undefined {
  const named = (bytes: Uint8Array, most = bytes.length): boolean => {
    const text = bytes.subarray(0, bytes.includes(0) ? bytes.indexOf(0) : bytes.length).subarray(0, most);
    return text.length === word.length && text.every((byte, index) => byte === word[index]);
  };
  if (by === 'name') {
    return snapshots.find((snapshot) => named(snapshotNameBytes(snapshot), longestSnapshotName));
  }
  return (
    snapshots.find((snapshot) => named(snapshotIdBytes(snapshot))) ??
    snapshots.find((snapshot) => named(snapshotNameBytes(snapshot)))
  );
}
