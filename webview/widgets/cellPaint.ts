import type { OverlayPicture } from '../../src/protocol/mapApi.ts';
import type { Grid, View } from './cellGrid.ts';
import { cellsOf } from './cellGrid.ts';
import { gutter, margin } from './cellLayout.ts';
import { type Palette, roughTileOf, type Tiles, tileOf, unknownTile } from './cellTiles.ts';
import { type CellValues, knowledge, strongest } from './cellValues.ts';

/** What is drawn over the cells. */
export interface OverlayValues {
  readonly overlay: 'findings' | 'fragmentation' | 'sharing' | 'bitmap';
  readonly picture: OverlayPicture;
}

/** A range that is marked: selected, the counterpart of what is selected, or under the keyboard's cursor. */
export interface Mark {
  readonly range: View;
  readonly style: 'selected' | 'counterpart' | 'cursor';
}

/** Pixels of cells, in device pixels. */
interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The largest box of a cell in device pixels, which is the size of its tile. */
export function tileSize({ layout }: Grid, scale: number): { width: number; height: number } {
  return {
    width: Math.max(1, Math.ceil(layout.pitch.x * scale)),
    height: Math.max(1, Math.ceil(layout.pitch.y * scale)),
  };
}

/** Device pixels between two cells. */
export function gapOf(scale: number): number {
  return Math.max(1, Math.round(scale));
}

/** The pixels of all cells with their overlays; `into` is used again where it has the right size. */
export function cellPixels(
  values: CellValues,
  overlays: readonly OverlayValues[],
  tiles: Tiles,
  hidden: ReadonlySet<number>,
  scale: number,
  into: ImageData | undefined,
): ImageData {
  const { grid } = values;
  const { columns, rows, pitch } = grid.layout;
  const width = Math.max(1, Math.round(columns * pitch.x * scale));
  const height = Math.max(1, Math.round(rows * pitch.y * scale));
  const image = into?.width === width && into.height === height ? into : new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  pixels.fill(tiles.colours.background);
  for (let cell = 0; cell < grid.cells; cell++) {
    const box = boxOf(grid, cell, scale);
    paintTile(pixels, width, box, tiles, tileFor(values, cell, tiles, hidden));
    for (const { overlay, picture } of overlays) {
      paintOverlay(pixels, width, box, tiles, overlay, picture.values[cell] ?? 0, scale);
    }
  }
  return image;
}

function tileFor(values: CellValues, cell: number, { space }: Tiles, hidden: ReadonlySet<number>): number {
  const known = values.known[cell];
  if (known === knowledge.none) {
    return unknownTile;
  }
  const { kind, fullness } = strongest(space, values.parts, cell, hidden);
  return known === knowledge.exact ? tileOf(kind, fullness) : roughTileOf(kind);
}

function boxOf({ layout }: Grid, cell: number, scale: number): Box {
  const column = cell % layout.columns;
  const row = Math.floor(cell / layout.columns);
  const gap = gapOf(scale);
  const x = layout.pitch.x * scale;
  const y = layout.pitch.y * scale;
  return {
    left: Math.round(column * x),
    top: Math.round(row * y),
    right: Math.round((column + 1) * x) - gap,
    bottom: Math.round((row + 1) * y) - gap,
  };
}

function paintTile(pixels: Uint32Array, width: number, box: Box, tiles: Tiles, tile: number): void {
  const source = tile * tiles.width;
  for (let y = box.top; y < box.bottom; y++) {
    const from = source + (y - box.top) * tiles.stride;
    const to = y * width;
    for (let x = box.left; x < box.right; x++) {
      pixels[to + x] = tiles.pixels[from + x - box.left] ?? 0;
    }
  }
}

