import type { Draft } from '../../change/draft.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { requireGeometry } from './entries.ts';
import { doubtfulBlocks, isNoTable } from './falseRefcounts.ts';
import { provedUse } from './provedUse.ts';
import { rebuildInFreeClusters, withoutRefcountTable } from './rebuiltRefcounts.ts';
import { lostIndices, type RefcountBlocks, surveyRefcountBlocks } from './refcountBlocks.ts';
import type { RefcountRepair, RefcountRules, RefcountVisitor } from './refcountRules.ts';
import { mendInPlace } from './refcountsInPlace.ts';
import type { RepairCode } from './selection.ts';

/**
 * Drafts refcounts that are the number of references. Blocks that can't be used are made anew, and the table too where it
 * has to: in free clusters where it is proved which are, else behind the file. Returns by code how many entries of the
 * table are put right. `file`: as it is.
 */
export async function mendRefcounts(
  draft: Draft,
  file: Storage,
  end: EndClusters,
  rules: RefcountRules,
  visitor: RefcountVisitor,
  progress: Progress,
): Promise<ReadonlyMap<RepairCode, number>> {
  const image = await openImage(draft);
  const geometry = requireGeometry(image.geometry);
  const blocks = await surveyRefcountBlocks(image, geometry, rules.wanted, share(progress, 0, 0.3));
  const sure = await withoutDoubtful(image, geometry, blocks, rules, share(progress, 0.3, 0.4));
  const repair = { draft, image, geometry, blocks: sure, end, rules };
  let why = rules.rebuild;
  if (why === true) {
    why = await rebuildInFreeClusters(repair, file, visitor, share(progress, 0.4, 0.8));
    if (why === undefined) {
      return blocks.faults;
    }
  }
  end.refuse(why);
  const keepsUnknown = rules.keepsUnknown || !(await isUseProved(repair, file, progress));
  await mendInPlace({ ...repair, rules: { ...rules, keepsUnknown } }, visitor.mended, share(progress, 0.8, 1));
  return blocks.faults;
}

/** Whether it is proved that nothing is in use but what something leads to, among the clusters whose refcounts are lost. */
async function isUseProved(
  { draft, image, geometry, blocks }: RefcountRepair,
  file: Storage,
  progress: Progress,
): Promise<boolean> {
  const lost = lostIndices(blocks, geometry);
  if (lost.length === 0) {
    return true;
  }
  const usable = blocks.tableLost ? await openImage(await withoutRefcountTable(draft)) : image;
  return typeof (await provedUse(usable, geometry, lost, file, progress)) !== 'string';
}

/**
 * Gives up the blocks of which it is doubtful that they are any, and the table where its entries can't be those of one.
 * Where nobody asked to have them mended, nothing is written there.
 */
async function withoutDoubtful(
  image: Image,
  geometry: Geometry,
  blocks: RefcountBlocks,
  rules: RefcountRules,
  progress: Progress,
): Promise<RefcountBlocks> {
  const doubtful = await doubtfulBlocks(image, geometry, blocks.places, blocks.others, progress);
  const hasBlock = [...blocks.places.keys()].some((index) => !doubtful.has(index));
  const isNone = !hasBlock && (await isNoTable(image, geometry));
  const isReplaced = isNone && rules.wanted('refcount-table-past-end', 0n);
  const places = new Map<number, number>();
  const [lost, rewritten, unusable] = [new Set(blocks.lost), new Set(blocks.rewritten), new Set(blocks.unusable)];
  for (const [index, block] of blocks.places) {
    if (!isNone && !doubtful.has(index)) {
      places.set(index, block);
    } else if (rules.wanted('refcount-too-low', BigInt(block))) {
      lost.add(index);
      rewritten.add(index);
    } else {
      unusable.add(index);
    }
  }
  return { ...blocks, places, lost, rewritten, unusable, tableLost: blocks.tableLost || isReplaced };
}
