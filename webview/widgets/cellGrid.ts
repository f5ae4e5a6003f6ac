import { type CellLayout, cellBudget, gutter, layOut, margin } from './cellLayout.ts';

/** A part of a space in bytes; what is not one is the whole of it. */
export interface View {
  readonly start: bigint;
  readonly length: bigint;
}

/** A space, and the pixels that its map has. */
export interface Frame {
  /** Bytes of the space; more than none. */
  readonly size: bigint;
  /** Bytes a cluster. */
  readonly cluster: bigint;
  readonly width: number;
  readonly height: number;
}

/** The cells that show a view. */
export interface Grid {
  /** A multiple of `cellSize`. */
  readonly start: bigint;
  /** Bytes a cell: a power of two of clusters. */
  readonly cellSize: bigint;
  readonly cells: number;
  readonly layout: CellLayout;
}

/** A place on the map in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Clusters of the smallest view. */
const fewest = 64n;

/** The cells of a view, which `fitView` has made; undefined for the whole space. */
export function gridOf(view: View | undefined, frame: Frame): Grid {
  const { start, length } = view ?? { start: 0n, length: frame.size };
  const cellSize = cellSizeOf(length, frame);
  const end = start + length < frame.size ? start + length : frame.size;
  const cells = Number((end - start + cellSize - 1n) / cellSize);
  return { start, cellSize, cells, layout: layOut(frame.width, frame.height, cells) };
}

/** A view near `view` that a map can show: a power of two of clusters in whole cells; undefined for the whole space. */
export function fitView(view: View, frame: Frame): View | undefined {
  const length = powerOfTwo(view.length, frame.cluster);
  if (length >= frame.size) {
    return undefined;
  }
  const cellSize = cellSizeOf(length, frame);
  const last = ceilTo(frame.size, cellSize) - length;
  const aligned = view.start < 0n ? 0n : view.start - (view.start % cellSize);
  const start = aligned > last ? last : aligned;
  return { start: start < 0n ? 0n : start, length };
}

/** Shows `factor` times less (below 1: more) of the space, with what is at `point` staying there. */
export function zoomAt(view: View | undefined, frame: Frame, factor: number, point: Point): View | undefined {
  const before = gridOf(view, frame);
  const least = powerOfTwo(view?.length ?? frame.size, frame.cluster);
  const wanted = factor >= 1 ? least / BigInt(factor) : least * BigInt(Math.round(1 / factor));
  const fitted = fitView({ start: 0n, length: wanted }, frame);
  if (fitted === undefined) {
    return undefined;
  }
  const after = gridOf(fitted, frame);
  const there = offsetAt(before, point);
  const cell = BigInt(nearestCell(after, point));
  return fitView({ start: there - (there % after.cellSize) - cell * after.cellSize, length: fitted.length }, frame);
}

/** True when less of the space can be shown. */
export function canZoomIn(view: View | undefined, frame: Frame): boolean {
  return powerOfTwo(view?.length ?? frame.size, frame.cluster) > fewest * frame.cluster;
}

/** Moves a view by so many cells. */
export function panBy(view: View | undefined, frame: Frame, cells: number): View | undefined {
  return view && fitView({ ...view, start: view.start + gridOf(view, frame).cellSize * BigInt(cells) }, frame);
}

/** A view of `length` bytes with `offset` in its middle, whose rows start at round offsets. */
export function viewAround(offset: bigint, length: bigint, frame: Frame): View | undefined {
  const fitted = fitView({ start: offset - length / 2n, length }, frame);
  if (fitted === undefined) {
    return undefined;
  }
  const { cellSize, layout } = gridOf(fitted, frame);
  const row = cellSize * BigInt(layout.columns);
  return fitView({ start: fitted.start - (fitted.start % row), length: fitted.length }, frame);
}

