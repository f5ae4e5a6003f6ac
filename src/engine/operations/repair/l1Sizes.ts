import { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { Qcow2Error } from '../../error.ts';
import { l1EntryBytes } from '../../format/l1.ts';
import { showCount } from '../../format/show.ts';
import { type Snapshot, snapshotExtra, snapshotVmStateSize } from '../../format/snapshots.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import { openImage } from '../../image/open.ts';
import { walkReferences } from '../../image/references.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import type { RepairCode, Wanted } from './selection.ts';
import { isPlausible } from './snapshots.ts';

/** Where the number of L1 entries is in an entry of the snapshot table. */
const l1SizeAt = 8n;

/** An L1 table that is said to have more entries than its disk needs, and clusters for them. */
interface LongTable {
  /** As in `The … L1 table`. */
  readonly name: string;
  readonly offset: bigint;
  readonly entries: number;
  /** Those that the disk, and the state of the machine behind it, need. */
  readonly needed: number;
  /** How a finding calls it, where it is not on top of something else. */
  readonly code: RepairCode;
  readonly shorten: (draft: Draft) => Promise<unknown>;
}

/**
 * Has L1 tables end where their disk ends, or the state of the machine behind it, that QEMU does not read since they are
 * too large, or that are said to reach over other structures or past the end of the file: those would be taken for their
 * entries. Returns how many, by code. Throws `refused` where one of the latter is not asked for, or may be as long as it
 * is said to be.
 */
export async function mendL1Sizes(
  draft: Draft,
  geometry: Geometry,
  wanted: Wanted,
  progress: Progress,
): Promise<ReadonlyMap<RepairCode, number>> {
  const mended = new Map<RepairCode, number>();
  const tables = await longTables(draft, geometry);
  const used = tables.length > 0 ? await usedBeside(draft, geometry, tables, progress) : new ClusterSet();
  for (const table of tables) {
    const { name, offset, entries, needed, code, shorten } = table;
    const isUnread = isTooLarge(table);
    const { first, end } = excess(table, geometry);
    if (!isUnread && end <= geometry.fileClusters && !used.meets(first, end - first)) {
      continue;
    }
    const isWanted = wanted(code, offset) || (!isUnread && wanted('clusters-overlap', offset));
    if (isWanted && (await endsAt(draft, geometry, offset, needed))) {
      await shorten(draft);
      mended.set(code, (mended.get(code) ?? 0) + 1);
    } else if (!isUnread) {
      throw new Qcow2Error(
        'refused',
        `The image is not changed. The ${name} is said to have ${showCount(entries)} entries, where its disk needs ${showCount(needed)}, and reaches over other structures or past the end of the file: what of it is right has to be known before the rest is repaired.`,
      );
    }
  }
  await draft.endStep('Put the sizes of the L1 tables right');
  return mended;
}

/** The tables with whole clusters behind what they need. */
async function longTables(draft: Draft, geometry: Geometry): Promise<LongTable[]> {
  const { header } = await openImage(draft);
  if (!header) {
    return [];
  }
  const needed = entriesFor(header.size, 0n, geometry);
  const active: LongTable = {
    name: 'active L1 table',
    offset: header.l1_table_offset,
    entries: header.l1_size,
    needed,
    code: header.l1_size * l1EntryBytes > limits.l1TableBytes ? 'l1-table-too-large' : 'l1-table-past-end',
    shorten: (into) => changeHeader(into, { fields: { l1_size: needed } }, 'Put the size of the L1 table right'),
  };
  const snapshots = await readSnapshots(draft, header);
  return [active, ...snapshots.flatMap((snapshot) => ofSnapshot(snapshot, geometry) ?? [])].filter((table) => {
    const { first, end } = excess(table, geometry);
    return table.needed > 0 && isPlaced(table, geometry) && first < end;
  });
}

function ofSnapshot(snapshot: Snapshot, geometry: Geometry): LongTable | undefined {
  const { l1_table_offset: offset, l1_size: entries } = snapshot.fields;
  // Without extra data it has the size of the disk.
  const { disk_size: size = geometry.guestSize } = snapshotExtra(snapshot);
  const needed = entriesFor(size, snapshotVmStateSize(snapshot), geometry);
  const right = { ...snapshot, fields: { ...snapshot.fields, l1_size: needed } };
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, needed);
  return isPlausible(right, geometry)
    ? {
        name: `L1 table of snapshot[${snapshot.index}]`,
        offset,
        entries,
        needed,
        code: entries * l1EntryBytes > limits.l1TableBytes ? 'snapshot-l1-too-large' : 'snapshot-l1-past-end',
        shorten: (into) => into.write(`snapshot[${snapshot.index}]`, snapshot.offset + l1SizeAt, bytes),
      }
    : undefined;
}

function isTooLarge({ entries }: LongTable): boolean {
  return entries * l1EntryBytes > limits.l1TableBytes;
}

/** Whether what the table needs is at clusters of the file. */
function isPlaced({ offset, needed }: LongTable, { clusterSize, fileSize }: Geometry): boolean {
  return offset > 0n && offset % BigInt(clusterSize) === 0n && offset + BigInt(needed * l1EntryBytes) <= fileSize;
}

/** The clusters behind those that the table needs. */
function excess({ offset, entries, needed }: LongTable, { clusterSize }: Geometry): { first: number; end: number } {
  const start = Number(offset / BigInt(clusterSize));
  const clusters = (count: number): number => Math.ceil((count * l1EntryBytes) / clusterSize);
  return { first: start + clusters(needed), end: start + clusters(entries) };
}

/** The clusters of the file that are used where the tables have the entries that they need. */
async function usedBeside(
  draft: Draft,
  { fileClusters }: Geometry,
  tables: readonly LongTable[],
  progress: Progress,
): Promise<ClusterSet> {
  const trial = new Draft(draft);
  for (const { shorten } of tables) {
    await shorten(trial);
  }
  const used = new ClusterSet();
  const reference = (_owner: number, _source: number, _index: number, cluster: number, count: number): void => {
    const inFile = Math.min(count, fileClusters - cluster);
    if (inFile > 0) {
      used.add(cluster, inFile);
    }
  };
  await walkReferences(await openImage(trial), { reference }, progress);
  return used;
}

/** L1 entries for a disk and the state of a machine, in bytes; 0 where they are none that QEMU reads. */
function entriesFor(size: bigint, vmState: bigint, { l2Entries, clusterSize }: Geometry): number {
  const span = BigInt(l2Entries) * BigInt(clusterSize);
  const entries = size === 0n ? 0n : (size + span - 1n) / span + (vmState + span - 1n) / span;
  return entries * BigInt(l1EntryBytes) <= BigInt(limits.l1TableBytes) ? Number(entries) : 0;
}

/** Whether an L1 table could end after so many entries: the rest of its last cluster is zeros. */
async function endsAt(draft: Draft, { clusterSize }: Geometry, offset: bigint, entries: number): Promise<boolean> {
  const end = offset + BigInt(entries * l1EntryBytes);
  const size = BigInt(clusterSize);
  const rest = new Uint8Array(Number((size - (end % size)) % size));
  const unreadable = await readHostBytes(draft, end, rest);
  return unreadable.length === 0 && rest.every((byte) => byte === 0);
}
