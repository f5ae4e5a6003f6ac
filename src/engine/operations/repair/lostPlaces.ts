import type { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { looksLikeTable } from '../../check/lostTable.ts';
import type { Finding, FindingCode } from '../../finding.ts';
import { l1EntryBytes, l1HasReserved, l1Place, l1Unaligned } from '../../format/l1.ts';
import { clustersOf, type Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { isUnclaimed } from './entryRepair.ts';
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
 * header leads past the file or to no cluster, and has it lead there. Only where exactly one place fits.
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
  } else if (snapshots) {
    const found = await survey(image, geometry, end, true, progress);
    const at = await only(found, progress, (cluster) => isSnapshotTable(draft, found, cluster));
    if (at !== undefined) {
      const fields = { snapshots_offset: BigInt(at) * BigInt(geometry.clusterSize) };
      await changeHeader(draft, { fields }, 'Have the header lead to the snapshot table that was found');
      mended.set(snapshots.code, 1);
    }
  }
  const l1 = lost(l1Codes);
  if (l1) {
    const found = await survey(await openImage(draft), geometry, end, true, progress);
    const at = await only(found, progress, (cluster) => isL1Table(draft, found, cluster));
    if (at !== undefined) {
      const fields = { l1_table_offset: BigInt(at) * BigInt(geometry.clusterSize) };
      await changeHeader(draft, { fields }, 'Have the header lead to the L1 table that was found');
      mended.set(l1.code, 1);
    }
  }
  return mended;
}

/** The cluster that fits, of those that are in use and that nothing leads to; undefined where several do, or none. */
async function only(
  found: Survey,
  progress: Progress,
  fits: (cluster: number) => Promise<boolean>,
): Promise<number | undefined> {
  const places: number[] = [];
  const { counted } = found;
  for (let cluster = counted.next(0); cluster !== undefined; cluster = counted.next(cluster + 1)) {
    if (isUnclaimed(found, cluster) && (await fits(cluster))) {
      places.push(cluster);
    }
    if (places.length > 1) {
      return undefined;
    }
    await progress.step(0, 0);
  }
  return places[0];
}

/** Whether an L1 table could start at a cluster: every entry leads to what looks like an L2 table. */
async function isL1Table(draft: Draft, found: Survey, cluster: number): Promise<boolean> {
  const { geometry, image } = found;
  const { clusterSize, clusterBits, fileClusters } = geometry;
  const length = (image.header?.l1_size ?? 0) * l1EntryBytes;
  const clusters = Number(clustersOf(BigInt(length), clusterBits));
  if (length === 0 || length > limits.l1TableBytes || cluster + clusters > fileClusters) {
    return false;
  }
  const bytes = new Uint8Array(clusters * clusterSize);
  const bad = await readHostBytes(draft, BigInt(cluster) * BigInt(clusterSize), bytes);
  if (bad.length > 0 || bytes.subarray(length).some((byte) => byte !== 0)) {
    return false;
  }
  const view = new DataView(bytes.buffer);
  let tables = 0;
  for (let at = 0; at < length; at += l1EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    if ((hi | lo) === 0) {
      continue;
    }
    const table = l1Place(hi, lo) / clusterSize;
    const fits = !l1HasReserved(hi, lo) && !l1Unaligned(lo, clusterBits) && table < fileClusters;
    if (!fits || !(await isL2Table(draft, geometry, table))) {
      return false;
    }
    tables++;
  }
  return tables > 0;
}

async function isL2Table(draft: Draft, geometry: Geometry, cluster: number): Promise<boolean> {
  const bytes = new Uint8Array(geometry.clusterSize);
  const bad = await readHostBytes(draft, BigInt(cluster) * BigInt(geometry.clusterSize), bytes);
  return bad.length === 0 && looksLikeTable(new DataView(bytes.buffer), geometry);
}

/** Whether a snapshot table could start at a cluster. */
async function isSnapshotTable(draft: Draft, { image, geometry }: Survey, cluster: number): Promise<boolean> {
  const count = image.header?.nb_snapshots ?? 0;
  if (count === 0 || count > limits.snapshots) {
    return false;
  }
  const place = { nb_snapshots: count, snapshots_offset: BigInt(cluster) * BigInt(geometry.clusterSize) };
  const snapshots = await readSnapshots(draft, place);
  return snapshots.length === count && snapshots.every((one) => isPlausible(one, geometry));
}
