import type { ChangeSet } from '../engine/change/changeSet.ts';
import { check } from '../engine/check/check.ts';
import type { Lengthening } from '../engine/check/refcountBlocks.ts';
import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import { lengtheningOf } from '../engine/operations/repair/lengthening.ts';
import { planRepair, type Repair, type RepairVisitor } from '../engine/operations/repair/repair.ts';
import type { RepairCode } from '../engine/operations/repair/selection.ts';
import { noProgress } from '../engine/ports.ts';
import { bytesOfText } from './bytes.ts';
import { changeImage, type Target } from './change.ts';
import type { ChangeArguments } from './changeOptions.ts';
import { Messages } from './checkMessages.ts';
import { noCheck } from './checkReport.ts';
import type { ImageSource } from './imageSource.ts';
import { type Output, outputTo } from './output.ts';
import { programName } from './program.ts';

/** What `-r` repairs: what qemu-img does, where no data can be lost by it. */
const repaired: Readonly<Record<'leaks' | 'all', readonly RepairCode[]>> = {
  leaks: ['cluster-leaked'],
  all: [
    'cluster-leaked',
    'refcount-too-low',
    'copied-wrong',
    'refcount-table-missing',
    'refcount-table-past-end',
    'refcount-table-entry-reserved',
    'refcount-table-entry-unaligned',
    'refcount-block-past-end',
    'refcount-block-unreadable',
    'snapshot-entry-incomplete',
    'snapshot-extra-too-large',
  ],
};

/** What was put right, as qemu-img counts it. */
export interface Fixed {
  readonly corruptions: number;
  readonly leaks: number;
}

/** How `check -r` was asked for. */
export interface RepairRequest {
  readonly source: ImageSource;
  readonly repair: 'leaks' | 'all';
  readonly change: ChangeArguments;
  /** Whether what was done is told on stdout. */
  readonly tells: boolean;
}

/** Repairs as `check -r` does. What is not repaired is said, with the reason. */
export async function repairBeforeCheck(
  { source, repair: how, change, tells }: RepairRequest,
  out: Output,
): Promise<Fixed> {
  let planned: Planned | undefined;
  let corruptions = 0;
  const plan = async (target: Target): Promise<ChangeSet | undefined> => {
    try {
      planned = await planToTell(target, how);
      return planned.repair.change;
    } catch (error) {
      if (!(error instanceof Qcow2Error) || error.code !== 'refused') throw error;
      outputTo(2).text(`${programName}: nothing is repaired: ${bytesOfText(error.message)}\n`);
      return undefined;
    }
  };
  const begun = async (): Promise<void> => {
    corruptions = planned ? await tell(planned, how) : 0;
  };
  await changeImage(source, change, out, plan, { purpose: 'check', rawFailure: noCheck, begun });
  if (planned === undefined || change.dryRun !== 'no') {
    return { corruptions: 0, leaks: 0 };
  }
  tellReasons(planned.repair);
  const fixed = { corruptions, leaks: planned.repair.lowered };
  if (tells && fixed.corruptions + fixed.leaks > 0) {
    out.text(
      `The following inconsistencies were found and repaired:\n\n    ${fixed.leaks} leaked clusters\n    ${fixed.corruptions} corruptions\n\nDouble checking the fixed image now...\n`,
    );
  }
  return fixed;
}

/** What was planned, and what is told of it. */
interface Planned {
  readonly image: Image;
  readonly repair: Repair;
  /** Of refcounts. */
  readonly lines: readonly string[];
  /** Of COPIED. */
  readonly copied: readonly string[];
  /** Clusters in whose place there are others now. */
  readonly replaced: ReadonlySet<number>;
}

async function planToTell({ image, storage, from }: Target, how: 'leaks' | 'all'): Promise<Planned> {
  const lines: string[] = [];
  const copied: string[] = [];
  const replaced = new Set<number>();
  const visitor: RepairVisitor = {
    refcount: (cluster, refcount, references) => lines.push(repairing(cluster, refcount, references)),
    replaced: (cluster) => replaced.add(cluster),
    copied: (message) => copied.push(message.replace('ERROR', 'Repairing')),
  };
  const repair = await planRepair(image, storage, from, { codes: repaired[how] }, noProgress, visitor);
  return { image, repair, lines, copied, replaced };
}

/** Tells first what is wrong and then what is put right, as QEMU does. Returns how many corruptions it would count. */
async function tell({ image, repair, lines, copied, replaced }: Planned, how: 'leaks' | 'all'): Promise<number> {
  const messages = new Messages();
  let miscopied = 0;
  const say = (message: string, named?: boolean): void => {
    // QEMU looks at COPIED when the refcounts are right.
    if (message.startsWith('ERROR OFLAG_COPIED')) {
      miscopied++;
    } else {
      messages.say(message, named);
    }
  };
  const reached = new Set<number>();
  const lengthen = how === 'all' ? lengthening(image, (cluster) => reached.add(cluster)) : undefined;
  const before = await check(image, { say, mismatch: () => undefined, ...(lengthen && { lengthen }) }, noProgress);
  const isRebuilt = before.rebuild && how === 'all';
  if (isRebuilt) {
    messages.say('Rebuilding refcount structure');
  }
  // What was built anew is told by what it replaces, which leaks then.
  for (const cluster of isRebuilt ? [...new Set([...replaced, ...reached])].sort((a, b) => a - b) : []) {
    messages.say(repairing(cluster, 1, 0));
  }
  for (const part of [isRebuilt ? [] : lines, copied]) {
    for (const line of part) {
      messages.say(line);
    }
  }
  messages.flush();
  if (isRebuilt) {
    // QEMU counts what it has built anew by what it finds before and after.
    return before.corruptions - miscopied - repair.after.corruptions + copied.length;
  }
  return repair.raised + [...repair.mended.values()].reduce((sum, count) => sum + count, 0);
}

function repairing(cluster: number, refcount: number | bigint, references: number): string {
  return `Repairing cluster ${cluster} refcount=${refcount} reference=${references}`;
}

/** As QEMU makes the file longer; `reached` gets the clusters of the blocks that lie in it then. */
function lengthening({ storage, geometry }: Image, reached: (cluster: number) => unknown): Lengthening | undefined {
  if (!geometry) {
    return undefined;
  }
  const lengthen = lengtheningOf(storage, geometry);
  return (block) => {
    const system = lengthen(block);
    if (system === undefined) {
      reached(block / geometry.clusterSize);
    }
    return system;
  };
}

function tellReasons({ change, keptLeaks, after }: Repair): void {
  const nothing = change === undefined ? 'nothing is repaired: ' : '';
  if (keptLeaks !== undefined) {
    outputTo(2).text(`${programName}: ${nothing}leaked clusters are not freed. ${bytesOfText(keptLeaks)}\n`);
  } else if (after.corruptions > 0) {
    outputTo(2).text(
      `${programName}: ${nothing}what is left could lose data. See what can be done, and at what cost, with: ${programName} repair --dry-run FILE\n`,
    );
  }
}
