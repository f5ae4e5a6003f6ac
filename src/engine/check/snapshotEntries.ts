import type { Finding } from '../finding.ts';
import { requiredExtraBytes, type Snapshot } from '../format/snapshots.ts';
import type { Image } from '../image/image.ts';
import { walkSnapshotTable } from '../image/snapshotTable.ts';
import { limits } from '../limits.ts';
import { CheckStopped } from './checkStopped.ts';
import { messages } from './messages.ts';
import type { Tally } from './tally.ts';

/** The snapshot table as a check sees it. */
export interface SnapshotEntries {
  readonly entries: readonly Snapshot[];
  /** Bytes that the table takes. */
  readonly length: bigint;
}

/** Bytes of an entry of zeros: what QEMU reads past the end of the file. */
const emptyEntryBytes = 40n;

/** Reads the snapshot table, as QEMU's check does (qcow2_check_read_snapshot_table). Throws `CheckStopped`. */
export async function readSnapshotEntries(image: Image, tally: Tally): Promise<SnapshotEntries> {
  const { header, storage, geometry } = image;
  if (!header || !geometry) {
    return { entries: [], length: 0n };
  }
  const count = header.nb_snapshots;
  if (count > limits.snapshots) {
    tally.fail(`${messages.snapshotTableTooLarge}\n${messages.removeSnapshots(count - limits.snapshots)}`, true);
    throw new CheckStopped('EFBIG');
  }
  const start = header.snapshots_offset;
  if (start % BigInt(geometry.clusterSize) !== 0n || start >= 2n ** 63n) {
    tally.fail(messages.snapshotTableOffset, true);
    throw new CheckStopped('EINVAL');
  }
  const entries: Snapshot[] = [];
  let fault: string | undefined;
  const end = await walkSnapshotTable(storage, header, (chunk) => {
    for (const entry of chunk.entries) entries.push(entry);
    fault ??= chunk.findings.map(tableFault).find((one) => one !== undefined);
  });
  if (fault !== undefined) {
    tally.fail(fault, true);
    throw new CheckStopped('EFBIG');
  }
  if (end?.unreadable) {
    tally.fail(messages.snapshotTableUnreadable(end.unreadable.system), true);
    throw new CheckStopped(end.unreadable.system);
  }
  const missing = count - entries.length;
  const taken = (end?.offset ?? start) - start;
  // Each entry starts at a multiple of 8.
  const length = missing === 0 ? taken : ((taken + 7n) / 8n) * 8n + emptyEntryBytes * BigInt(missing);
  for (let index = 0; index < count && header.version >= 3; index++) {
    if ((entries[index]?.fields.extra_data_size ?? 0) < requiredExtraBytes) {
      tally.corrupt(messages.snapshotIncomplete(index));
    }
  }
  return { entries, length };
}

/** What QEMU says of a finding for which it does not read the table to its end. */
function tableFault({ code, values }: Finding): string | undefined {
  if (code === 'snapshot-extra-too-large') {
    return messages.snapshotExtra(Number(values.index));
  }
  return code === 'snapshot-table-too-big' ? messages.snapshotTableTooBig(Number(values.overhanging)) : undefined;
}
