/**
 * How much of each kind lies in each of equal parts of a space: all that is remembered of the tables for the maps.
 * Counts units (clusters, or subclusters with extended L2 entries). A column is a kind, or something else to count.
 */
export interface MapBins {
  /** The unit at which the first bin starts. */
  readonly start: number;
  /** Units a bin. */
  readonly binUnits: number;
  readonly bins: number;
  readonly columns: number;
  /** `columns` counts a bin. */
  readonly counts: Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
}

/** Empty bins. */
export function emptyBins(start: number, binUnits: number, bins: number, columns: number): MapBins {
  const size = bins * columns;
  const counts = binUnits < 2 ** 32 ? new Uint32Array(size) : new Float64Array(size);
  return { start, binUnits, bins, columns, counts };
}

/** Counts `count` units from `unit` on, which the bins must reach, in a column. */
export function addRun(into: MapBins, unit: number, count: number, column: number): void {
  const { start, binUnits, columns, counts } = into;
  const end = unit - start + count;
  for (let at = unit - start; at < end; ) {
    const bin = Math.floor(at / binUnits);
    const next = Math.min(end, (bin + 1) * binUnits);
    const place = bin * columns + column;
    counts[place] = (counts[place] ?? 0) + (next - at);
    at = next;
  }
}

/** What a bin has in a column. */
export function countIn(bins: MapBins, bin: number, column: number): number {
  return bins.counts[bin * bins.columns + column] ?? 0;
}

/** Adds the counts of the bins `from` to `to` (exclusive) to `sums`, by column. */
export function sumBins(bins: MapBins, from: number, to: number, sums: Float64Array): void {
  const { columns, counts } = bins;
  for (let at = from * columns; at < to * columns; at += columns) {
    for (let column = 0; column < columns; column++) {
      sums[column] = (sums[column] ?? 0) + (counts[at + column] ?? 0);
    }
  }
}

/**
 * Visits cells of `cellUnits` units, a multiple of the bins' size, from unit `start` on: `sums` has the counts of a cell
 * by column, and is used again for the next one.
 */
export function eachCell(
  bins: MapBins,
  start: number,
  cellUnits: number,
  cells: number,
  visit: (cell: number, sums: Float64Array) => void,
): void {
  const perCell = cellUnits / bins.binUnits;
  const first = (start - bins.start) / bins.binUnits;
  const sums = new Float64Array(bins.columns);
  for (let cell = 0; cell < cells; cell++) {
    const from = first + cell * perCell;
    sums.fill(0);
    sumBins(bins, from, Math.min(from + perCell, bins.bins), sums);
    visit(cell, sums);
  }
}
