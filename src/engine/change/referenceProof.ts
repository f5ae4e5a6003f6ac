import { Qcow2Error } from '../error.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { readSmallRefcount } from '../format/refcounts.ts';
import { showOffset } from '../format/show.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { walkL2References } from '../image/l2References.ts';
import { L2Summaries } from '../image/l2Summaries.ts';
import { someTables } from '../image/l2TableSet.ts';
import { type Owner, owners, type ReferenceVisitor } from '../image/reference.ts';
import { walkTableReferences } from '../image/references.ts';
import { share } from '../image/scan.ts';
import type { Progress } from '../ports.ts';
import type { CountWindow } from './countWindow.ts';
import { provingVisitor, unproved } from './freeClusters.ts';
import type { StoredRefcounts } from './storedRefcounts.ts';

/** Clusters that a file may have here, as in QEMU's check: a set of them takes 256 MiB. */
const mostClusters = 2 ** 31 - 1;

/** What a walk over all references of an image has found. */
export interface ProvedReferences {
  /** The clusters that anything refers to. */
  readonly used: ClusterSet;
  /** Of all L2 tables: where their entries lead. */
  readonly summaries: L2Summaries;
}

/**
 * Proves that the refcounts can be relied on: counts all references as qemu-img check does, and throws `damaged` where
 * a cluster has more of them than its refcount says, where a table shares its cluster with anything else, and where a
 * reference can't be followed. Refcounts that are too high are leaks, and fine.
 */
export async function proveReferences(
  image: Image,
  stored: StoredRefcounts,
  window: CountWindow,
  progress: Progress,
): Promise<ProvedReferences> {
  const { geometry } = stored;
  const { fileClusters } = geometry;
  if (fileClusters > mostClusters) {
    throw new Qcow2Error('too-large', 'The file has more than 2 147 483 647 clusters: more than can be checked.', {
      system: 'EFBIG',
    });
  }
  const reached = (): number => window.from / Math.max(1, fileClusters);
  window.start(0, fileClusters);
  const proved = await walkAll(image, geometry, window, share(progress, 0, window.to / Math.max(1, fileClusters)));
  await requireCounted(stored, window, progress);
  while (window.to < fileClusters) {
    window.start(window.to, fileClusters);
    await walkWindow(image, geometry, window, proved.summaries, share(progress, reached(), 1));
    await requireCounted(stored, window, progress);
  }
  return proved;
}

/** Counts the references into the first window, and gathers what is in use. */
async function walkAll(
  image: Image,
  geometry: Geometry,
  window: CountWindow,
  progress: Progress,
): Promise<ProvedReferences> {
  const used = new ClusterSet();
  // What belongs to one table alone.
  const placed = new ClusterSet();
  const place = (cluster: number, count: number): void => {
    requireAlone(geometry, placed, cluster, count);
    placed.add(cluster, count);
  };
  const counted = countedOwners(image);
  const ofTables = provingVisitor(image, (owner, cluster, count, references) => {
    used.add(cluster, count);
    if (counted(owner)) {
      window.add(cluster, count, references);
      if (owner !== owners.l2Table) {
        place(cluster, count);
      }
    }
  });
  const tables = await walkTableReferences(image, ofTables, progress);
  if (!tables) {
    throw unproved('the header does not tell where the tables are');
  }
  for (const offset of tables.offsets) {
    place(offset / geometry.clusterSize, 1);
  }
  const summaries = new L2Summaries(tables);
  const summing = summaries.visitor();
  const proving = provingVisitor(image, (_owner, cluster, count, references) => {
    requireAlone(geometry, placed, cluster, count);
    used.add(cluster, count);
    window.add(cluster, count, references);
  });
  const ofEntries: ReferenceVisitor = {
    ...proving,
    table: summing.table,
    reference: (...reference) => {
      proving.reference(...reference);
      summing.reference(...reference);
    },
  };
  await walkL2References(image.storage, geometry, tables, ofEntries, progress);
  return { used, summaries };
}

/** Counts the references into another window: only those L2 tables are read whose entries reach there. */
async function walkWindow(
  image: Image,
  geometry: Geometry,
  window: CountWindow,
  summaries: L2Summaries,
  progress: Progress,
): Promise<void> {
  const counted = countedOwners(image);
  const visitor = provingVisitor(image, (owner, cluster, count, references) => {
    if (counted(owner)) {
      window.add(cluster, count, references);
    }
  });
  await walkTableReferences(image, visitor, progress);
  const tables = someTables(summaries.tables, summaries.reaching(window.from, window.to));
  await walkL2References(image.storage, geometry, tables, visitor, progress);
}

/** Bitmaps that another program has outdated are not counted by a check: their clusters are leaked, or used anew. */
function countedOwners({ header }: Image): (owner: Owner) => boolean {
  const bitmaps = header !== undefined && hasBitmaps(header);
  return (owner) =>
    bitmaps || (owner !== owners.bitmapDirectory && owner !== owners.bitmapTable && owner !== owners.bitmapData);
}

function requireAlone(geometry: Geometry, placed: ClusterSet, cluster: number, count: number): void {
  if (placed.meets(cluster, count)) {
    const at = showOffset(BigInt(cluster) * BigInt(geometry.clusterSize));
    throw unproved(`the ${count === 1 ? 'cluster' : `${count} clusters`} at ${at} belong to a table and to more`);
  }
}

/** Throws where a refcount is lower than the number of references in the window. */
async function requireCounted(stored: StoredRefcounts, window: CountWindow, progress: Progress): Promise<void> {
  const { clusterSize, refcountBlockEntries: perBlock, refcountOrder } = stored.geometry;
  const { counts, from, to } = window;
  const block = new Uint8Array(clusterSize);
  for (let first = from; first < to; first += perBlock) {
    await stored.read(first / perBlock, block);
    const end = Math.min(first + perBlock, to);
    for (let cluster = first; cluster < end; cluster++) {
      const count = counts[cluster - from] ?? 0;
      const refcount = readSmallRefcount(block, cluster - first, refcountOrder);
      if (refcount < count) {
        throw new Qcow2Error(
          'damaged',
          `The refcounts are wrong: the cluster at ${showOffset(BigInt(cluster) * BigInt(clusterSize))} is referred to ${count} times, and its refcount is ${refcount}. Nothing is changed. Repair the refcounts first.`,
          { at: BigInt(cluster) * BigInt(clusterSize) },
        );
      }
    }
    await progress.step(0, 0);
  }
}
