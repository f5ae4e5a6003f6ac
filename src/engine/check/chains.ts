import type { ByteRange } from '../finding.ts';
import { type Geometry, guestOffset } from '../image/geometry.ts';
import { activeSource, type Owner, ownerNames, owners } from '../image/reference.ts';

/** A reference to a run of host clusters, as `ReferenceVisitor` has it. */
export interface Reference {
  readonly owner: Owner;
  readonly source: number;
  readonly index: number;
  readonly count: number;
}

/** The way to what has some clusters, in words of the spec. */
export function chainOf({ l2Entries }: Geometry, { owner, source, index, count }: Reference): string {
  const layer = source === activeSource ? '' : `snapshot[${source}] -> `;
  switch (owner) {
    case owners.data:
    case owners.compressed: {
      const entry = index % l2Entries;
      const last = owner === owners.data && count > 1 ? `…${entry + count - 1}` : '';
      return `${layer}L1[${Math.floor(index / l2Entries)}] -> L2[${entry}${last}]`;
    }
    case owners.l2Table:
      return `${layer}L1[${index}]`;
    case owners.l1Table:
      return source === activeSource ? 'L1' : `snapshot[${source}].l1_table_offset`;
    case owners.refcountBlock:
      return `refcount_table[${index}]`;
    case owners.bitmapTable:
      return `bitmap[${source}]`;
    case owners.bitmapData:
      return `bitmap[${source}] -> table[${index}]`;
    case owners.refcountTable:
      return 'refcount_table';
    case owners.header:
    case owners.snapshotTable:
    case owners.bitmapDirectory:
    case owners.luksArea:
      return ownerNames[owner];
  }
}

/** The range of the disk that goes through a reference; undefined where it is not about the guest's data. */
export function guestOf(geometry: Geometry, { owner, index, count }: Reference): ByteRange | undefined {
  const { l2Entries, clusterSize } = geometry;
  const range = (first: number, clusters: number): ByteRange => ({
    offset: guestOffset(geometry, first),
    length: BigInt(clusters) * BigInt(clusterSize),
  });
  switch (owner) {
    case owners.data:
      return range(index, count);
    case owners.compressed:
      return range(index, 1);
    case owners.l2Table:
      return range(index * l2Entries, l2Entries);
    default:
      return undefined;
  }
}

/** The range of the file of some clusters. */
export function hostOf({ clusterSize }: Geometry, first: number, count: number): ByteRange {
  const size = BigInt(clusterSize);
  return { offset: BigInt(first) * size, length: BigInt(count) * size };
}

/** As C's `%#x`, of what is not 0. */
export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
