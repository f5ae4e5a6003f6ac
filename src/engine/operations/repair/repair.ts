import type { ChangeSet } from '../../change/changeSet.ts';
import { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { repairRefusal } from '../../change/refusals.ts';
import { type CheckResult, check } from '../../check/check.ts';
import { diagnose } from '../../check/diagnose.ts';
import type { Diagnosis } from '../../check/diagnosis.ts';
import { Qcow2Error } from '../../error.ts';
import { findingTexts } from '../../findingTexts.ts';
import { showCount, showOffset, showSize } from '../../format/show.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { scan, share } from '../../image/scan.ts';
import type { FileState, Progress, Storage } from '../../ports.ts';
import { stateBits } from '../featureBits.ts';
import { copiedRule, mendCopied } from './copied.ts';
import { EndClusters } from './endClusters.ts';
import { type MendedEntries, mendEntries, requireGeometry } from './entries.ts';
import { requireFittingHeader } from './fittingHeader.ts';
import { isDamage, mayBeMeant, reasonToKeepLeaks } from './leaks.ts';
import { hasLeaksAlone, untouchedEntries } from './leaksAlone.ts';
import { lengtheningOf } from './lengthening.ts';
import { placeTables } from './placeTables.ts';
import type { MendedVisitor, RefcountRules } from './refcountRules.ts';
import { mendRefcounts } from './refcounts.ts';
import { type RepairCode, type RepairSelection, type Wanted, wantedBy } from './selection.ts';
import { sharedTables } from './sharedTables.ts';
import { type MendedStructures, mendStructures } from './structures.ts';

/** What is told while a repair is planned. */
export interface RepairVisitor {
  /** A refcount that is put right: raised, or that of a leak. */
  readonly refcount: (cluster: number, refcount: number | bigint, references: number) => void;
  /** A cluster of the refcount table, or of a refcount block, in whose place there is another one now. */
  readonly replaced: (cluster: number) => void;
  /** COPIED of an entry that is put right: what a check says of it. */
  readonly copied: (message: string) => void;
}

/** What a repair comes to. */
export interface Repair {
  /** Undefined where nothing is to be done, or nothing can be. */
  readonly change: ChangeSet | undefined;
  /** Refcounts that get higher, and those that get lower, mostly of leaked clusters. */
  readonly raised: number;
  readonly lowered: number;
  /** By code: how many of the other findings are put right. */
  readonly mended: ReadonlyMap<RepairCode, number>;
  /** What a check says afterwards. */
  readonly after: CheckResult;
  /** The worst that is wrong afterwards, with what qemu-img does not count too. */
  readonly left: 'corruption' | 'leak' | undefined;
  /** Whether nothing is wrong afterwards. */
  readonly isWhole: boolean;
  /** Why leaked clusters are not freed, as a sentence; undefined where they are, or there are none. */
  readonly keptLeaks: string | undefined;
}

const silent = { say: (): void => undefined, mismatch: (): void => undefined };
const unseen: RepairVisitor = { refcount: () => undefined, replaced: () => undefined, copied: () => undefined };

/**
 * Plans a repair: entries first, then the refcounts, then COPIED, and last the dirty and the corrupt bit where nothing is
 * wrong any more. No leak is freed while something damaged could own it, the refcount of a cluster that is used for two
 * things is not raised, and nothing is punched out of the file. Throws `refused` with the reason where the image can't be
 * repaired at all.
 */
export async function planRepair(
  image: Image,
  storage: Storage,
  from: FileState,
  selection: RepairSelection,
  progress: Progress,
  visitor = unseen,
): Promise<Repair> {
  requireRepairable(image);
  const geometry = requireGeometry(image.geometry);
  await requireFittingHeader(image, geometry);
  const wanted = wantedBy(selection);
  const draft = new Draft(storage);
  const end = new EndClusters(geometry, storage.fixedSize);
  const { safe, rebuild } = await firstCheck(image, geometry, share(progress, 0, 0.2));
  await protect(draft, image, safe);
  const guarded = draft.steps.length;
  const placed = selection !== 'all' && 'tables' in selection ? selection.tables : [];
  await placeTables(draft, image, geometry, end, placed, share(progress, 0.2, 0.2));
  const structures = await mendStructures(draft, end, wanted, share(progress, 0.2, 0.3));
  const isUntouched = safe && draft.steps.length === guarded;
  const leaksAlone = isUntouched && (await hasLeaksAlone(draft, image, geometry, share(progress, 0.3, 0.4)));
  const entries = leaksAlone
    ? untouchedEntries
    : await mendEntries(draft, storage, end, wanted, structures.freed, share(progress, 0.4, 0.5));
  const keptLeaks = leaksAlone
    ? undefined
    : await reasonToKeepLeaks(draft, geometry, entries, structures.freed, share(progress, 0.5, 0.6));
  const rules = {
    ...refcountRules(wanted, entries, structures.freed, keptLeaks !== undefined, geometry.clusterSize),
    rebuild: rebuild && wantsRebuild(selection) ? reasonToStayBehind(entries, end, keptLeaks) : undefined,
  };
  const changed = new ClusterSet();
  for (const { table } of placed) {
    changed.add(Number(table / BigInt(geometry.clusterSize)), 1);
  }
  let raised = 0;
  let lowered = 0;
  let freed = 0;
  const mend: MendedVisitor = (cluster, refcount, references) => {
    changed.add(cluster, 1);
    if (!end.has(cluster)) {
      visitor.refcount(cluster, refcount, references);
      raised += refcount < references ? 1 : 0;
      lowered += refcount < references ? 0 : 1;
      freed += references === 0 ? 1 : 0;
    }
  };
  const visitRefcounts = { mended: mend, replaced: visitor.replaced };
  const blocks = await mendRefcounts(draft, storage, end, rules, visitRefcounts, share(progress, 0.6, 0.75));
  const mends = copiedRule(wanted, (cluster) => changed.has(cluster) || end.has(cluster));
  const shared = await sharedTables(draft, end, entries.disputed, share(progress, 0.75, 0.8));
  const copied = leaksAlone ? 0 : await mendCopied(draft, mends, shared, visitor.copied, share(progress, 0.8, 0.85));
  await draft.endStep('Set COPIED where the refcount is 1, and only there');
  const diagnosis = await diagnose(await openImage(draft), {}, share(progress, 0.85, 1));
  const after = requireResult(diagnosis);
  const left = worstOf(diagnosis, after);
  const isWhole = left === undefined && after.checkErrors === 0 && after.failure === undefined;
  const mended = new Map(structures.mended);
  for (const [code, count] of [...entries.mended, ...blocks, ['copied-wrong', copied] as const]) {
    if (count > 0) {
      mended.set(code, (mended.get(code) ?? 0) + count);
    }
  }
  // What counted as leaked may be in use again; and what was not known to be in use may count as leaked now.
  const whyKept = keptLeaks ?? (entries.lost.size > 0 ? mayBeMeant : undefined);
  const kept = after.leaks > 0 ? whyKept : undefined;
  const isDone = draft.steps.length > guarded || (isWhole && hasStateBits(image));
  if (isDone) {
    await settleBits(draft, image, isWhole);
    sayWhatIsLost(draft, entries, structures, geometry.clusterSize, kept);
  }
  const title = titleOf(raised, lowered - freed, freed, mended);
  return {
    change: isDone ? draft.changeSet(title, from) : undefined,
    raised,
    lowered,
    mended,
    after,
    left,
    isWhole,
    keptLeaks: kept,
  };
}

/** Throws `refused` for an image of which a repair would not know what it does. */
function requireRepairable(image: Image): void {
  const why = repairRefusal(image);
  if (why !== undefined) {
    throw new Qcow2Error('refused', `The image is not changed. ${why}`);
  }
}

/** What the image is like before the repair. */
interface FirstCheck {
  /** Nothing but leaks is wrong, so that each moment of the repair leaves an image in order. */
  readonly safe: boolean;
  /** QEMU would build the refcounts anew. */
  readonly rebuild: boolean;
}

async function firstCheck(image: Image, geometry: Geometry, progress: Progress): Promise<FirstCheck> {
  let isSafe = !image.findings.some(isDamage);
  const mismatch = (_cluster: number, refcount: number | bigint, references: number): void => {
    // A cluster that is still in use gets COPIED, for which there is no safe order.
    isSafe &&= refcount > references && references === 0;
  };
  const visitor = { ...silent, mismatch, lengthen: lengtheningOf(image.storage, geometry) };
  const { corruptions, checkErrors, failure, rebuild } = await check(image, visitor, share(progress, 0, 0.6));
  const { findings } = await scan(image, share(progress, 0.6, 1));
  const safe = isSafe && corruptions + checkErrors === 0 && failure === undefined && !findings.some(isDamage);
  return { safe, rebuild };
}

/** Whether a repair is for all that is wrong with refcounts, so that they may be built anew. */
function wantsRebuild(selection: RepairSelection): boolean {
  return selection === 'all' || ('codes' in selection && selection.codes.includes('refcount-too-low'));
}

/** Why new refcounts may not lie in clusters of the file to which nothing leads, as a sentence; true where they may. */
function reasonToStayBehind(
  { lost, disputed }: MendedEntries,
  end: EndClusters,
  keptLeaks: string | undefined,
): string | true {
  const isSafe = lost.size === 0 && disputed.next(0) === undefined && end.end === end.start;
  return keptLeaks ?? (isSafe || 'Some of them may be the guest’s: tables led elsewhere than they should.');
}

/** Has QEMU open the image read-only until all is written. */
async function protect(draft: Draft, { header }: Image, safe: boolean): Promise<void> {
  if (safe || !header) {
    return;
  }
  draft.protection = header.version < 3 ? 'journal' : 'corrupt-bit';
  if (header.version >= 3) {
    const fields = { incompatible_features: header.incompatible_features | stateBits.corrupt };
    await changeHeader(draft, { fields }, 'Set the corrupt bit, so that nobody writes meanwhile');
  }
}

function refcountRules(
  wanted: Wanted,
  { disputed, lost }: MendedEntries,
  freed: ClusterSet,
  keepsLeaks: boolean,
  clusterSize: number,
): Omit<RefcountRules, 'rebuild'> {
  const isWanted = (code: RepairCode, cluster: number): boolean => wanted(code, BigInt(cluster) * BigInt(clusterSize));
  return {
    wanted,
    // What entries should have led to may be there, though nothing is known to leak.
    keepsUnknown: keepsLeaks || lost.size > 0,
    keepsLeaks,
    freed,
    mends: (cluster, refcount, references) => {
      if (refcount < references) {
        // With one reference nothing is blessed: what else led there has its own cluster now.
        return (references === 1 || !disputed.has(cluster)) && isWanted('refcount-too-low', cluster);
      }
      const isKeptByOne = references > 0 && disputed.has(cluster);
      return isKeptByOne || freed.has(cluster) || (!keepsLeaks && isWanted('cluster-leaked', cluster));
    },
  };
}

function requireResult({ result }: Diagnosis): CheckResult {
  if (!result) {
    throw new Qcow2Error('damaged', 'There is no header that tells where the tables are.');
  }
  return result;
}

/** The worst that is wrong, with what qemu-img does not count too. */
function worstOf({ groups }: Diagnosis, { corruptions, leaks }: CheckResult): Repair['left'] {
  const found = new Set(
    groups.filter(({ code }) => code !== 'image-corrupt').map(({ code }) => findingTexts[code].severity),
  );
  // qemu-img counts some things as errors that are none here.
  return corruptions > 0 || found.has('corruption')
    ? 'corruption'
    : leaks > 0 || found.has('leak')
      ? 'leak'
      : undefined;
}

function hasStateBits({ header }: Image): boolean {
  const states = stateBits.dirty | stateBits.corrupt;
  return header !== undefined && header.version >= 3 && (header.incompatible_features & states) !== 0n;
}

/** Clears the dirty and the corrupt bit where the image is whole; else they are as they were. */
async function settleBits(draft: Draft, { header }: Image, isWhole: boolean): Promise<void> {
  const states = stateBits.dirty | stateBits.corrupt;
  const before = header?.incompatible_features ?? 0n;
  const fields = header && header.version >= 3 ? { incompatible_features: isWhole ? before & ~states : before } : {};
  await changeHeader(draft, { fields }, isWhole ? 'Say that the image is in order' : 'Set the bits as they were');
}

function sayWhatIsLost(
  draft: Draft,
  { lost, rejoined }: MendedEntries,
  { dropped }: MendedStructures,
  clusterSize: number,
  keptLeaks: string | undefined,
): void {
  const clusters = [...lost.values()].reduce((sum, count) => sum + count, 0);
  if (clusters > 0) {
    draft.caution(
      `Up to ${showSize(BigInt(clusters) * BigInt(clusterSize))} of the guest’s disk led to what is not the guest’s, or nowhere: it reads as zeros afterwards, where there is a backing file perhaps as that has it.`,
    );
  }
  if (rejoined.length > 0) {
    const places = rejoined.map(({ guest, cluster }) => {
      const [from, to] = [guest, cluster].map((index) => showOffset(BigInt(index) * BigInt(clusterSize)));
      return `guest ${from} leads to ${to}`;
    });
    draft.caution(
      `One bit was wrong in ${places.length === 1 ? 'an L2 entry' : 'some L2 entries, each'}, and only one cluster fits: ${places.join(', ')}. See whether what is there belongs there.`,
    );
  }
  for (const name of dropped) {
    draft.caution(`The bitmap “${name}” can’t be read and is removed: the next backup by it must be a full one.`);
  }
  if (keptLeaks !== undefined) {
    draft.caution(`Leaked clusters are not freed. ${keptLeaks}`);
  }
}

function titleOf(raised: number, lowered: number, freed: number, mended: ReadonlyMap<RepairCode, number>): string {
  const others = [...mended.values()].reduce((sum, count) => sum + count, 0);
  const part = (verb: string, count: number, one: string, many: string): string[] =>
    count > 0 ? [`${verb} ${showCount(count)} ${count === 1 ? one : many}`] : [];
  const parts = [
    ...part('mend', others, 'table entry', 'table entries'),
    ...part('raise', raised, 'refcount', 'refcounts'),
    ...part('lower', lowered, 'refcount', 'refcounts'),
    ...part('free', freed, 'leaked cluster', 'leaked clusters'),
  ];
  const title = parts.length === 0 ? 'clear the dirty and the corrupt bit' : parts.join(', ');
  return title.charAt(0).toUpperCase() + title.slice(1);
}
