import { provingVisitor } from '../../change/freeClusters.ts';
import { findLostTable } from '../../check/lostTable.ts';
import { Qcow2Error } from '../../error.ts';
import { explain } from '../../findingTexts.ts';
import { extensionTypes } from '../../format/extensions.ts';
import { showOffset } from '../../format/show.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { type Owner, owners } from '../../image/reference.ts';
import { walkReferences } from '../../image/references.ts';
import { scan, share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import { findEmptyL2Table } from './emptyTables.ts';
import { isFormerRefcountTable } from './formerRefcounts.ts';
import { isDamage } from './leaks.ts';

/** Findings of things that may own clusters to which nothing leads that is known here. */
const unknownOwners = /^(compatible|autoclear|incompatible)-feature-unknown$/;

/**
 * The clusters that anything refers to, where what is wrong with an image is nothing but its refcounts, so that all others
 * are free; else why they may not be, as a sentence. `lost`: indices in the refcount table of which the refcounts can't be
 * relied on; among the clusters that they count, nothing may look like a table that is in use. `file`: as it is, to
 * leave out its holes.
 */
export async function provedUse(
  image: Image,
  geometry: Geometry,
  lost: Iterable<number>,
  file: Storage,
  progress: Progress,
): Promise<ClusterSet | string> {
  const known = new Set<number>(Object.values(extensionTypes));
  const stranger = image.extensions.find(({ type }) => !known.has(type));
  if (stranger) {
    return `The header has an extension that is not known here (0x${stranger.type.toString(16)}): what it owns is not known either.`;
  }
  const { findings } = await scan(image, share(progress, 0, 0.4));
  const damage = [...image.findings, ...findings].find(
    (found) => (isDamage(found) && !found.code.startsWith('refcount-')) || unknownOwners.test(found.code),
  );
  if (damage) {
    return `What is damaged or not known may own them: ${damage.chain}. ${explain(damage).title.replace(/\.$/, '')}.`;
  }
  const empty = await findEmptyL2Table(image, geometry, share(progress, 0.4, 0.5));
  if (empty !== undefined) {
    return `The L2 table at ${showOffset(empty)} has no entries: what it led to may still be there.`;
  }
  const used = await walkUse(image, share(progress, 0.5, 0.8));
  if (typeof used === 'string') {
    return used;
  }
  const table = await findLostTable(
    image.storage,
    geometry,
    unreferenced(geometry, used, lost, file),
    share(progress, 0.8, 1),
    (view) => isFormerRefcountTable(image.storage, geometry, view, used),
  );
  return table === undefined
    ? used
    : `Nothing leads to the cluster at ${showOffset(BigInt(table) * BigInt(geometry.clusterSize))}, but it looks like a table that leads to data, or can’t be read.`;
}

/** The clusters that anything refers to; a sentence where that can't be told, or tables share clusters with other things. */
async function walkUse(image: Image, progress: Progress): Promise<ClusterSet | string> {
  const [used, data, l2Tables, structures] = [new ClusterSet(), new ClusterSet(), new ClusterSet(), new ClusterSet()];
  const sharing = new ClusterSet();
  const apart = (cluster: number, count: number, ...others: readonly ClusterSet[]): void => {
    if (others.some((other) => other.meets(cluster, count))) {
      sharing.add(cluster, count);
    }
  };
  const visit = (owner: Owner, cluster: number, count: number): void => {
    used.add(cluster, count);
    if (owner === owners.data || owner === owners.compressed) {
      apart(cluster, count, l2Tables, structures);
      data.add(cluster, count);
    } else if (owner === owners.l2Table) {
      apart(cluster, count, data, structures);
      l2Tables.add(cluster, count);
    } else {
      apart(cluster, count, data, l2Tables, structures);
      structures.add(cluster, count);
    }
  };
  try {
    await walkReferences(image, provingVisitor(image, visit), progress);
  } catch (error) {
    if (!(error instanceof Qcow2Error) || error.code !== 'damaged') throw error;
    return error.message;
  }
  const shared = sharing.next(0);
  return shared === undefined
    ? used
    : `A table shares the cluster at ${showOffset(BigInt(shared) * BigInt(image.geometry?.clusterSize ?? 0))} with something else.`;
}

/** The clusters of some refcount blocks to which nothing refers, but for those in holes of the file. */
function* unreferenced(
  { clusterSize, refcountBlockEntries: perBlock, fileClusters }: Geometry,
  used: ClusterSet,
  blocks: Iterable<number>,
  file: Storage,
): Generator<number> {
  const size = BigInt(clusterSize);
  for (const index of blocks) {
    const end = Math.min((index + 1) * perBlock, fileClusters);
    let from = index * perBlock;
    const [start, stop] = [BigInt(from) * size, BigInt(end) * size];
    for (const { offset, length, data } of from < end ? (file.extents?.(start, stop) ?? everything(start, stop)) : []) {
      const last = data ? Math.min(end, Number((offset + length + size - 1n) / size)) : 0;
      for (let at = Math.max(from, Number(offset / size)); at < last; at++) {
        if (!used.has(at)) {
          yield at;
        }
        from = at + 1;
      }
    }
  }
}

function everything(from: bigint, to: bigint): { offset: bigint; length: bigint; data: boolean }[] {
  return [{ offset: from, length: to - from, data: true }];
}
