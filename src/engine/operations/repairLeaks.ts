import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { requireChangeable } from '../change/refusals.ts';
import { type CheckResult, check } from '../check/check.ts';
import { findLostTable } from '../check/lostTable.ts';
import { Qcow2Error } from '../error.ts';
import type { Finding } from '../finding.ts';
import { explain } from '../findingTexts.ts';
import { l1Place } from '../format/l1.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import { writeRefcount } from '../format/refcounts.ts';
import { showOffset } from '../format/show.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { readL1 } from '../image/l1Table.ts';
import { openImage } from '../image/open.ts';
import { readRefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import { scan, share } from '../image/scan.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { stateBits } from './featureBits.ts';

/** A cluster that is counted more often than it is referred to. */
export interface Leak {
  readonly cluster: number;
  readonly refcount: number | bigint;
  readonly references: number;
}

/** What a repair of leaks comes to. */
export interface LeakRepair {
  /** Undefined where nothing is to be done. */
  readonly change: ChangeSet | undefined;
  /** What is repaired. */
  readonly leaks: readonly Leak[];
}

/** Why leaks are not repaired. */
const why =
  'Clusters that a damaged table leads to look like leaks, and freeing them would destroy their data. Save the data first (qcow2 salvage).';

/**
 * Plans to lower the refcounts of leaked clusters, and to clear the dirty and the corrupt bit, as qemu-img check -r leaks
 * does. The clusters stay in the file as they are; they are only free. Throws `refused` where anything else is wrong with
 * the image: what looks like a leak may then be data to which a damaged table led.
 */
export async function planLeakRepair(
  image: Image,
  storage: Storage,
  from: FileState,
  progress: Progress,
): Promise<LeakRepair> {
  requireChangeable(image, { clusters: false, corrupt: true });
  const { header, geometry } = image;
  if (!header || !geometry) {
    throw new Qcow2Error('damaged', 'There is no header that tells where the tables are.');
  }
  const leaks: Leak[] = [];
  const mismatch = (cluster: number, refcount: number | bigint, references: number): void => {
    if (refcount > references) {
      leaks.push({ cluster, refcount, references });
    }
  };
  await check(image, { say: ignore, mismatch }, share(progress, 0, 0.3));
  requireNone(image.findings);
  requireNone((await scan(image, share(progress, 0.3, 0.6))).findings);
  await requireNoLostTable(storage, geometry, leaks, progress);
  const draft = new Draft(storage);
  const unique = await lowerRefcounts(image, draft, geometry, leaks);
  await draft.endStep('Free the clusters that nothing refers to');
  if (unique.next(0) !== undefined) {
    // A check finds COPIED missing until it is set: the other way round, a VM could write into what is still shared.
    draft.protection = 'journal';
    await setCopied(image, draft, geometry, unique, share(progress, 0.6, 0.7));
  }
  await draft.endStep('Set COPIED where one reference is left');
  requireSound(await check(await openImage(draft), { say: ignore, mismatch: ignore }, share(progress, 0.7, 1)));
  const states = header.version >= 3 ? stateBits.dirty | stateBits.corrupt : 0n;
  if (leaks.length === 0 && (header.incompatible_features & states) === 0n) {
    return { change: undefined, leaks };
  }
  const clusters = `${leaks.length} leaked ${leaks.length === 1 ? 'cluster' : 'clusters'}`;
  const title = leaks.length > 0 ? `Free ${clusters}` : 'Clear the dirty and the corrupt bit';
  const fields = header.version >= 3 ? { incompatible_features: header.incompatible_features & ~states } : {};
  await changeHeader(draft, { fields }, 'Say that the image is in order');
  return { change: draft.changeSet(title, from), leaks };
}

const ignore = (): void => undefined;

/** Throws `refused` where something is damaged. */
function requireNone(findings: readonly Finding[]): void {
  const wrong = findings.find((one) => one.code !== 'image-corrupt' && explain(one).severity === 'corruption');
  if (wrong !== undefined) {
    throw refused(`${explain(wrong).title}.`);
  }
}

/** Throws `refused` where more than leaks was wrong: the check of the image as it would be finds it. */
function requireSound({ corruptions, leaks, checkErrors, failure }: CheckResult): void {
  if (corruptions + leaks + checkErrors > 0 || failure !== undefined) {
    throw refused('A check finds more than leaks.');
  }
}

async function requireNoLostTable(
  storage: Storage,
  geometry: Geometry,
  leaks: readonly Leak[],
  progress: Progress,
): Promise<void> {
  const unowned = leaks.filter(({ references }) => references === 0).map(({ cluster }) => cluster);
  const table = await findLostTable(storage, geometry, unowned, progress);
  if (table !== undefined) {
    const at = showOffset(BigInt(table) * BigInt(geometry.clusterSize));
    throw refused(`The cluster at ${at} counts as leaked, but looks like a table that leads to data.`);
  }
}

function refused(what: string): Qcow2Error {
  return new Qcow2Error('refused', `The image is not changed. ${what.replace('..', '.')} ${why}`);
}

/** Writes the refcounts of the leaks; returns the clusters to which one reference is left. */
async function lowerRefcounts(
  { storage, header }: Image,
  draft: Draft,
  geometry: Geometry,
  leaks: readonly Leak[],
): Promise<ClusterSet> {
  const unique = new ClusterSet();
  const { refcountBlockEntries: perBlock, refcountOrder, clusterSize } = geometry;
  if (!header || leaks.length === 0) {
    return unique;
  }
  const table = await readRefcountTable(storage, geometry, header);
  const places = new Map([...refcountTableEntries(geometry, table)].map(({ index, block }) => [index, block]));
  const bytes = new Uint8Array(clusterSize);
  for (let next = 0; next < leaks.length; ) {
    const index = Math.floor((leaks[next]?.cluster ?? 0) / perBlock);
    const at = BigInt(places.get(index) ?? 0);
    await storage.read(at, bytes);
    const before = bytes.slice();
    for (let leak = leaks[next]; leak && Math.floor(leak.cluster / perBlock) === index; leak = leaks[++next]) {
      writeRefcount(bytes, leak.cluster % perBlock, refcountOrder, leak.references);
      if (leak.references === 1) {
        unique.add(leak.cluster, 1);
      }
    }
    await writeChanged(draft, `refcount block ${index}`, at, before, bytes);
  }
  return unique;
}

/** Sets COPIED in the entries of the active layer that lead to one of the clusters. */
async function setCopied(
  image: Image,
  draft: Draft,
  geometry: Geometry,
  clusters: ClusterSet,
  progress: Progress,
): Promise<void> {
  const { clusterSize, l2EntryBytes, dataFile } = geometry;
  const { offset, entries } = image.l1;
  const { view: l1 } = await readL1(image.storage, offset, entries);
  for (let index = 0; index * 8 < l1.byteLength; index++) {
    const table = l1Place(l1.getUint32(index * 8), l1.getUint32(index * 8 + 4));
    if (table === 0) {
      continue;
    }
    if (clusters.has(table / clusterSize)) {
      await copied(draft, `L1[${index}]`, offset + BigInt(index * 8), l1.getUint32(index * 8));
    }
    const bytes = new Uint8Array(clusterSize);
    await image.storage.read(BigInt(table), bytes);
    const l2 = new DataView(bytes.buffer);
    for (let at = 0; at < clusterSize && !dataFile; at += l2EntryBytes) {
      const hi = l2.getUint32(at);
      const kind = l2Kind(hi, l2.getUint32(at + 4), geometry);
      const leads = kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated;
      if (leads && clusters.has(l2HostOffset(hi, l2.getUint32(at + 4)) / clusterSize)) {
        await copied(draft, `L1[${index}] -> L2[${at / l2EntryBytes}]`, BigInt(table + at), hi);
      }
    }
    await progress.step(index, entries);
  }
}

/** Sets bit 63 of an entry. `hi`: its first word. */
function copied(draft: Draft, structure: string, at: bigint, hi: number): Promise<void> {
  return draft.write(structure, at, Uint8Array.of((hi >>> 24) | 0x80));
}

const sectorBytes = 512;

/** Writes the sectors that differ. */
async function writeChanged(
  draft: Draft,
  structure: string,
  at: bigint,
  before: Uint8Array,
  after: Uint8Array,
): Promise<void> {
  for (let from = 0; from < after.length; from += sectorBytes) {
    const sector = after.subarray(from, from + sectorBytes);
    if (sector.some((byte, index) => byte !== before[from + index])) {
      await draft.write(structure, at + BigInt(from), sector.slice());
    }
  }
}
