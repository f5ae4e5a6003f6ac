import { Draft } from '../../change/draft.ts';
import { Qcow2Error } from '../../error.ts';
import { l1EntryBytes } from '../../format/l1.ts';
import { showOffset } from '../../format/show.ts';
import type { Snapshot } from '../../format/snapshots.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readL1 } from '../../image/l1Table.ts';
import { openImage } from '../../image/open.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import { EndClusters } from './endClusters.ts';
import { isUnclaimed } from './entryRepair.ts';
import { holdsMore, isL1Table, leadsToNoTable } from './orphans.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { isPlausible } from './snapshots.ts';
import { type Survey, survey } from './survey.ts';
import { isClaimed, only, without } from './unclaimedPlaces.ts';

/** Where the number of L1 entries is in an entry. */
const l1SizeAt = 8n;

/**
 * Has the entries of snapshots whose L1 table is said to be at no cluster lead to the one that it lies in, or else to the
 * only one that fits; and to that one too where it is said to be what the guest has now. Returns by code how many.
 */
export async function mendSnapshotL1Places(
  draft: Draft,
  geometry: Geometry,
  end: EndClusters,
  wanted: Wanted,
  progress: Progress,
): Promise<ReadonlyMap<RepairCode, number>> {
  const image = await openImage(draft);
  const size = BigInt(geometry.clusterSize);
  const mended = new Map<RepairCode, number>();
  const snapshots = image.header ? await readSnapshots(draft, image.header) : [];
  const broken = await brokenL1Places(draft, snapshots, geometry, end, wanted, progress);
  if (broken.size === 0) {
    return mended;
  }
  const found = await survey(image, geometry, end, true, progress);
  for (const [{ index, offset, fields }, code] of broken) {
    const fits = (cluster: number): Promise<boolean> => isL1Table(draft, geometry, cluster, fields.l1_size);
    const meant = Number(fields.l1_table_offset / size);
    const isMeant = isUnclaimed(found, meant) && (await fits(meant));
    const at = isMeant ? meant : broken.size === 1 ? await only(found, progress, fits) : undefined;
    if (at !== undefined) {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(at) * size);
      await draft.write(`snapshot[${index}]`, offset, bytes);
      mended.set(code, (mended.get(code) ?? 0) + 1);
    }
  }
  await draft.endStep('Have the snapshots lead to their L1 tables');
  return mended;
}

/** The snapshots whose L1 table is not where they say, with the code of what is wrong. */
async function brokenL1Places(
  draft: Draft,
  snapshots: readonly Snapshot[],
  geometry: Geometry,
  end: EndClusters,
  wanted: Wanted,
  progress: Progress,
): Promise<ReadonlyMap<Snapshot, RepairCode>> {
  const size = BigInt(geometry.clusterSize);
  const broken = new Map<Snapshot, RepairCode>();
  let now: Survey | undefined;
  for (const snapshot of snapshots) {
    const { l1_table_offset: offset, l1_size: entries } = snapshot.fields;
    if (offset % size !== 0n) {
      if (wanted('snapshot-l1-offset-invalid', snapshot.offset)) {
        broken.set(snapshot, 'snapshot-l1-offset-invalid');
      }
    } else if (
      isPlausible(snapshot, geometry) &&
      entries * l1EntryBytes <= limits.l1TableBytes &&
      wanted('clusters-overlap', offset) &&
      !(await isL1Table(draft, geometry, Number(offset / size), entries))
    ) {
      now ??= await survey(
        await without(draft, { nb_snapshots: 0, snapshots_offset: 0n }),
        geometry,
        end,
        false,
        progress,
      );
      if (isClaimed(now, offset, Math.max(1, entries * l1EntryBytes))) {
        broken.set(snapshot, 'clusters-overlap');
      }
    }
  }
  return broken;
}

/**
 * Throws `refused` where the L1 table of a snapshot is said to lie on another structure, or lies on the guest's tables or
 * data and leads to no L2 table, or has something behind it: as entries its bytes would be put right, and be lost. Likewise
 * where the snapshot table reaches over something else by an entry that makes no sense: what is there would be taken from
 * the guest.
 */
export async function requireSnapshotPlaces(draft: Draft, geometry: Geometry, progress: Progress): Promise<void> {
  const { header, snapshots: table } = await openImage(draft);
  const snapshots = header ? await readSnapshots(draft, header) : [];
  if (!header || snapshots.length === 0) {
    return;
  }
  const bare = await without(draft, { nb_snapshots: 0, snapshots_offset: 0n });
  const found = await survey(bare, geometry, new EndClusters(geometry, false), false, progress);
  const broken = snapshots.find((one) => !isPlausible(one, geometry));
  if (broken && isClaimed(found, header.snapshots_offset, Number(table.end - header.snapshots_offset))) {
    throw new Qcow2Error(
      'refused',
      `The image is not changed. The snapshot table is said to reach from ${showOffset(header.snapshots_offset)} to ${showOffset(table.end)}, over other structures or the guest’s data, since its entry ${broken.index} at ${showOffset(broken.offset)} makes no sense: what is right there has to be known before the rest is repaired.`,
    );
  }
  const doubtful: Snapshot[] = [];
  for (const snapshot of snapshots) {
    const { l1_table_offset: offset, l1_size: entries } = snapshot.fields;
    const length = BigInt(Math.max(1, entries * l1EntryBytes));
    if (offset % BigInt(geometry.clusterSize) !== 0n || length > limits.l1TableBytes) {
      continue;
    }
    const isOnSnapshotTable = offset < table.end && offset + length > header.snapshots_offset;
    if (isOnSnapshotTable || (await isOnOther(draft, found, snapshot))) {
      throw misplaced(snapshot);
    }
    if (!(await isL1Table(draft, geometry, Number(offset / BigInt(geometry.clusterSize)), entries))) {
      doubtful.push(snapshot);
    }
  }
  if (doubtful.length > 0) {
    const view = new Draft(draft);
    for (const { index, offset } of doubtful) {
      await view.write(`snapshot[${index}]`, offset + l1SizeAt, new Uint8Array(4));
    }
    const others = await survey(await openImage(view), geometry, new EndClusters(geometry, false), false, progress);
    for (const snapshot of doubtful) {
      if (await isOnOther(draft, others, snapshot)) {
        throw misplaced(snapshot);
      }
    }
  }
}

/** Whether the L1 table of a snapshot is said to lie on another structure, or on tables or data that it is none among. */
async function isOnOther(draft: Draft, found: Survey, { fields }: Snapshot): Promise<boolean> {
  const { geometry } = found;
  const { l1_table_offset: offset, l1_size: entries } = fields;
  const first = Number(offset / BigInt(geometry.clusterSize));
  const count = Math.ceil((entries * l1EntryBytes) / geometry.clusterSize);
  if (found.structures.meets(first, count)) {
    return true;
  }
  const { view } = await readL1(draft, offset, entries);
  return (
    (found.l2Tables.meets(first, count) || found.data.meets(first, count)) &&
    ((await leadsToNoTable(draft, geometry, view)) || (await holdsMore(draft, geometry, offset, view.byteLength)))
  );
}

function misplaced({ index, fields }: Snapshot): Qcow2Error {
  return new Qcow2Error(
    'refused',
    `The image is not changed. The L1 table of snapshot[${index}] is said to be at ${showOffset(fields.l1_table_offset)}, where something else is: what is there is not put right as its entries.`,
  );
}
