import { Draft } from '../../change/draft.ts';
import type { HeaderChange } from '../../change/firstCluster.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { Qcow2Error } from '../../error.ts';
import type { Finding, FindingCode } from '../../finding.ts';
import { l1EntryBytes } from '../../format/l1.ts';
import { showOffset } from '../../format/show.ts';
import type { Snapshot } from '../../format/snapshots.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { readL1 } from '../../image/l1Table.ts';
import { openImage } from '../../image/open.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import { EndClusters } from './endClusters.ts';
import { isUnclaimed } from './entryRepair.ts';
import { isL1Table, leadsToNoTable, unclaimed } from './orphans.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { isPlausible } from './snapshots.ts';
import { type Survey, survey } from './survey.ts';

/** Findings of an L1 table that lies where none can be. */
const l1Codes: ReadonlySet<FindingCode> = new Set<FindingCode>(['l1-table-past-end', 'l1-table-offset-invalid']);

/** Findings of a snapshot table that lies where none can be. */
const snapshotCodes: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'snapshot-table-past-end',
  'snapshot-table-offset-invalid',
]);

/**
 * Finds the active L1 table and the snapshot table among the clusters that are in use and that nothing leads to, where the
 * header leads past the file or to no cluster, or has the snapshot table where something else is; and has it lead there. Only
 * where exactly one place fits.
 */
export async function mendLostPlaces(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  end: EndClusters,
  wanted: Wanted,
  progress: Progress,
): Promise<ReadonlyMap<RepairCode, number>> {
  const mended = new Map<RepairCode, number>();
  const lost = (codes: ReadonlySet<FindingCode>): Finding | undefined =>
    image.findings.find(({ code, host }) => codes.has(code) && wanted(code, host?.offset ?? 0n));
  const snapshots = lost(snapshotCodes);
  if (snapshots && image.header?.nb_snapshots === 0) {
    await changeHeader(
      draft,
      { fields: { snapshots_offset: 0n } },
      'Take the place of a snapshot table that there is not',
    );
    mended.set(snapshots.code, 1);
  } else if (snapshots || (await mayBeDisplaced(draft, image, geometry, wanted))) {
    const found = await survey(
      await without(draft, { nb_snapshots: 0, snapshots_offset: 0n }),
      geometry,
      end,
      true,
      progress,
    );
    const { nb_snapshots: count = 0, snapshots_offset: offset = 0n } = image.header ?? {};
    const isLost = snapshots !== undefined || isClaimed(found, offset, 1);
    const at = isLost
      ? await only(found, progress, (cluster) => isSnapshotTable(draft, geometry, cluster, count))
      : undefined;
    if (at !== undefined) {
      const fields = { snapshots_offset: BigInt(at) * BigInt(geometry.clusterSize) };
      await changeHeader(draft, { fields }, 'Have the header lead to the snapshot table that was found');
      mended.set(snapshots?.code ?? 'clusters-overlap', 1);
    }
  }
  const l1 = lost(l1Codes);
  if (!l1 && (await mendL1Place(draft, geometry, end, wanted, progress))) {
    mended.set('l1-table-offset-invalid', 1);
  }
  if (l1) {
    const found = await survey(await openImage(draft), geometry, end, true, progress);
    const at = await only(found, progress, (cluster) =>
      isL1Table(draft, geometry, cluster, image.header?.l1_size ?? 0),
    );
    if (at !== undefined) {
      const fields = { l1_table_offset: BigInt(at) * BigInt(geometry.clusterSize) };
      await changeHeader(draft, { fields }, 'Have the header lead to the L1 table that was found');
      mended.set(l1.code, 1);
    }
  }
  return mended;
}

/** Whether what the header leads to is no snapshot table. */
async function mayBeDisplaced(draft: Draft, { header }: Image, geometry: Geometry, wanted: Wanted): Promise<boolean> {
  if (!header || header.nb_snapshots === 0 || !wanted('clusters-overlap', header.snapshots_offset)) {
    return false;
  }
  const snapshots = await readSnapshots(draft, header);
  return !snapshots.some((one) => isPlausible(one, geometry));
}

/** Whether something leads to a place (host offset and length in bytes), be it to a part of it. */
function isClaimed(found: Survey, offset: bigint, length: number): boolean {
  const size = BigInt(found.geometry.clusterSize);
  const first = Number(offset / size);
  const clusters = Number((offset + BigInt(length) - 1n) / size) - first + 1;
  return Array.from({ length: clusters }, (_, index) => first + index).some((cluster) => !isUnclaimed(found, cluster));
}

