/** How the cells of the map lie: rows of a power of two of cells, so that every row starts at a round offset. */
export interface CellLayout {
  readonly columns: number;
  readonly rows: number;
  /** Pixels from one cell to the next in its row, and from one row to the next; not whole. */
  readonly pitch: { readonly x: number; readonly y: number };
}

/** Pixels at the left for the offsets. */
export const gutter = 104;
/** Pixels above and below, so that the first offset is whole. */
export const margin = 6;
/** Pixels that the cells of a map may be high together: a power of two of rows. */
export const heights = { full: 448, half: 224 } as const;
/** Below 7, so that a space a little larger than a power of two still has cells of half the size. */
const smallestPitch = 6.5;
const largestPitch = 22;
/** How much wider than high a cell may be. */
const widest = 2;

/** The most columns that fit into `width` pixels: a power of two. */
function mostColumns(width: number): number {
  return 2 ** Math.max(3, Math.floor(Math.log2(Math.max(1, width - gutter) / smallestPitch)));
}

/** How many cells fit into a map of `width` by `height` pixels. */
export function cellBudget(width: number, height: number): number {
  return mostColumns(width) * Math.floor(height / smallestPitch);
}

/** The layout with the largest cells that shows `cells` cells in `width` by `height` pixels. */
export function layOut(width: number, height: number, cells: number): CellLayout {
  const most = mostColumns(width);
  let best = layoutOf(width, height, cells, 8);
  for (let columns = 16; columns <= most && columns < cells * 2; columns *= 2) {
    const next = layoutOf(width, height, cells, columns);
    if (next.pitch.y >= best.pitch.y) {
      best = next;
    }
  }
  return best;
}

function layoutOf(width: number, height: number, cells: number, columns: number): CellLayout {
  const rows = Math.ceil(cells / columns);
  const x = Math.min(largestPitch, (width - gutter - 2) / columns);
  const y = Math.min(x, height / rows);
  return { columns, rows, pitch: { x: Math.min(x, y * widest), y } };
}
