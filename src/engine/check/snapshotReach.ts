import { type Finding, finding } from '../finding.ts';
import { type Snapshot, snapshotExtra, snapshotName, snapshotVmStateSize } from '../format/snapshots.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { walkSnapshotTable } from '../image/snapshotTable.ts';
import type { FindingSet } from './findingSet.ts';

/** Finds snapshots whose L1 tables do not reach as far as their disk, or the state of the machine behind it. */
export async function walkSnapshotReach(
  { storage, header }: Image,
  geometry: Geometry,
  set: FindingSet,
): Promise<void> {
  if (header) {
    await walkSnapshotTable(storage, header, ({ entries }) => {
      set.add(...entries.flatMap((entry) => reachFindings(entry, geometry)));
    });
  }
}

/** Entries without a disk size (version 2) mean the disk as it is now, which may have grown since. */
function reachFindings(entry: Snapshot, { l2Entries, clusterSize }: Geometry): Finding[] {
  const { disk_size: size } = snapshotExtra(entry);
  if (size === undefined) {
    return [];
  }
  const span = BigInt(l2Entries) * BigInt(clusterSize);
  const reach = BigInt(entry.fields.l1_size) * span;
  const host = { offset: entry.offset, length: BigInt(entry.length) };
  const report = (code: 'snapshot-l1-too-small' | 'snapshot-vm-state-cut', needed: bigint): Finding[] => [
    finding(
      code,
      `snapshot[${entry.index}]`,
      { name: snapshotName(entry), index: entry.index, reach, needed },
      { host },
    ),
  ];
  if (size > reach) {
    return report('snapshot-l1-too-small', size);
  }
  // The state lies behind the first L1 entry past the end of the disk.
  const state = snapshotVmStateSize(entry);
  const end = ((size + span - 1n) / span) * span + state;
  return state > 0n && end > reach ? report('snapshot-vm-state-cut', end) : [];
}
