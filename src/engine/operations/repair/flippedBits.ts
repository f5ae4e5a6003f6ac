import type { Draft } from '../../change/draft.ts';
import { RefcountReader } from '../../check/refcountReader.ts';
import { oneBitAway } from '../../format/bits.ts';
import { compressedSectorBytes } from '../../format/compressed.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../../format/l2.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { L2TableSet } from '../../image/l2TableSet.ts';
import { readRefcountTable } from '../../image/refcountTable.ts';
import { stateBits } from '../featureBits.ts';
import type { EndClusters } from './endClusters.ts';
import { findStrays, type Stray } from './strays.ts';
import type { Survey } from './survey.ts';
import type { L2Table } from './suspectTables.ts';

/** What L2 entries with a wrong bit meant. */
export interface Meant {
  /** By host offset of the entry in bytes: a host cluster. */
  readonly clusters: ReadonlyMap<number, number>;
  /** The host cluster that only one guest cluster has once the other has its own. */
  readonly settled: number | undefined;
}

const nothing: Meant = { clusters: new Map(), settled: undefined };

/**
 * Finds the host clusters that L2 entries must have meant which lead to what can't be the guest's, where one wrong bit
 * explains it. That is the only cluster one bit away of which the refcount says that one entry is
 * missing, and to which nothing else leads than the same guest cluster of other layers. Of two guest clusters that have one
 * cluster, it is the one whose neighbours both lie beside that place. An entry that is COPIED and compressed at once is
 * normal where its cluster holds more than it says. Nothing is found where several entries of a sector are wrong, for a file that was cut off, or while the refcounts may be stale (dirty bit). `suspects`: the tables to look at;
 * `shared`: host clusters that several guest clusters have.
 */
export async function findMeantClusters(
  draft: Draft,
  survey: Survey,
  suspects: readonly L2Table[],
  end: EndClusters,
  shared: ReadonlyMap<number, unknown>,
): Promise<Meant> {
  const { image, geometry, tables } = survey;
  const { header } = image;
  const isStale =
    header === undefined || (header.version >= 3 && (header.incompatible_features & stateBits.dirty) !== 0n);
  if (!tables || geometry.dataFile || isStale) {
    return nothing;
  }
  const { lost, pair, flagged } = await findStrays(draft, survey, suspects, end, shared);
  const refcounts = new RefcountReader(draft, geometry, await readRefcountTable(draft, geometry, header));
  const meant = new Map<number, number>();
  for (const stray of [...lost, ...(pair ?? [])]) {
    const cluster = await meantBy(stray, draft, survey, tables, refcounts);
    const isLost = !pair?.includes(stray);
    if (cluster !== undefined && (isLost || isBetween(stray, cluster * geometry.clusterSize))) {
      meant.set(stray.at, cluster);
    }
  }
  for (const stray of flagged) {
    const cluster = stray.target / geometry.clusterSize;
    const isOnlyOne = (await refcounts.refcount(cluster)) === tables.references[stray.table];
    if (isOnlyOne && !survey.data.has(cluster) && (await isMoreThanCompressed(draft, stray, geometry))) {
      meant.set(stray.at, cluster);
    }
  }
  const clusters = withoutRivals(meant);
  const settled = pair?.some(({ at }) => clusters.has(at)) ? pair[0].target / geometry.clusterSize : undefined;
  return { clusters, settled };
}

/** Whether the entries on both sides of a stray lead to what is beside an offset (bytes). */
function isBetween({ inTurn }: Stray, offset: number): boolean {
  return inTurn.length === 2 && inTurn.every((one) => one === offset);
}

/**
 * Whether there is more in a cluster than an entry with the compressed flag says: such an entry has one sector, since a normal
 * one has no bits there. With extended L2 entries the bitmap has told already.
 */
async function isMoreThanCompressed(draft: Draft, { target }: Stray, geometry: Geometry): Promise<boolean> {
  const rest = new Uint8Array(geometry.clusterSize - compressedSectorBytes);
  const bad = await readHostBytes(draft, BigInt(target + compressedSectorBytes), rest);
  return geometry.extended || (bad.length === 0 && rest.some((byte) => byte !== 0));
}

async function meantBy(
  { table, entry, target }: Stray,
  draft: Draft,
  survey: Survey,
  tables: L2TableSet,
  refcounts: RefcountReader,
): Promise<number | undefined> {
  const { geometry, structures, l2Tables, data, compressed } = survey;
  const { clusterSize, fileClusters } = geometry;
  const cluster = Math.floor(target / clusterSize);
  // Where the file was cut off, what is past its end still counts as used.
  if (cluster >= fileClusters && (await refcounts.refcount(cluster)) !== 0) {
    return undefined;
  }
  const twins = await twinsOf(table, entry, draft, survey, tables);
  const fitting: number[] = [];
  for (const offset of oneBitAway(target)) {
    const found = offset / clusterSize;
    const isOther = [structures, l2Tables, compressed].some((clusters) => clusters.has(found));
    if (!Number.isInteger(found) || found === 0 || found >= fileClusters || isOther) {
      continue;
    }
    const references = twins.get(offset) ?? 0;
    const isOthersData = data.has(found) && references === 0;
    const missing = tables.references[table] ?? 0;
    if (!isOthersData && BigInt((await refcounts.refcount(found)) ?? 0) === BigInt(references + missing)) {
      fitting.push(found);
    }
  }
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** By host offset in bytes: how many entries of other layers, for the same guest cluster, lead there. */
async function twinsOf(
  table: number,
  entry: number,
  draft: Draft,
  { geometry }: Survey,
  tables: L2TableSet,
): Promise<ReadonlyMap<number, number>> {
  const twins = new Map<number, number>();
  const view = new DataView(new ArrayBuffer(geometry.l2EntryBytes));
  for (const [other, offset] of tables.offsets.entries()) {
    if (other === table || tables.l1Indices[other] !== tables.l1Indices[table]) {
      continue;
    }
    const at = BigInt(offset + entry * geometry.l2EntryBytes);
    const bad = await readHostBytes(draft, at, new Uint8Array(view.buffer));
    const [hi, lo] = [view.getUint32(0), view.getUint32(4)];
    if (bad.length === 0 && l2Kind(hi, lo, geometry) === l2Kinds.normal) {
      const target = l2HostOffset(hi, lo);
      twins.set(target, (twins.get(target) ?? 0) + (tables.references[other] ?? 0));
    }
  }
  return twins;
}

/** Leaves out the clusters that several entries may have meant. */
function withoutRivals(meant: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  const clusters = [...meant.values()];
  const isAlone = (cluster: number): boolean => clusters.indexOf(cluster) === clusters.lastIndexOf(cluster);
  return new Map([...meant].filter(([, cluster]) => isAlone(cluster)));
}
