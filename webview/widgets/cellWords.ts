import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import { spaceKinds } from '../../src/protocol/mapApi.ts';
import { cellsOf, type Grid, type View } from './cellGrid.ts';
import type { Label } from './cellPaint.ts';
import { type CellValues, knowledge } from './cellValues.ts';
import { type SpaceName, wordsAt } from './kinds.ts';

/** Pixels between two offsets at the left, at least. */
const labelDistance = 26;
/** Characters of the longest offset that fits there in units. */
const longestLabel = 10;

/** The offsets of rows: in units where all of them are short and exact, else in hex. */
export function rowLabels({ start, cellSize, layout }: Grid): Label[] {
  const step = Math.max(1, 2 ** Math.ceil(Math.log2(labelDistance / layout.pitch.y)));
  const offsets = Array.from(
    { length: Math.ceil(layout.rows / step) },
    (_, index) => start + cellSize * BigInt(index * step * layout.columns),
  );
  const sizes = offsets.map(exactSize);
  const texts = sizes.every((text) => text.length <= longestLabel) ? sizes : offsets.map(showOffset);
  return texts.map((text, index) => ({ row: index * step, text }));
}

/** An offset in the largest unit that divides it, so that no label is rounded: `1280 KiB`, not `1.3 MiB`. */
function exactSize(bytes: bigint): string {
  let unit = 1n;
  while (bytes > 0n && bytes % (unit * 1024n) === 0n) {
    unit *= 1024n;
  }
  return `${bytes / unit} ${showSize(unit)
    .split(' ')[1]
    ?.replace(/^byte$/, 'bytes')}`;
}

/** How much a cell is: `one cell = 2048 clusters (128 MiB)`. */
export function cellWords({ cellSize }: Grid, cluster: bigint): string {
  const clusters = cellSize / cluster;
  const count = clusters === 1n ? '1 cluster' : `${showCount(clusters)} clusters`;
  return `one cell = ${count} (${showSize(cellSize)})`;
}

/** A range of cells in words: where it is, and what is there. */
export function rangeWords(space: SpaceName, values: CellValues, range: View): string {
  const cells = cellsOf(values.grid, range);
  const place = `${showOffset(range.start)} · ${showSize(range.start)} + ${showSize(range.length)}`;
  return cells === undefined ? place : `${place} · ${partWords(space, values, cells.from, cells.to)}`;
}

function partWords(space: SpaceName, { parts, known }: CellValues, from: number, to: number): string {
  if (known.subarray(from, to + 1).some((one) => one !== knowledge.exact)) {
    return 'not read yet';
  }
  const kinds = spaceKinds[space];
  const sums = kinds.map((_, kind) => {
    let sum = 0;
    for (let cell = from; cell <= to; cell++) {
      sum += parts[cell * kinds.length + kind] ?? 0;
    }
    return { kind, part: sum / (to - from + 1) };
  });
  return sums
    .filter(({ part }) => part > 0)
    .sort((a, b) => b.part - a.part)
    .map(({ kind, part }) => (part === 1 ? wordsAt(space, kind).label : `${wordsAt(space, kind).label} ${share(part)}`))
    .join(', ');
}

function share(part: number): string {
  const hundredths = part * 100;
  return hundredths < 0.1 ? '< 0.1 %' : hundredths > 99.9 ? '> 99.9 %' : `${hundredths.toFixed(1)} %`;
}
