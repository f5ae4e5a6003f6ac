import type { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { Qcow2Error } from '../../error.ts';
import type { Finding, FindingCode } from '../../finding.ts';
import { showOffset } from '../../format/show.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { holdsMore, isL1Table, leadsToNoTable } from './orphans.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { isPlausible } from './snapshots.ts';
import { survey } from './survey.ts';
import { isClaimed, only, without } from './unclaimedPlaces.ts';

/** Findings of an L1 table that lies where none can be. */
const l1Codes: ReadonlySet<FindingCode> = new Set<FindingCode>(['l1-table-past-end', 'l1-table-offset-invalid']);

/** Findings of a snapshot table that lies where none can be. */
const snapshotCodes: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'snapshot-table-past-end',
  'snapshot-table-offset-invalid',
]);

/** What the search for a table needs. */
interface Search {
  readonly draft: Draft;
  readonly geometry: Geometry;
  readonly end: EndClusters;
  readonly wanted: Wanted;
  readonly progress: Progress;
}

/**
 * Finds the active L1 table and the snapshot table among the clusters that are in use and that nothing leads to, where the
 * header leads past the file, to no cluster, or to something else; and has it lead there. Only where exactly one place fits.
 * Throws `refused` where the header leads to another structure as the L1 table, and none is found in its stead.
 */
export async function mendLostPlaces(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  end: EndClusters,
  wanted: Wanted,
  progress: Progress,
): Promise<ReadonlyMap<RepairCode, number>> {
  const search = { draft, geometry, end, wanted, progress };
  const snapshots = await mendSnapshotTablePlace(search, image);
  const l1 = await mendL1Place(search, image);
  return new Map([snapshots, l1].flatMap((code) => (code === undefined ? [] : [[code, 1]])));
}

/** The first finding of some codes that is to be mended. */
function wantedOf({ wanted }: Search, { findings }: Image, codes: ReadonlySet<FindingCode>): Finding | undefined {
  return findings.find(({ code, host }) => codes.has(code) && wanted(code, host?.offset ?? 0n));
}

/** Has the header lead to the snapshot table, or to none where it counts no snapshots. Returns the code of what was wrong. */
async function mendSnapshotTablePlace(search: Search, image: Image): Promise<RepairCode | undefined> {
  const { draft, geometry, end, wanted, progress } = search;
  const lost = wantedOf(search, image, snapshotCodes);
  const { nb_snapshots: count = 0, snapshots_offset: offset = 0n } = image.header ?? {};
  if (lost && count === 0) {
    const what = 'Take the place of a snapshot table that there is not';
    await changeHeader(draft, { fields: { snapshots_offset: 0n } }, what);
    return lost.code;
  }
  if (!lost && !(await mayBeDisplaced(draft, image, geometry, wanted))) {
    return undefined;
  }
  const bare = await without(draft, { nb_snapshots: 0, snapshots_offset: 0n });
  const found = await survey(bare, geometry, end, true, progress);
  if (!lost && !isClaimed(found, offset, 1)) {
    return undefined;
  }
  const at = await only(found, progress, (cluster) => isSnapshotTable(draft, geometry, cluster, count));
  if (at === undefined) {
    return undefined;
  }
  const fields = { snapshots_offset: BigInt(at) * BigInt(geometry.clusterSize) };
  await changeHeader(draft, { fields }, 'Have the header lead to the snapshot table that was found');
  return lost?.code ?? 'clusters-overlap';
}

/** Whether what the header leads to is no snapshot table. */
async function mayBeDisplaced(draft: Draft, { header }: Image, geometry: Geometry, wanted: Wanted): Promise<boolean> {
  if (!header || header.nb_snapshots === 0 || !wanted('clusters-overlap', header.snapshots_offset)) {
    return false;
  }
  const snapshots = await readSnapshots(draft, header);
  return !snapshots.some((one) => isPlausible(one, geometry));
}

/**
 * Has the header lead to the only L1 table that nothing leads to, where the one that it leads to can't be read, none of its
 * entries leads to an L2 table, or it is a part of something else. Returns the code of what was wrong. Throws `refused` where there is none, and the place
 * is that of another structure: as entries its bytes would be put right, and be lost.
 */
async function mendL1Place(search: Search, image: Image): Promise<RepairCode | undefined> {
  const { draft, geometry, end, wanted, progress } = search;
  const lost = wantedOf(search, image, l1Codes);
  const now = await openImage(draft);
  const { l1, header } = now;
  const leadsNowhere = async (): Promise<boolean> => leadsToNoTable(draft, geometry, l1.view);
  const isPart = async (): Promise<boolean> => holdsMore(draft, geometry, l1.offset, l1.view.byteLength);
  if (!header || (!lost && !(await leadsNowhere()) && !(await isPart()))) {
    return undefined;
  }
  const found = await survey(lost ? now : await without(draft, { l1_size: 0 }), geometry, end, true, progress);
  const isOther = isClaimed(found, header.l1_table_offset, Math.max(1, l1.view.byteLength));
  if (!lost && !isOther && !(await leadsNowhere())) {
    return undefined;
  }
  // A snapshot's table is not the disk's, though what is wrong with its entry keeps it from being read.
  const size = BigInt(geometry.clusterSize);
  const ofSnapshots = new Set(
    (await readSnapshots(draft, header)).map(({ fields }) => Number(fields.l1_table_offset / size)),
  );
  const fits = async (cluster: number): Promise<boolean> =>
    !ofSnapshots.has(cluster) && (await isL1Table(draft, geometry, cluster, header.l1_size));
  const isWanted = lost !== undefined || wanted('l1-table-offset-invalid', 0n);
  const at = isWanted ? await only(found, progress, fits) : undefined;
  if (at !== undefined) {
    const fields = { l1_table_offset: BigInt(at) * size };
    await changeHeader(draft, { fields }, 'Have the header lead to the L1 table that was found');
    return lost?.code ?? 'l1-table-offset-invalid';
  }
  const clusters = Math.ceil(l1.view.byteLength / geometry.clusterSize);
  const first = Number(header.l1_table_offset / size);
  const isOnTable = found.structures.meets(first, clusters) || found.l2Tables.meets(first, clusters);
  if (!lost && isOnTable) {
    throw new Qcow2Error(
      'refused',
      `The image is not changed. The header leads to ${showOffset(header.l1_table_offset)} as the active L1 table, where another structure is${isWanted ? ', and no L1 table is found in its stead' : ''}.`,
    );
  }
  return undefined;
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