/** The view that shows a range well: the one that is there, if it does. */
export function revealView(range: View, view: View | undefined, frame: Frame): View | undefined {
  const cells = 2 ** Math.floor(Math.log2(cellBudget(frame.width, frame.height)));
  const closest = BigInt(cells) * frame.cluster;
  const useful = range.length * 8n > closest ? range.length * 8n : closest;
  const shown = view ?? { start: 0n, length: frame.size };
  const inside = range.start >= shown.start && range.start + range.length <= shown.start + shown.length;
  return inside && shown.length <= useful * 8n ? view : viewAround(range.start + range.length / 2n, useful, frame);
}

/** The views around a view from the whole space (undefined) on, each a 64th of the one before; without itself. */
export function viewsAround(view: View | undefined, frame: Frame): (View | undefined)[] {
  if (view === undefined) {
    return [];
  }
  const around: (View | undefined)[] = [undefined];
  const middle = view.start + view.length / 2n;
  for (let length = powerOfTwo(frame.size, frame.cluster) / 64n; length > view.length; length /= 64n) {
    around.push(viewAround(middle, length, frame));
  }
  return around;
}

/** The bytes of a cell, as far as the space reaches. */
export function cellRange(grid: Grid, cell: number, size: bigint): View {
  const start = grid.start + grid.cellSize * BigInt(cell);
  return { start, length: start + grid.cellSize > size ? size - start : grid.cellSize };
}

/** The first and last cell of a range; undefined when it is out of view. */
export function cellsOf(grid: Grid, { start, length }: View): { from: number; to: number } | undefined {
  const end = grid.start + grid.cellSize * BigInt(grid.cells);
  if (start >= end || start + length <= grid.start) {
    return undefined;
  }
  const cellOf = (at: bigint): number => Number((at - grid.start) / grid.cellSize);
  const last = length > 0n ? start + length - 1n : start;
  return { from: start < grid.start ? 0 : cellOf(start), to: last >= end ? grid.cells - 1 : cellOf(last) };
}

/** The cell at a place; -1 where there is none. */
export function cellAt({ layout, cells }: Grid, { x, y }: Point): number {
  const column = Math.floor((x - gutter) / layout.pitch.x);
  const cell = Math.floor((y - margin) / layout.pitch.y) * layout.columns + column;
  return column >= 0 && column < layout.columns && cell >= 0 && cell < cells ? cell : -1;
}

/** The cell that is nearest to a place. */
export function nearestCell({ layout, cells }: Grid, { x, y }: Point): number {
  const column = clamp(Math.floor((x - gutter) / layout.pitch.x), layout.columns - 1);
  const row = clamp(Math.floor((y - margin) / layout.pitch.y), layout.rows - 1);
  return Math.min(cells - 1, row * layout.columns + column);
}

/** Where a cell begins in pixels; halfway down. */
export function placeOf({ layout }: Grid, cell: number): Point {
  const column = cell % layout.columns;
  const row = Math.floor(cell / layout.columns);
  return { x: gutter + (column + 0.001) * layout.pitch.x, y: margin + (row + 0.5) * layout.pitch.y };
}

/** The offset at a place, also within a cell. */
function offsetAt(grid: Grid, point: Point): bigint {
  const cell = nearestCell(grid, point);
  const { pitch, columns } = grid.layout;
  const within = (point.x - gutter) / pitch.x - (cell % columns);
  const part = BigInt(clamp(Math.floor(within * 1024), 1023));
  return grid.start + grid.cellSize * BigInt(cell) + (grid.cellSize * part) / 1024n;
}

function cellSizeOf(length: bigint, { cluster, width, height }: Frame): bigint {
  const budget = BigInt(cellBudget(width, height));
  let cellSize = cluster;
  while (cellSize * budget < length) {
    cellSize *= 2n;
  }
  return cellSize;
}

/** The least power of two of clusters that holds `length` bytes, and no less than the smallest view. */
function powerOfTwo(length: bigint, cluster: bigint): bigint {
  let power = cluster * fewest;
  while (power < length) {
    power *= 2n;
  }
  return power;
}

function ceilTo(value: bigint, step: bigint): bigint {
  return ((value + step - 1n) / step) * step;
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(most, value));
}
