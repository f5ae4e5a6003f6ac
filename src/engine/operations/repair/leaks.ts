import type { Draft } from '../../change/draft.ts';
import { check } from '../../check/check.ts';
import { findLostTable } from '../../check/lostTable.ts';
import type { Finding } from '../../finding.ts';
import { explain } from '../../findingTexts.ts';
import { showOffset } from '../../format/show.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { openImage } from '../../image/open.ts';
import { scan, share } from '../../image/scan.ts';
import type { Progress } from '../../ports.ts';
import { findEmptyL2Table } from './emptyTables.ts';
import type { MendedEntries } from './entries.ts';
import { isFormerRefcountTable, usedClusters } from './formerRefcounts.ts';

/** Why leaked clusters are kept where entries lead nowhere now, as a sentence. */
export const mayBeMeant =
  'Entries that led to what is not the guest’s lead nowhere now, and the data that they should have led to may be in the leaked clusters.';

/** Likewise where several things led to one cluster. */
const mayBeSeparate =
  'Several things led to one cluster, and the data that one of them should have led to may be in the leaked clusters.';

/**
 * Why leaked clusters may not be freed, as a sentence: something damaged could own them. Undefined where they may, or
 * there are none. `entries`: what became of them in this repair; `freed`: clusters of structures that it has
 * replaced.
 */
export async function reasonToKeepLeaks(
  draft: Draft,
  geometry: Geometry,
  { lost, disputed }: MendedEntries,
  freed: ClusterSet,
  progress: Progress,
): Promise<string | undefined> {
  const image = await openImage(draft);
  const leaked = new ClusterSet();
  const mismatch = (cluster: number, refcount: number | bigint, references: number): void => {
    if (refcount > references && references === 0 && !freed.has(cluster)) {
      leaked.add(cluster, 1);
    }
  };
  const { checkErrors } = await check(image, { say: () => undefined, mismatch }, share(progress, 0, 0.4));
  if (leaked.next(0) === undefined) {
    return undefined;
  }
  if (lost.size > 0) {
    return mayBeMeant;
  }
  if (disputed.next(0) !== undefined) {
    return mayBeSeparate;
  }
  const { findings } = await scan(image, share(progress, 0.4, 0.7));
  const damage = [...image.findings, ...findings].find(isDamage);
  if (damage !== undefined) {
    return `What is still damaged may own them: ${damage.chain}. ${explain(damage).title.replace(/\.$/, '')}.`;
  }
  const empty = await findEmptyL2Table(image, geometry, share(progress, 0.7, 0.8));
  if (empty !== undefined) {
    return `The L2 table at ${showOffset(empty)} has no entries: what it led to may be in the leaked clusters.`;
  }
  if (checkErrors > 0) {
    return 'Not all of the image could be checked.';
  }
  let used: ClusterSet | undefined;
  const isFormer = async (view: DataView): Promise<boolean> => {
    used ??= await usedClusters(image, geometry);
    return isFormerRefcountTable(draft, geometry, view, used);
  };
  const table = await findLostTable(draft, geometry, leaked.each(), share(progress, 0.8, 1), isFormer);
  return table === undefined
    ? undefined
    : `The cluster at ${showOffset(BigInt(table) * BigInt(geometry.clusterSize))} counts as leaked, but looks like a table that leads to data.`;
}

/** Whether a finding may hide who owns clusters. The bits that say that something is wrong are none. */
export function isDamage(found: Finding): boolean {
  return found.code !== 'image-corrupt' && explain(found).severity === 'corruption';
}
