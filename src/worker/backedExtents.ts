import type { Layer } from '../engine/image/layer.ts';
import type { Progress } from '../engine/ports.ts';
import type { ExtentPage, ExtentRequest, ExtentRow, GuestMapKind } from '../protocol/mapApi.ts';
import type { Backing } from './backing.ts';

/**
 * A page of extents of an image with a backing file: what the image leaves unallocated comes from there. Where the
 * chain is open, such an extent is as many rows as it has runs of one kind.
 */
export async function backedExtents(
  page: ExtentPage,
  layer: Layer,
  backing: Backing | undefined,
  { from, count }: ExtentRequest,
  progress: Progress,
): Promise<ExtentPage> {
  const rows: ExtentRow[] = [];
  // One row more than is wanted: where it starts, the next page does.
  const full = (): boolean => rows.length > count;
  for (const row of page.rows) {
    if (row.kind !== 'unallocated') {
      rows.push(row);
    } else if (!(await addRuns(rows, row, layer, backing, from, full, progress))) {
      rows.push({ ...row, kind: 'backing' });
    }
    if (full()) {
      break;
    }
  }
  const next = rows[count]?.start ?? page.next;
  return { rows: rows.slice(0, count), ...(next === undefined ? {} : { next }) };
}

/** Adds the runs of a row, from an offset on, until there are enough; false where the chain is not open. */
async function addRuns(
  rows: ExtentRow[],
  row: ExtentRow,
  layer: Layer,
  backing: Backing | undefined,
  from: bigint,
  full: () => boolean,
  progress: Progress,
): Promise<boolean> {
  const start = row.start > from ? row.start : from;
  const end = row.start + row.length;
  // The walk is in sectors; a disk that ends within one is cut there.
  const first = start - (start % 512n);
  let own: { start: bigint; end: bigint; kind: GuestMapKind } | undefined;
  const flush = (): void => {
    if (own) {
      rows.push({ start: own.start, length: own.end - own.start, kind: own.kind, chain: row.chain });
    }
    own = undefined;
  };
  const open = await backing?.walk(
    layer,
    Number(first),
    Number(((end + 511n) / 512n) * 512n),
    (at, length, kind) => {
      const to = BigInt(at) + BigInt(length);
      const stop = to < end ? to : end;
      if (own?.kind === kind) {
        own.end = stop;
        return true;
      }
      flush();
      own = { start: BigInt(at) > start ? BigInt(at) : start, end: stop, kind };
      return !full();
    },
    progress,
  );
  flush();
  return open === true;
}