/**
 * Has the header lead to the only L1 table that nothing leads to, where no entry at the place to which it leads is one that
 * leads to an L2 table. Throws `refused` where there is none, and the place is that of another structure: as entries its
 * bytes would be put right, and be lost.
 */
async function mendL1Place(
  draft: Draft,
  geometry: Geometry,
  end: EndClusters,
  wanted: Wanted,
  progress: Progress,
): Promise<boolean> {
  const { l1, header } = await openImage(draft);
  if (!header || !wanted('l1-table-offset-invalid', 0n) || !(await leadsToNoTable(draft, geometry, l1.view))) {
    return false;
  }
  const found = await survey(await without(draft, { l1_size: 0 }), geometry, end, true, progress);
  const at = await only(found, progress, (cluster) => isL1Table(draft, geometry, cluster, header.l1_size));
  if (at !== undefined) {
    const fields = { l1_table_offset: BigInt(at) * BigInt(geometry.clusterSize) };
    await changeHeader(draft, { fields }, 'Have the header lead to the L1 table that was found');
    return true;
  }
  const clusters = Math.ceil(l1.view.byteLength / geometry.clusterSize);
  if (found.structures.meets(Number(header.l1_table_offset / BigInt(geometry.clusterSize)), clusters)) {
    throw new Qcow2Error(
      'refused',
      `The image is not changed. The header leads to ${showOffset(header.l1_table_offset)} as the active L1 table, where another structure is, and no L1 table is found in its stead.`,
    );
  }
  return false;
}

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
 * Throws `refused` where the L1 table of a snapshot is said to lie on another structure, or leads to no L2 table and lies on
 * the guest's data: as entries its bytes would be put right, and be lost.
 */
export async function requireSnapshotL1Places(draft: Draft, geometry: Geometry, progress: Progress): Promise<void> {
  const { header } = await openImage(draft);
  const snapshots = header ? await readSnapshots(draft, header) : [];
  if (!header || snapshots.length === 0) {
    return;
  }
  const bare = await without(draft, { nb_snapshots: 0, snapshots_offset: 0n });
  const found = await survey(bare, geometry, new EndClusters(geometry, false), false, progress);
  for (const { index, fields } of snapshots) {
    const { l1_table_offset: offset, l1_size: entries } = fields;
    const first = Number(offset / BigInt(geometry.clusterSize));
    const count = Math.ceil((entries * l1EntryBytes) / geometry.clusterSize);
    if (offset % BigInt(geometry.clusterSize) !== 0n || entries * l1EntryBytes > limits.l1TableBytes) {
      continue;
    }
    const isOnTable = found.structures.meets(first, count);
    const isOnData = found.l2Tables.meets(first, count) || found.data.meets(first, count);
    const { view } = await readL1(draft, offset, entries);
    if (isOnTable || (isOnData && (await leadsToNoTable(draft, geometry, view)))) {
      throw new Qcow2Error(
        'refused',
        `The image is not changed. The L1 table of snapshot[${index}] is said to be at ${showOffset(offset)}, where something else is: what is there is not put right as its entries.`,
      );
    }
  }
}

/** The one cluster that fits; undefined where several do, or none. */
async function only(
  found: Survey,
  progress: Progress,
  fits: (cluster: number) => Promise<boolean>,
): Promise<number | undefined> {
  const places = await unclaimed(found, 2, fits, progress);
  return places.length === 1 ? places[0] : undefined;
}

/** The image with other fields, as it is without what they lead to: what a wrong offset leads to is not theirs. */
async function without(draft: Draft, fields: NonNullable<HeaderChange['fields']>): Promise<Image> {
  const view = new Draft(draft);
  await changeHeader(view, { fields }, 'Leave them out');
  return openImage(view);
}

/** Whether a snapshot table of so many snapshots could start at a cluster. */
async function isSnapshotTable(draft: Draft, geometry: Geometry, cluster: number, count: number): Promise<boolean> {
  if (count === 0 || count > limits.snapshots) {
    return false;
  }
  const place = { nb_snapshots: count, snapshots_offset: BigInt(cluster) * BigInt(geometry.clusterSize) };
  const snapshots = await readSnapshots(draft, place);
  return snapshots.length === count && snapshots.every((one) => isPlausible(one, geometry));
}
