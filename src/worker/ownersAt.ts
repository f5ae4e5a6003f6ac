import { Qcow2Error } from '../engine/error.ts';
import type { ByteRange } from '../engine/finding.ts';
import { type Geometry, guestOffset } from '../engine/image/geometry.ts';
import type { Image } from '../engine/image/image.ts';
import type { L2Summaries } from '../engine/image/l2Summaries.ts';
import { type ClusterOwner, ownersIn } from '../engine/image/owners.ts';
import { activeSource, type Owner, ownerNames, owners } from '../engine/image/reference.ts';
import type { Progress } from '../engine/ports.ts';
import type { HostMapKind, OwnerRow, Owners, OwnersRequest } from '../protocol/mapApi.ts';

/** Most clusters of a question, and most rows of an answer. */
const mostClusters = 1024;
const mostRows = 1000;

/** By `Owner`. */
const kindOf: Readonly<Record<Owner, HostMapKind>> = {
  [owners.header]: 'header',
  [owners.l1Table]: 'l1-table',
  [owners.l2Table]: 'l2-table',
  [owners.refcountTable]: 'refcount-table',
  [owners.refcountBlock]: 'refcount-block',
  [owners.snapshotTable]: 'snapshot-table',
  [owners.bitmapDirectory]: 'bitmap',
  [owners.bitmapTable]: 'bitmap',
  [owners.bitmapData]: 'bitmap',
  [owners.luksArea]: 'luks',
  [owners.data]: 'data',
  [owners.compressed]: 'compressed',
};

/** The owners of a range of the file as rows. */
export async function ownersAt(
  image: Image,
  geometry: Geometry,
  summaries: L2Summaries | undefined,
  { start, length }: OwnersRequest,
  progress: Progress,
): Promise<Owners> {
  const size = BigInt(geometry.clusterSize);
  const clusters = (start + length + size - 1n) / size - start / size;
  if (start < 0n || length <= 0n || clusters > mostClusters) {
    throw new Qcow2Error('bad-argument', `Owners are told of 1 to ${mostClusters} clusters, not of ${clusters}.`);
  }
  const from = Number(start / size);
  const range = { from, to: from + Number(clusters) };
  const { owners: found, count, tables } = await ownersIn(image, range, summaries, mostRows, progress);
  const rows = [...found].sort((a, b) => a.cluster - b.cluster || a.source - b.source || a.index - b.index);
  return { owners: rows.map((owner) => ownerRow(geometry, owner)), count, tables };
}

function ownerRow(geometry: Geometry, found: ClusterOwner): OwnerRow {
  const size = BigInt(geometry.clusterSize);
  const { owner, source, cluster, count } = found;
  const guest = guestOf(geometry, found);
  return {
    start: BigInt(cluster) * size,
    length: BigInt(count) * size,
    kind: kindOf[owner],
    owner: ownerNames[owner],
    ...(ofLayer(owner) && source !== activeSource ? { snapshot: source } : {}),
    ...(ofBitmap(owner) ? { bitmap: source } : {}),
    ...(guest ? { guest } : {}),
    ...(ofData(owner) ? { entry: entryOf(geometry, found) } : {}),
    chain: chainOf(geometry, found),
  };
}

function guestOf(geometry: Geometry, { owner, index, count }: ClusterOwner): ByteRange | undefined {
  const { l2Entries, clusterSize } = geometry;
  const of = (first: number, clusters: number): ByteRange => ({
    offset: guestOffset(geometry, first),
    length: BigInt(clusters) * BigInt(clusterSize),
  });
  switch (owner) {
    case owners.data:
      return of(index, count);
    case owners.compressed:
      return of(index, 1);
    case owners.l2Table:
      return of(index * l2Entries, l2Entries);
    default:
      return undefined;
  }
}

function chainOf(geometry: Geometry, found: ClusterOwner): string {
  const { owner, source, index, count } = found;
  const layer = source === activeSource ? '' : `snapshot[${source}] -> `;
  switch (owner) {
    case owners.data:
    case owners.compressed: {
      const { l1, l2 } = entryOf(geometry, found);
      const last = owner === owners.data ? l2 + count - 1 : l2;
      return `${layer}L1[${l1}] -> L2[${last === l2 ? l2 : `${l2}…${last}`}]`;
    }
    case owners.l2Table:
      return `${layer}L1[${index}]`;
    case owners.l1Table:
      return source === activeSource ? 'header.l1_table_offset' : `snapshot[${source}].l1_table_offset`;
    case owners.refcountBlock:
      return `refcount_table[${index}]`;
    case owners.refcountTable:
      return 'header.refcount_table_offset';
    case owners.snapshotTable:
      return 'header.snapshots_offset';
    case owners.bitmapTable:
      return `bitmap[${source}]`;
    case owners.bitmapData:
      return `bitmap[${source}] -> table[${index}]`;
    default:
      return ownerNames[owner];
  }
}

function entryOf({ l2Entries }: Geometry, { index }: ClusterOwner): { l1: number; l2: number } {
  return { l1: Math.floor(index / l2Entries), l2: index % l2Entries };
}

function ofData(owner: Owner): boolean {
  return owner === owners.data || owner === owners.compressed;
}

function ofLayer(owner: Owner): boolean {
  return ofData(owner) || owner === owners.l1Table || owner === owners.l2Table;
}

function ofBitmap(owner: Owner): boolean {
  return owner === owners.bitmapTable || owner === owners.bitmapData;
}
