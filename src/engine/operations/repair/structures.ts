import type { Draft } from '../../change/draft.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import { openImage } from '../../image/open.ts';
import { scan, share } from '../../image/scan.ts';
import type { Progress } from '../../ports.ts';
import { mendBitmaps, mendBitmapTables } from './bitmaps.ts';
import type { EndClusters } from './endClusters.ts';
import { requireGeometry } from './entries.ts';
import { mendL1Sizes } from './l1Sizes.ts';
import { mendLostPlaces } from './lostPlaces.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { mendSnapshotL1Places, requireSnapshotPlaces } from './snapshotL1Places.ts';
import { mendSnapshots } from './snapshots.ts';
import { mendSnapshotTextSizes } from './snapshotTextSizes.ts';
import { survey } from './survey.ts';

/** What the repair of the snapshot table and the bitmaps came to. */
export interface MendedStructures {
  /** By code: how many findings are gone. */
  readonly mended: ReadonlyMap<RepairCode, number>;
  /** Names of bitmaps that are gone. */
  readonly dropped: readonly string[];
  /** Clusters of what was replaced: they are free, whatever else is wrong. */
  readonly freed: ClusterSet;
}

/** Puts the places of tables, the snapshot table and the bitmaps right in the draft. */
export async function mendStructures(
  draft: Draft,
  end: EndClusters,
  wanted: Wanted,
  progress: Progress,
): Promise<MendedStructures> {
  const opened = await openImage(draft);
  const geometry = requireGeometry(opened.geometry);
  const places = await mendLostPlaces(draft, opened, geometry, end, wanted, share(progress, 0, 0.4));
  const texts = await mendSnapshotTextSizes(draft, await openImage(draft), geometry, wanted);
  const snapshots = await mendSnapshots(draft, await openImage(draft), geometry, end, wanted);
  const l1Sizes = await mendL1Sizes(draft, geometry, wanted, share(progress, 0.4, 0.5));
  const l1Places = await mendSnapshotL1Places(draft, geometry, end, wanted, share(progress, 0.5, 0.55));
  await requireSnapshotPlaces(draft, geometry, share(progress, 0.55, 0.6));
  const image = await openImage(draft);
  const contested = image.bitmapDirectory
    ? (await survey(image, geometry, end, false, share(progress, 0.6, 0.8))).contested
    : new ClusterSet();
  const repair = { draft, image, geometry, end, wanted, contested };
  const tables = await mendBitmapTables(repair);
  const { findings } = await scan(image, share(progress, 0.8, 1));
  const bitmaps = await mendBitmaps(repair, [...image.findings, ...findings]);
  const freed = new ClusterSet();
  for (const set of [snapshots.freed, bitmaps.freed]) {
    for (const cluster of set.each()) {
      freed.add(cluster, 1);
    }
  }
  const mended = new Map<RepairCode, number>([...places, ...snapshots.mended, ...l1Sizes, ...tables]);
  for (const [code, count] of [...texts, ...l1Places, ...bitmaps.mended]) {
    mended.set(code, (mended.get(code) ?? 0) + count);
  }
  return { mended, dropped: bitmaps.dropped, freed };
}
