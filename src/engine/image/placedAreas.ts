import type { ByteRange } from '../finding.ts';
import { type Finding, finding } from '../finding.ts';
import type { BitmapDirectoryFormat } from '../format/bitmaps.ts';
import type { Header } from '../format/header.ts';
import { limits } from '../limits.ts';
import type { Geometry } from './geometry.ts';
import type { L1Table } from './l1Table.ts';

/** An area of the file that the header or an extension places. */
interface PlacedArea extends ByteRange {
  readonly name: string;
}

/** Findings about areas that overlap: each takes whole clusters. */
export function checkOverlaps(
  geometry: Geometry,
  header: Header,
  places: {
    readonly l1: L1Table;
    readonly snapshotsEnd: bigint;
    readonly bitmaps: BitmapDirectoryFormat | undefined;
    readonly luks: ByteRange | undefined;
  },
): Finding[] {
  const size = BigInt(geometry.clusterSize);
  const { l1, snapshotsEnd, bitmaps, luks } = places;
  const refcountBytes = BigInt(header.refcount_table_clusters) * size;
  const areas: PlacedArea[] = [
    { name: 'the header', offset: 0n, length: size },
    { name: 'the active L1 table', offset: l1.offset, length: BigInt(l1.entries) * 8n },
    {
      name: 'the refcount table',
      offset: header.refcount_table_offset,
      length: refcountBytes <= limits.refcountTableBytes ? refcountBytes : 0n,
    },
    { name: 'the snapshot table', offset: header.snapshots_offset, length: snapshotsEnd - header.snapshots_offset },
    {
      name: 'the bitmap directory',
      offset: bitmaps?.directoryOffset ?? 0n,
      length: bitmaps?.directorySize ?? 0n,
    },
    { name: 'the LUKS area', offset: luks?.offset ?? 0n, length: luks?.length ?? 0n },
  ];
  const whole = areas
    .filter(({ length }) => length > 0n)
    .map(({ name, offset, length }) => {
      const start = offset - (offset % size);
      return { name, start, end: ((offset + length + size - 1n) / size) * size };
    });
  return whole.flatMap((first, index) =>
    whole.slice(index + 1).flatMap((second) => {
      const start = first.start > second.start ? first.start : second.start;
      const end = first.end < second.end ? first.end : second.end;
      const values = { first: first.name, second: second.name, start, end };
      const host = { offset: start, length: end - start };
      return start < end ? [finding('tables-overlap', 'header', values, { host })] : [];
    }),
  );
}
