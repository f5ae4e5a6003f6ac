import type { ByteWrite, ChangeSet } from '../change/changeSet.ts';
import { CountWindow } from '../change/countWindow.ts';
import { Draft } from '../change/draft.ts';
import type { HeaderChange } from '../change/firstCluster.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { LayerDeltas, type LayerMoves, l2TablesOf } from '../change/layerDeltas.ts';
import { type BlockPlaces, NewRefcounts, newRefcountTable } from '../change/newRefcounts.ts';
import { type RefcountsAfter, refcountsAfter } from '../change/refcountsAfter.ts';
import { proveReferences } from '../change/referenceProof.ts';
import { ceilSector } from '../change/sectors.ts';
import { StoredRefcounts } from '../change/storedRefcounts.ts';
import type { ClusterRun } from '../change/switchLayout.ts';
import { inOrder, piecesOf, writesOf } from '../change/writeStream.ts';
import { l1EntryBytes } from '../format/l1.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import type { EntryTable } from '../image/entryTables.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { share } from '../image/scan.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { activeL1Table, copyWrites, tablesToCopy } from './activeTables.ts';
import { findPlaces, type SwitchPlaces } from './switchPlaces.ts';

/** How the layers of an image move when a snapshot is taken, applied or deleted. */
export interface LayerSwitch extends LayerMoves {
  readonly title: string;
  /** What the last step does, in words for a person. */
  readonly says: string;
  /** The L1 table that the active one becomes a copy of. */
  readonly base: EntryTable;
  /** Entries of the new active L1 table: at least as many as that one has. */
  readonly l1Entries: number;
  /** The snapshot table anew; undefined where it stays. */
  readonly snapshotTable: Uint8Array | undefined;
  /** Areas that nothing refers to any more: L1 tables, the former snapshot table. In bytes. */
  readonly released: readonly { readonly offset: bigint; readonly length: bigint }[];
  /** Fields of the header besides the places of the tables. */
  readonly fields: NonNullable<HeaderChange['fields']>;
  /** What the user should know before, given what becomes free. */
  cautions(freed: RefcountsAfter['freed']): readonly string[];
}

/**
 * Plans to move layers. Refcounts and COPIED flags must change at the same moment, or a check would find errors; so all
 * that changes is built anew in free clusters - the active L1 table, L2 tables in which a flag changes, the refcount
 * blocks in which a refcount changes, the refcount table, the snapshot table - and one write of the header's first sector
 * leads to it. The new refcounts count the new state exactly, so that nothing leaks either.
 *
 * @param window - how many clusters are counted at a time
 * @throws `Qcow2Error` `damaged` where the refcounts can't be relied on, `too-large` where a refcount does not fit
 */