/** Each overlay has its own edge of the cell, so that several can be seen at once, and without their colours. */
function paintOverlay(
  pixels: Uint32Array,
  width: number,
  { left, top, right, bottom }: Box,
  { colours }: Tiles,
  overlay: OverlayValues['overlay'],
  value: number,
  scale: number,
): void {
  if (value <= 0) {
    return;
  }
  const fill = (colour: number, x0: number, y0: number, x1: number, y1: number): void => {
    for (let y = Math.max(top, y0); y < Math.min(bottom, y1); y++) {
      pixels.fill(colour, y * width + Math.max(left, x0), y * width + Math.min(right, x1));
    }
  };
  const thick = Math.max(Math.round(2 * scale), Math.floor((bottom - top) / 6));
  const part = Math.min(1, value);
  const across = left + Math.max(thick, Math.round((right - left) * part));
  const down = bottom - Math.max(thick, Math.round((bottom - top) * part));
  const line = Math.max(1, Math.round(scale));
  switch (overlay) {
    case 'findings':
      fill(colours.background, left, top, right, bottom);
      fill(colours.finding, left, top, right, top + line);
      fill(colours.finding, left, bottom - line, right, bottom);
      fill(colours.finding, left, top, left + line, bottom);
      fill(colours.finding, right - line, top, right, bottom);
      fill(colours.finding, left + 2 * line, top + 2 * line, right - 2 * line, bottom - 2 * line);
      break;
    case 'fragmentation':
      fill(colours.background, left, bottom - thick - line, right, bottom);
      fill(colours.marker, left, bottom - thick, across, bottom);
      break;
    case 'bitmap':
      fill(colours.background, left, top, right, top + thick + line);
      fill(colours.marker, left, top, across, top + thick);
      break;
    case 'sharing':
      fill(colours.background, left, top, left + thick + line, bottom);
      fill(colours.marker, left, down, left + thick, bottom);
      break;
  }
}

/** A label at the left of a row. */
export interface Label {
  readonly row: number;
  readonly text: string;
}

/** Writes the offsets. */
export function paintLabels(
  context: CanvasRenderingContext2D,
  { layout }: Grid,
  labels: readonly Label[],
  palette: Palette,
): void {
  context.font = palette.font;
  context.fillStyle = palette.text;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const { row, text } of labels) {
    context.fillText(text, gutter - 8, margin + (row + 0.5) * layout.pitch.y, gutter - 10);
  }
}

/** Frames what is marked. */
export function paintMarks(
  context: CanvasRenderingContext2D,
  grid: Grid,
  marks: readonly Mark[],
  palette: Palette,
): void {
  for (const style of ['counterpart', 'selected', 'cursor'] as const) {
    const flags = new Uint8Array(grid.cells + 1);
    for (const { range } of marks.filter((mark) => mark.style === style)) {
      const cells = cellsOf(grid, range);
      flags.fill(1, cells?.from ?? 0, cells === undefined ? 0 : cells.to + 1);
    }
    for (let cell = 0; cell < grid.cells; ) {
      const from = cell;
      const rowEnd = (Math.floor(cell / grid.layout.columns) + 1) * grid.layout.columns;
      while (flags[cell] === 1 && cell < rowEnd) {
        cell += 1;
      }
      if (cell > from) {
        paintFrame(context, grid, from, cell - 1, style, palette);
      } else {
        cell += 1;
      }
    }
  }
}

/** Outlines cells of one row: a light line on a dark one, or the other way round, is seen on every colour. */
function paintFrame(
  context: CanvasRenderingContext2D,
  { layout }: Grid,
  from: number,
  to: number,
  style: Mark['style'],
  palette: Palette,
): void {
  const row = Math.floor(from / layout.columns);
  const x = Math.round(gutter + (from % layout.columns) * layout.pitch.x) - 1;
  const y = Math.round(margin + row * layout.pitch.y) - 1;
  const width = Math.round((to - from + 1) * layout.pitch.x) + 1;
  const height = Math.round(layout.pitch.y) + 1;
  context.setLineDash(style === 'counterpart' ? [3, 2] : []);
  for (const [colour, thick] of [
    [palette.background, 4],
    [palette.marker, style === 'cursor' ? 1.5 : 2],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = thick;
    context.strokeRect(x, y, width, height);
  }
}
