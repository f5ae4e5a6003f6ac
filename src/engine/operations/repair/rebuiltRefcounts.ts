import { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { newRefcountTable } from '../../change/newRefcounts.ts';
import { StoredRefcounts } from '../../change/storedRefcounts.ts';
import { type ClusterRun, SwitchLayout } from '../../change/switchLayout.ts';
import { check } from '../../check/check.ts';
import { refcountTableEntryBytes } from '../../format/refcounts.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import { provedUse } from './provedUse.ts';
import type { MendedVisitor, RefcountRepair, RefcountVisitor } from './refcountRules.ts';
import { clearPastEnd, dropEntries } from './refcountTable.ts';
import { WantedRefcounts } from './wantedRefcounts.ts';

/** Builds the refcounts anew in free clusters. Where that can't be done returns why, as a sentence, and changes nothing. */
export async function rebuildInFreeClusters(
  { draft, image, geometry, blocks, end, rules }: RefcountRepair,
  file: Storage,
  visitor: RefcountVisitor,
  progress: Progress,
): Promise<string | undefined> {
  const view = blocks.tableLost ? await withoutRefcountTable(draft) : new Draft(draft);
  if (!blocks.tableLost) {
    await dropEntries(view, image, blocks);
  }
  const usable = await openImage(view);
  const refcounts = new WantedRefcounts(geometry);
  const unsure = new Set(blocks.lost);
  const mismatch: MendedVisitor = (cluster, refcount, references) => {
    if (rules.mends(cluster, refcount, references)) {
      refcounts.set(cluster, references);
    }
    if (refcount === 0) {
      unsure.add(Math.floor(cluster / geometry.refcountBlockEntries));
    }
  };
  await check(usable, { say: () => undefined, mismatch }, share(progress, 0, 0.5));
  const used = await provedUse(usable, geometry, unsure, file, share(progress, 0.5, 1));
  if (typeof used === 'string') {
    return used;
  }
  const stored = await StoredRefcounts.of(usable, geometry);
  for (const index of refcounts.indices) {
    for (const { cluster, refcount } of refcounts.entries(index)) {
      visitor.mended(cluster, await stored.refcount(cluster), refcount);
    }
  }
  if (!blocks.tableLost) {
    await clearPastEnd(draft, geometry, blocks, end, rules.wanted, refcounts);
  }
  await rebuildRefcounts(draft, { image: usable, stored, refcounts, used }, visitor.replaced);
  return undefined;
}

/** What refcounts are built from. */
interface RefcountRebuild {
  /** The image without the parts of the refcount structures that can't be used. */
  readonly image: Image;
  readonly stored: StoredRefcounts;
  /** What the refcounts are to be, but for those of the refcount structures themselves. */
  readonly refcounts: WantedRefcounts;
  /** The clusters that anything refers to. */
  readonly used: ClusterSet;
}

/**
 * Builds the refcount structures anew as QEMU does (rebuild_refcount_structure): the blocks in which a refcount changes,
 * and the table, go into the first clusters that are free, past the end of the file only where there are none. They are
 * all there before the header leads to them. `replaced` gets the clusters of those that are given up.
 */
async function rebuildRefcounts(
  draft: Draft,
  { image: { header }, stored, refcounts, used }: RefcountRebuild,
  replaced: (cluster: number) => void,
): Promise<void> {
  const { geometry } = stored;
  const { clusterSize } = geometry;
  const size = BigInt(clusterSize);
  const { refcount_table_offset: offset = 0n, refcount_table_clusters: clusters = 0 } = header ?? {};
  const former: ClusterRun = { start: Number(offset / size), clusters };
  const layout = new SwitchLayout(used, stored, new Set(refcounts.indices));
  const entries =
    Math.max(
      stored.blocks.findLastIndex((block) => block !== 0),
      ...refcounts.indices,
    ) + 1;
  const least = Math.ceil((entries * refcountTableEntryBytes) / clusterSize);
  const { table, blocks } = await layout.takeRefcounts(former, least);
  const give = (cluster: number): void => {
    refcounts.set(cluster, 0);
    replaced(cluster);
  };
  const take = (first: number, count: number): void => {
    draft.freshen(BigInt(first) * size, BigInt(count) * size);
    for (let cluster = first; cluster < first + count; cluster++) {
      refcounts.set(cluster, 1);
    }
  };
  for (let cluster = former.start; cluster < former.start + former.clusters; cluster++) {
    give(cluster);
  }
  for (const index of blocks.indices) {
    const old = stored.blocks[index] ?? 0;
    if (old !== 0) {
      give(old);
    }
  }
  take(table.start, table.clusters);
  for (const cluster of blocks.clusters) {
    take(cluster, 1);
  }
  for (const [place, index] of blocks.indices.entries()) {
    const old = stored.blocks[index] ?? 0;
    const at = BigInt(blocks.clusters[place] ?? 0) * size;
    await refcounts.write(draft, index, at, old === 0 ? undefined : BigInt(old) * size);
  }
  const tableAt = BigInt(table.start) * size;
  const kept = stored.blocks.slice(0, entries);
  await draft.write('refcount table', tableAt, newRefcountTable(kept, blocks, table.clusters, clusterSize));
  await draft.endStep('Write the new refcounts where nothing is');
  const fields = { refcount_table_offset: tableAt, refcount_table_clusters: table.clusters };
  await changeHeader(draft, { fields }, 'Lead to the new refcounts');
}

/** The image as it is without its refcount table. */
export async function withoutRefcountTable(draft: Draft): Promise<Draft> {
  const view = new Draft(draft);
  const fields = { refcount_table_offset: 0n, refcount_table_clusters: 0 };
  await changeHeader(view, { fields }, 'Leave the refcount table out');
  return view;
}
