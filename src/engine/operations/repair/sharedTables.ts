import type { Draft } from '../../change/draft.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import { openImage } from '../../image/open.ts';
import type { Progress } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { requireGeometry } from './entries.ts';
import { survey } from './survey.ts';

/** The clusters of L2 tables that are something else too. `disputed`: of those that were; they may be only a table now. */
export async function sharedTables(
  draft: Draft,
  end: EndClusters,
  disputed: ClusterSet,
  progress: Progress,
): Promise<ClusterSet> {
  const shared = new ClusterSet();
  if (disputed.next(0) !== undefined) {
    const image = await openImage(draft);
    const found = await survey(image, requireGeometry(image.geometry), end, false, progress);
    for (const cluster of found.l2Tables.each()) {
      if ([found.structures, found.data, found.compressed].some((others) => others.has(cluster))) {
        shared.add(cluster, 1);
      }
    }
  }
  return shared;
}