export async function planLayerSwitch(
  image: Image,
  geometry: Geometry,
  storage: Storage,
  from: FileState,
  change: LayerSwitch,
  progress: Progress,
  window: CountWindow = new CountWindow(),
): Promise<ChangeSet> {
  const stored = await StoredRefcounts.of(image, geometry);
  const { used, summaries } = await proveReferences(image, stored, window, share(progress, 0, 0.5));
  const deltas = await LayerDeltas.of(image, geometry, change, summaries, window, share(progress, 0.5, 0.5));
  const after = await refcountsAfter(stored, deltas, share(progress, 0.5, 0.9));
  // A layer that is added is added for the active one, which leads to its tables from then on.
  const tables = change.added ? deltas.added : await l2TablesOf(image, geometry, change.base, progress);
  const needs = {
    l1Entries: change.l1Entries,
    snapshotTable: change.snapshotTable?.length ?? 0,
    tables: await tablesToCopy(storage, geometry, tables, after.single, share(progress, 0.9, 1)),
    released: change.released,
    blocks: after.blocks,
  };
  const places = await findPlaces(image, stored, needs, used);
  const draft = new Draft(storage);
  const l1 = await activeL1(storage, geometry, change, places, after.single);
  const refcounts = new NewRefcounts(stored, deltas, places.taken, places.released);
  const table = newRefcountTable(stored.blocks, places.blocks, places.refcountTable.clusters, geometry.clusterSize);
  const inMemory = [
    { structure: 'L1 table', at: offsetOf(geometry, places.l1), bytes: l1 },
    {
      structure: 'snapshot table',
      at: offsetOf(geometry, places.snapshotTable),
      bytes: change.snapshotTable ?? nothing,
    },
    { structure: 'refcount table', at: offsetOf(geometry, places.refcountTable), bytes: table },
  ];
  const writes = (): AsyncIterable<ByteWrite> =>
    inOrder([
      ...inMemory.map(writesOf),
      copyWrites(storage, geometry, places.copies, after.single),
      blockWrites(geometry, places.blocks, refcounts),
    ]);
  draft.addStream('Write what is new where nothing is', writes, endOf(geometry, places, inMemory));
  await changeHeader(draft, { fields: fieldsOf(geometry, change, places) }, change.says);
  for (const caution of change.cautions(after.freed)) {
    draft.caution(caution);
  }
  return draft.changeSet(change.title, from);
}

const nothing = new Uint8Array(0);

/** The host offset after the last byte that is written. */
function endOf(geometry: Geometry, { copies, blocks }: SwitchPlaces, inMemory: readonly ByteWrite[]): bigint {
  const last = Math.max(copies.targets.at(-1) ?? 0, blocks.clusters.at(-1) ?? 0);
  const ends = inMemory.map(({ at, bytes }) => at + ceilSector(BigInt(bytes.length)));
  return ends.reduce((end, one) => (one > end ? one : end), offsetOf(geometry, { start: last + 1 }));
}

/** The new active L1 table. */
async function activeL1(
  storage: Storage,
  { clusterSize }: Geometry,
  { base, l1Entries }: LayerSwitch,
  { copies }: SwitchPlaces,
  single: ClusterSet,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(base.entries * l1EntryBytes);
  await storage.read(BigInt(base.offset), bytes);
  return activeL1Table(bytes, l1Entries, copies, single, clusterSize);
}

/** The writes of the new refcount blocks. */
async function* blockWrites(
  { clusterSize }: Geometry,
  { indices, clusters }: BlockPlaces,
  refcounts: NewRefcounts,
): AsyncGenerator<ByteWrite> {
  const block = new Uint8Array(clusterSize);
  for (const { index, count, byte, length } of piecesOf(clusters, clusterSize)) {
    const bytes = new Uint8Array(length);
    for (let next = 0; next < count; next++) {
      // Of a large block, only the first piece makes it.
      if (byte === 0) {
        await refcounts.block(indices[index + next] ?? 0, block);
      }
      bytes.set(block.subarray(byte, byte + length), next * clusterSize);
    }
    const at = BigInt(clusters[index] ?? 0) * BigInt(clusterSize) + BigInt(byte);
    yield { structure: `refcount block[${indices[index] ?? 0}]`, at, bytes };
  }
}

function fieldsOf(geometry: Geometry, change: LayerSwitch, places: SwitchPlaces): NonNullable<HeaderChange['fields']> {
  return {
    ...change.fields,
    ...(places.l1.clusters === 0 ? {} : { l1_table_offset: offsetOf(geometry, places.l1) }),
    l1_size: change.l1Entries,
    refcount_table_offset: offsetOf(geometry, places.refcountTable),
    refcount_table_clusters: places.refcountTable.clusters,
    ...(change.snapshotTable ? { snapshots_offset: offsetOf(geometry, places.snapshotTable) } : {}),
  };
}

function offsetOf({ clusterSize }: Geometry, { start }: Pick<ClusterRun, 'start'>): bigint {
  return BigInt(start) * BigInt(clusterSize);
}
