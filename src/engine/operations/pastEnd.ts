import type { Draft } from '../change/draft.ts';
import { Qcow2Error } from '../error.ts';
import { encodeL1Entry, l1EntryBytes } from '../format/l1.ts';
import { showOffset } from '../format/show.ts';
import type { ClusterCounts } from '../image/clusterCounts.ts';
import { type L1Table, l2TableOf, nextL2Table } from '../image/l1Table.ts';
import { walkL2References } from '../image/l2References.ts';
import { l2TableSet } from '../image/l2TableSet.ts';
import { activeSource, flaws, owners, type ReferenceVisitor } from '../image/reference.ts';
import type { ResizePlan } from './resizePlan.ts';

/**
 * Whether the active layer has anything behind the first `from` guest clusters: a VM state, or what an interrupted shrink
 * left. Reads one L2 table at most.
 */
export async function hasPastEnd({ image, geometry, draft }: ResizePlan, from: number): Promise<boolean> {
  const { l1 } = image;
  const { l2Entries, l2EntryBytes, clusterSize } = geometry;
  const boundary = Math.floor(from / l2Entries);
  const first = from % l2Entries;
  if (nextL2Table(l1, boundary + (first === 0 ? 0 : 1), l1.entries) < l1.entries) {
    return true;
  }
  const table = first === 0 || boundary >= l1.entries ? 0 : l2TableOf(l1, boundary);
  if (table === 0) {
    return false;
  }
  const bytes = new Uint8Array(clusterSize - first * l2EntryBytes);
  await draft.read(BigInt(table + first * l2EntryBytes), bytes);
  return bytes.some((byte) => byte !== 0);
}

/**
 * Drafts to clear everything that the active layer has behind the first `from` guest clusters, and counts the references
 * that are gone by it. L2 tables behind are left as they are, and nothing leads to them any more. The last step is not
 * ended.
 */
export async function clearPastEnd(plan: ResizePlan, from: number, gone: ClusterCounts): Promise<void> {
  await countReferences(plan, from, gone);
  const { image, geometry } = plan;
  const first = from % geometry.l2Entries;
  const boundary = Math.floor(from / geometry.l2Entries);
  const whole = boundary + (first === 0 ? 0 : 1);
  const table = first === 0 || boundary >= image.l1.entries ? 0 : l2TableOf(image.l1, boundary);
  if (table !== 0) {
    await clearEntries(plan, boundary, table, first, gone);
  }
  await clearL1(plan, whole);
}

/** The references of entries behind the end, and those of the L2 tables that are wholly behind it. */
async function countReferences(
  { image, geometry, progress }: ResizePlan,
  from: number,
  gone: ClusterCounts,
): Promise<void> {
  const { l1, storage } = image;
  const { l2Entries } = geometry;
  const first = Math.floor(from / l2Entries);
  const whole = first + (from % l2Entries === 0 ? 0 : 1);
  const visitor: ReferenceVisitor = {
    reference(owner, _source, index, cluster, count, references) {
      if (cluster > geometry.fileClusters) {
        throw new Qcow2Error(
          'damaged',
          `An entry behind the end of the disk leads to ${showOffset(BigInt(cluster) * BigInt(geometry.clusterSize))}, past the end of the file: what it leads to can’t be given up. Check and repair the image first.`,
        );
      }
      if (owner === owners.l2Table) {
        gone.addRun(cluster, index < whole ? 0 : count, references);
      } else if (owner === owners.compressed) {
        gone.addRun(cluster, index < from ? 0 : count, references);
      } else {
        const before = Math.min(count, Math.max(0, from - index));
        gone.addRun(cluster + before, count - before, references);
      }
    },
    flaw(flaw, { host }) {
      if (flaw === flaws.unreadable || flaw === flaws.unaligned) {
        throw new Qcow2Error(
          'damaged',
          `The entry at ${showOffset(host)} ${flaw === flaws.unreadable ? 'can’t be read' : 'is not aligned'}: what it leads to can’t be given up. Check and repair the image first.`,
        );
      }
    },
  };
  const entries = l1.entries - first;
  if (entries > 0) {
    const offset = Number(l1.offset) + first * l1EntryBytes;
    const segment = { offset, entries, source: activeSource, first, references: 1 };
    const tables = await l2TableSet(storage, geometry, [segment], visitor, () => progress.step(0, 0));
    await walkL2References(storage, geometry, tables, visitor, progress);
  }
}

/** Clears the entries of an L2 table from `first` on: in place, or in a copy where a snapshot has the table too. */
async function clearEntries(
  { image, geometry, draft, clusters }: ResizePlan,
  l1Index: number,
  table: number,
  first: number,
  gone: ClusterCounts,
): Promise<void> {
  const { clusterSize, l2EntryBytes } = geometry;
  const cluster = table / clusterSize;
  const counted = await clusters.get();
  const bytes = new Uint8Array(clusterSize);
  await draft.read(BigInt(table), bytes);
  bytes.fill(0, first * l2EntryBytes);
  const structure = `L2 table[${l1Index}]`;
  if (BigInt(await counted.refcount(cluster)) === 1n) {
    const at = BigInt(table + first * l2EntryBytes);
    await draft.write(structure, at, bytes.subarray(first * l2EntryBytes));
    return;
  }
  const copy = await counted.allocate(1);
  const offset = BigInt(copy) * BigInt(clusterSize);
  await draft.write(structure, offset, bytes);
  await draft.endStep('Copy the L2 table that a snapshot has too');
  await writeL1Entry(draft, image.l1, l1Index, offset);
  gone.add(cluster, 1);
}

/** Clears the L1 entries from `first` on. */
async function clearL1({ image, draft }: ResizePlan, first: number): Promise<void> {
  const { l1 } = image;
  const at = nextL2Table(l1, first, l1.entries);
  if (at < l1.entries) {
    const length = Math.min(l1.entries * l1EntryBytes, l1.view.byteLength) - at * l1EntryBytes;
    await draft.write(`L1 table[${at}]`, l1.offset + BigInt(at * l1EntryBytes), new Uint8Array(length));
  }
}

/** Has an L1 entry lead to an L2 table that nobody else has. */
export async function writeL1Entry(draft: Draft, l1: L1Table, index: number, offset: bigint): Promise<void> {
  const { hi, lo } = encodeL1Entry(offset, true);
  const bytes = new Uint8Array(l1EntryBytes);
  new DataView(bytes.buffer).setUint32(0, hi);
  new DataView(bytes.buffer).setUint32(4, lo);
  await draft.write(`L1 table[${index}]`, l1.offset + BigInt(index * l1EntryBytes), bytes);
}
