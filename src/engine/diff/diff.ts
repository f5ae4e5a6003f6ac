import { check } from '../check/check.ts';
import type { Finding } from '../finding.ts';
import { explain } from '../findingTexts.ts';
import type { Image } from '../image/image.ts';
import { scan, share } from '../image/scan.ts';
import { layerOfSnapshot } from '../image/snapshotLayer.ts';
import type { Progress } from '../ports.ts';
import { type Difference, type DifferenceVisitor, oneValue, pairByKey, type Side } from './difference.ts';
import { compareHeaders } from './header.ts';
import { LayerComparison } from './l2.ts';
import { compareBitmaps, compareSnapshots, type SnapshotPair } from './lists.ts';
import { compareRefcounts } from './refcounts.ts';

/** How many differences there are, and what could not be compared. */
export interface DiffResult {
  readonly differences: number;
  /** Clusters or L2 entries have not the same size, so that L1 and L2 tables were not compared entry by entry. */
  readonly tablesCompared: boolean;
}

/**
 * Compares two images by their metadata: header, extensions, snapshots, L1 and L2 tables of the active layer and of the
 * snapshots that both have, bitmaps, refcounts, and findings. Data, bits of bitmaps and key material are not looked at.
 * Each difference is told as it is found; memory is bounded, but for the lists of snapshots and bitmaps. Never throws for
 * what is in the files; throws `cancelled`.
 */
export async function diff(a: Image, b: Image, visit: DifferenceVisitor, progress: Progress): Promise<DiffResult> {
  let differences = 0;
  const counting = (difference: Difference): void => {
    differences++;
    visit(difference);
  };
  await compareHeaders(a, b, counting);
  const snapshots = await compareSnapshots(a, b, counting);
  const tablesCompared = await compareLayers(a, b, snapshots, counting, share(progress, 0, 0.4));
  await compareBitmaps(a, b, counting, share(progress, 0.4, 0.4));
  await compareRefcounts(a, b, counting, share(progress, 0.4, 0.5));
  await compareFindings(a, b, counting, progress);
  return { differences, tablesCompared };
}

/** Returns whether the tables could be compared. */
async function compareLayers(
  a: Image,
  b: Image,
  snapshots: readonly SnapshotPair[],
  visit: DifferenceVisitor,
  progress: Progress,
): Promise<boolean> {
  const [left, right] = [a.geometry, b.geometry];
  if (!left || !right || !a.layer || !b.layer || !a.header || !b.header) {
    return !left && !right;
  }
  if (left.clusterBits !== right.clusterBits || left.extended !== right.extended) {
    return false;
  }
  const comparison = new LayerComparison(left, visit);
  await comparison.compare('', { image: a, layer: a.layer }, { image: b, layer: b.layer }, progress);
  for (const { name, a: one, b: other } of snapshots) {
    await comparison.compare(
      `${name}: `,
      { image: a, layer: await layerOfSnapshot(a, left, one, a.header.size) },
      { image: b, layer: await layerOfSnapshot(b, right, other, b.header.size) },
      progress,
    );
  }
  return true;
}

/** What opening, a look at every entry, and a check say of an image. */
interface Found {
  readonly findings: readonly Finding[];
  readonly count: number;
  readonly checked: { readonly corruptions: number; readonly leaks: number; readonly checkErrors: number };
}

async function compareFindings(a: Image, b: Image, visit: DifferenceVisitor, progress: Progress): Promise<void> {
  const left = await findingsOf(a, share(progress, 0.5, 0.75));
  const right = await findingsOf(b, share(progress, 0.75, 1));
  const side = (found: Finding): Side => ({
    text: explain(found).title,
    values: { code: found.code, severity: explain(found).severity },
  });
  for (const pair of pairByKey(left.findings, right.findings, ({ code, chain }) => `${code} ${chain}`)) {
    const found = pair.a ?? pair.b;
    if (found && !(pair.a && pair.b)) {
      const place = `${found.chain} [${found.code}]`;
      visit({ section: 'findings', place, ...(pair.a ? { a: side(pair.a) } : { b: side(found) }) });
    }
  }
  const compare = (place: string, one: number, other: number): void => {
    if (one !== other) {
      visit({ section: 'findings', place, a: oneValue(one), b: oneValue(other) });
    }
  };
  compare('number of findings', left.count, right.count);
  compare('corruptions of a check', left.checked.corruptions, right.checked.corruptions);
  compare('leaks of a check', left.checked.leaks, right.checked.leaks);
  compare('errors of a check', left.checked.checkErrors, right.checked.checkErrors);
}

async function findingsOf(image: Image, progress: Progress): Promise<Found> {
  const { findings, findingCount: count, geometry, layer, header } = image;
  if (!geometry || !layer || !header) {
    return { findings, count, checked: { corruptions: 0, leaks: 0, checkErrors: 0 } };
  }
  const scanned = await scan(image, share(progress, 0, 0.5));
  const visitor = { say: () => undefined, mismatch: () => undefined };
  const checked = await check(image, visitor, share(progress, 0.5, 1));
  return { findings: [...findings, ...scanned.findings], count: count + scanned.findingCount, checked };
}
