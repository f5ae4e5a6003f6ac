import type { Draft } from '../../change/draft.ts';
import { openImage } from '../../image/open.ts';
import { share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { requireGeometry } from './entries.ts';
import { doubtfulBlocks, isNoTable } from './falseRefcounts.ts';
import { rebuildInFreeClusters } from './rebuiltRefcounts.ts';
import { type RefcountBlocks, surveyRefcountBlocks } from './refcountBlocks.ts';
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
  const repair = { draft, image, geometry, blocks, end, rules };
  let why = rules.rebuild;
  if (why === true) {
    why = await rebuildInFreeClusters(repair, file, visitor, share(progress, 0.3, 0.7));
    if (why === undefined) {
      return blocks.faults;
    }
  }
  end.refuse(why);
  const sure = await withoutDoubtful(repair, share(progress, 0.7, 0.8));
  await mendInPlace({ ...repair, blocks: sure }, visitor.mended, share(progress, 0.8, 1));
  return blocks.faults;
}

/** Gives up the blocks of which it is doubtful that they are any, and the table where none of its entries can be one. */
async function withoutDoubtful(
  { image, geometry, blocks, rules }: RefcountRepair,
  progress: Progress,
): Promise<RefcountBlocks> {
  const isWanted = (block: number): boolean => rules.wanted('refcount-too-low', BigInt(block));
  const replaceable = new Map([...blocks.places].filter(([, block]) => isWanted(block)));
  const doubtful = await doubtfulBlocks(image, geometry, replaceable, blocks.others, progress);
  const places = new Map([...blocks.places].filter(([index]) => !doubtful.has(index)));
  const lost = new Set([...blocks.lost, ...doubtful]);
  const rewritten = new Set([...blocks.rewritten, ...doubtful]);
  const isNone = rules.wanted('refcount-table-past-end', 0n) && (await isNoTable(image, geometry));
  return { ...blocks, places, lost, rewritten, tableLost: blocks.tableLost || isNone };
}
