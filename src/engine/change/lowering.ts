import type { ClusterCounts } from '../image/clusterCounts.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import { openImage } from '../image/open.ts';
import type { Progress, Storage } from '../ports.ts';
import { type ByteWrite, sectorSize } from './changeSet.ts';
import type { Clusters } from './clusters.ts';
import type { Draft } from './draft.ts';
import { usedClusters } from './freeClusters.ts';
import { lowerBlock, membersIn, type RefcountBlock, readBlock, surveyRefcounts } from './refcountSurvey.ts';

/** What refcounts are lowered in. */
export interface LoweringPlace {
  readonly draft: Draft;
  /** The file without the change. */
  readonly storage: Storage;
  readonly geometry: Geometry;
  readonly clusters: Clusters;
}

/** What lowering refcounts comes to. */
export interface Lowered {
  /** The clusters that get free. */
  readonly freed: ClusterSet;
  /** Clusters of the file up to the last one that is still in use. */
  readonly end: number;
}

/**
 * Drafts the last steps of a change: lowers refcounts by the references that are gone, and takes out the refcount blocks
 * that count nothing any more (qcow2_shrink_reftable). It streams, but for the sectors that other steps write too. A walk
 * over what the draft refers to proves first that all that gets free is free.
 *
 * @param gone - the references that the draft, as it is, has no more
 * @throws `Qcow2Error` `damaged` where refcounts and references don't agree
 */
export async function lowerRefcounts(place: LoweringPlace, gone: ClusterCounts, progress: Progress): Promise<Lowered> {
  const { draft, geometry, clusters } = place;
  await clusters.settle();
  const { used } = await usedClusters(await openImage(draft), progress);
  const survey = await surveyRefcounts(draft, geometry, [...clusters.blocks()], gone, used, progress);
  const { kept, empty, freed, last } = survey;
  const byIndex = new Map(kept.map((block) => [block.index, block]));
  const counter = (cluster: number): RefcountBlock | undefined =>
    byIndex.get(Math.floor(cluster / geometry.refcountBlockEntries));
  // The others are counted by themselves, or by blocks that go too: they are free when these are out of the table.
  const countedElsewhere = empty.filter(({ cluster }) => counter(cluster) !== undefined);
  const inMemory = new Set<number>();
  for (const { cluster } of countedElsewhere) {
    const block = counter(cluster);
    if (block) {
      inMemory.add(sectorOf(geometry, block, cluster));
    }
  }
  const streamed = await lowerInMemory(place, kept, gone, inMemory);
  for (const { index } of empty) {
    await clusters.dropBlock(index);
  }
  await draft.endStep('Lower the refcounts of what is given up');
  if (streamed) {
    draft.addStream('Lower the refcounts of what is given up', () => lowered(place, kept, gone, inMemory), 0n);
  }
  for (const { cluster } of countedElsewhere) {
    await clusters.release(cluster, 1);
  }
  await draft.endStep('Give back the refcount blocks that count nothing');
  for (const { cluster } of empty) {
    used.remove(cluster, 1);
    freed.add(cluster, 1);
  }
  return { freed, end: Math.max(used.last(used.end), last) + 1 };
}

/**
 * Lowers the refcounts in the sectors that other steps write too: those of `inMemory`, and those that are drafted, which
 * are added to it. Returns whether there are others.
 */
async function lowerInMemory(
  { draft, geometry, clusters }: LoweringPlace,
  blocks: readonly RefcountBlock[],
  gone: ClusterCounts,
  inMemory: Set<number>,
): Promise<boolean> {
  const { refcountBlockEntries: perBlock } = geometry;
  let others = false;
  for (const block of blocks) {
    for (const cluster of membersIn(gone, block.index * perBlock, perBlock)) {
      const sector = sectorOf(geometry, block, cluster);
      if (inMemory.has(sector) || draft.isWritten(BigInt(sector) * BigInt(sectorSize), sectorSize)) {
        inMemory.add(sector);
        for (let references = gone.count(cluster); references > 0; references--) {
          await clusters.release(cluster, 1);
        }
      } else {
        others = true;
      }
    }
  }
  return others;
}

/** The sectors of refcount blocks that change, but for those that are written in memory. */
async function* lowered(
  { storage, geometry }: LoweringPlace,
  blocks: readonly RefcountBlock[],
  gone: ClusterCounts,
  inMemory: ReadonlySet<number>,
): AsyncGenerator<ByteWrite> {
  const { clusterSize } = geometry;
  for (const block of blocks.toSorted((a, b) => a.cluster - b.cluster)) {
    // All of it is read before any of it is written.
    const before = await readBlock(storage, geometry, block);
    const after = before.slice();
    lowerBlock(geometry, block.index, after, gone);
    const start = (block.cluster * clusterSize) / sectorSize;
    for (let at = 0; at < clusterSize; at += sectorSize) {
      const bytes = after.subarray(at, at + sectorSize);
      if (!inMemory.has(start + at / sectorSize) && bytes.some((byte, index) => byte !== before[at + index])) {
        const offset = BigInt(block.cluster) * BigInt(clusterSize) + BigInt(at);
        yield { structure: `refcount block[${block.index}]`, at: offset, bytes };
      }
    }
  }
}

/** The number of the sector in which a block has the refcount of a cluster. */
function sectorOf(geometry: Geometry, block: RefcountBlock, cluster: number): number {
  const { clusterSize, refcountBlockEntries: perBlock, refcountOrder } = geometry;
  const byte = Math.floor(((cluster % perBlock) * 2 ** refcountOrder) / 8);
  return Math.floor((block.cluster * clusterSize + byte) / sectorSize);
}
