import type { Draft } from '../../change/draft.ts';
import { l1EntryBytes } from '../../format/l1.ts';
import { type Snapshot, snapshotExtra, snapshotVmStateSize } from '../../format/snapshots.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import { openImage } from '../../image/open.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import type { Wanted } from './selection.ts';
import { isPlausible } from './snapshots.ts';

/** Where the number of L1 entries is in an entry of the snapshot table. */
const l1SizeAt = 8n;

/**
 * Has the L1 tables of snapshots that are larger than QEMU reads end where the disk of the snapshot ends, or the state of the
 * machine behind it; only where nothing but zeros follows in the table's last cluster. Returns how many.
 */
export async function mendSnapshotL1Sizes(draft: Draft, geometry: Geometry, wanted: Wanted): Promise<number> {
  const { header } = await openImage(draft);
  let mended = 0;
  for (const snapshot of header ? await readSnapshots(draft, header) : []) {
    const { l1_table_offset: offset, l1_size: entries } = snapshot.fields;
    if (entries * l1EntryBytes <= limits.l1TableBytes || !wanted('snapshot-l1-too-large', offset)) {
      continue;
    }
    const needed = entriesFor(snapshot, geometry);
    const right = { ...snapshot, fields: { ...snapshot.fields, l1_size: needed } };
    if (needed > 0 && isPlausible(right, geometry) && (await endsAt(draft, geometry, offset, needed))) {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, needed);
      await draft.write(`snapshot[${snapshot.index}]`, snapshot.offset + l1SizeAt, bytes);
      mended++;
    }
  }
  await draft.endStep('Put the sizes of the snapshots’ L1 tables right');
  return mended;
}

/** L1 entries for the disk and the state of the machine of a snapshot; 0 where its entry does not tell. */
function entriesFor(snapshot: Snapshot, { l2Entries, clusterSize }: Geometry): number {
  const { disk_size: size = 0n } = snapshotExtra(snapshot);
  const span = BigInt(l2Entries) * BigInt(clusterSize);
  const state = (snapshotVmStateSize(snapshot) + span - 1n) / span;
  const entries = size === 0n ? 0n : (size + span - 1n) / span + state;
  return entries * BigInt(l1EntryBytes) <= BigInt(limits.l1TableBytes) ? Number(entries) : 0;
}

/** Whether an L1 table could end after so many entries: the rest of its last cluster is zeros. */
async function endsAt(draft: Draft, { clusterSize }: Geometry, offset: bigint, entries: number): Promise<boolean> {
  const end = offset + BigInt(entries * l1EntryBytes);
  const size = BigInt(clusterSize);
  const rest = new Uint8Array(Number((size - (end % size)) % size));
  const unreadable = await readHostBytes(draft, end, rest);
  return unreadable.length === 0 && rest.every((byte) => byte === 0);
}
