import type { Draft } from '../../change/draft.ts';
import { Qcow2Error } from '../../error.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { openImage } from '../../image/open.ts';
import { share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import type { EntryRepair, Rejoined } from './entryRepair.ts';
import { mendL1Tables } from './l1Entries.ts';
import { mendL2Tables } from './l2Tables.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { type Survey, survey } from './survey.ts';

/** What the repair of entries came to. */
export interface MendedEntries {
  /** By code: how many were put right. */
  readonly mended: ReadonlyMap<RepairCode, number>;
  /** By code: guest clusters that an entry no longer leads to. */
  readonly lost: ReadonlyMap<RepairCode, number>;
  /** Clusters that entries lead to again. */
  readonly rejoined: readonly Rejoined[];
  /** Clusters that are used for two things still, or were before. */
  readonly disputed: ClusterSet;
}

/**
 * Puts the entries of all L1 and L2 tables right in the draft. `file`: as it is; `freed`: clusters of structures that are
 * replaced, which no entry may have meant.
 */
export async function mendEntries(
  draft: Draft,
  file: Storage,
  end: EndClusters,
  wanted: Wanted,
  freed: ClusterSet,
  progress: Progress,
): Promise<MendedEntries> {
  const mended = new Map<RepairCode, number>();
  const lost = new Map<RepairCode, number>();
  const rejoined: Rejoined[] = [];
  const repairOf = (found: Survey): EntryRepair => ({
    survey: found,
    end,
    wanted,
    backed: found.image.backing !== undefined,
    meant: new Map(),
    rejoined: (one) => rejoined.push(one),
    mended: (code) => mended.set(code, (mended.get(code) ?? 0) + 1),
    lost: (code, clusters) => lost.set(code, (lost.get(code) ?? 0) + clusters),
  });
  let found = await surveyDraft(draft, end, freed, share(progress, 0, 0.3));
  if (await mendL1Tables(draft, repairOf(found), share(progress, 0.3, 0.4))) {
    await draft.endStep('Put the entries of the L1 tables right');
    found = await surveyDraft(draft, end, freed, share(progress, 0.4, 0.6));
  }
  const disputed = await mendL2Tables(draft, file, repairOf(found), share(progress, 0.6, 1));
  return { mended, lost, rejoined, disputed };
}

async function surveyDraft(draft: Draft, end: EndClusters, freed: ClusterSet, progress: Progress): Promise<Survey> {
  const image = await openImage(draft);
  const found = await survey(image, requireGeometry(image.geometry), end, true, progress);
  for (let cluster = freed.next(0); cluster !== undefined; cluster = freed.next(cluster + 1)) {
    found.counted.remove(cluster, 1);
  }
  return found;
}

/** Throws `damaged` where there is none. */
export function requireGeometry(geometry: Geometry | undefined): Geometry {
  if (!geometry) {
    throw new Qcow2Error('damaged', 'There is no header that tells where the tables are.');
  }
  return geometry;
}
