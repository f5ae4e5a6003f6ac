import { spaceKinds } from '../../src/protocol/mapApi.ts';
import { groundOf } from './cellValues.ts';
import { kindSigns } from './kindSigns.ts';
import type { SpaceName } from './kinds.ts';

/** The theme as the canvas needs it. */
export interface Palette {
  /** A CSS colour for each of `spaceKinds[space]`. */
  readonly kinds: readonly string[];
  readonly text: string;
  readonly font: string;
  readonly background: string;
  readonly marker: string;
  readonly finding: string;
  /** High contrast: colours are never thinned so far that the sign is all that is left. */
  readonly highContrast: boolean;
}

/** How many strengths of colour a kind has. */
const strengths = 8;

/** Every picture that a cell can have, as pixels, drawn once for a theme and a size of cells. */
export interface Tiles {
  readonly space: SpaceName;
  /** Device pixels. */
  readonly width: number;
  readonly height: number;
  /** Row after row of all tiles side by side. */
  readonly pixels: Uint32Array;
  /** Device pixels from one row to the next. */
  readonly stride: number;
  readonly colours: { readonly marker: number; readonly finding: number; readonly background: number };
}

/** Which of the tiles shows a kind (-1: nothing that is shown) so strongly (0 to 1). */
export function tileOf(kind: number, fullness: number): number {
  const strength = Math.min(strengths - 1, Math.floor(fullness * strengths));
  return kind < 0 ? emptyTile : plainTiles + kind * (strengths + 1) + strength;
}

/** The tile of a kind that is only roughly known: thin, and without the sign of data. */
export function roughTileOf(kind: number): number {
  return kind < 0 ? unknownTile : plainTiles + kind * (strengths + 1) + strengths;
}

const emptyTile = 0;
/** The tile of a cell of which nothing is known. */
export const unknownTile = 1;
const plainTiles = 2;
/** After the tiles: one pixel each of the colours for overlays. */
const colourTiles = 3;

/** Draws the tiles, whose last `gap` pixels across and down are not seen. */
export function drawTiles(space: SpaceName, palette: Palette, width: number, height: number, gap: number): Tiles {
  const kinds = spaceKinds[space];
  const count = plainTiles + kinds.length * (strengths + 1) + colourTiles;
  const canvas = new OffscreenCanvas(count * width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) {
    throw new Error('This window has no canvas');
  }
  const box = (tile: number): Box => ({ x: tile * width, y: 0, width, height });
  const fill = (tile: number, colour: string, alpha = 1): void => {
    context.globalAlpha = alpha;
    context.fillStyle = colour;
    context.fillRect(tile * width, 0, width, height);
    context.globalAlpha = 1;
  };
  const ground = palette.kinds[groundOf(space)] ?? palette.background;
  fill(emptyTile, palette.background);
  fill(unknownTile, palette.background);
  drawUnknown(context, box(unknownTile), palette);
  for (const [index, kind] of kinds.entries()) {
    const colour = palette.kinds[index] ?? palette.text;
    const isGround = index === groundOf(space);
    const least = palette.highContrast ? 0.6 : 0.4;
    for (let strength = 0; strength < strengths; strength++) {
      const tile = tileOf(index, strength / strengths);
      fill(tile, isGround ? palette.background : ground);
      fill(tile, colour, isGround || kind === 'wrong' ? 1 : least + (1 - least) * ((strength + 1) / strengths));
      // The ground is what has no colour; it is told from the rest of the page by its grid.
      if (!isGround || palette.highContrast) {
        drawSign(context, kind, box(tile), gap, palette.background);
      }
    }
    fill(roughTileOf(index), palette.background);
    fill(roughTileOf(index), colour, 0.3);
    drawUnknown(context, box(roughTileOf(index)), palette);
  }
  const colours = [palette.marker, palette.finding, palette.background];
  for (const [index, colour] of colours.entries()) {
    fill(count - colourTiles + index, colour);
  }
  const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, height).data.buffer);
  const pixel = (index: number): number => pixels[(count - colourTiles + index) * width] ?? 0;
  return {
    space,
    width,
    height,
    pixels,
    stride: canvas.width,
    colours: { marker: pixel(0), finding: pixel(1), background: pixel(2) },
  };
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What is not known yet is a dot on nothing, which no kind is. */
function drawUnknown(context: OffscreenCanvasRenderingContext2D, { x, y, width, height }: Box, palette: Palette): void {
  const side = Math.max(1, Math.floor(Math.min(width, height) / 5));
  context.globalAlpha = 0.5;
  context.fillStyle = palette.text;
  context.fillRect(x + Math.floor((width - side) / 2), y + Math.floor((height - side) / 2), side, side);
  context.globalAlpha = 1;
}

function drawSign(
  context: OffscreenCanvasRenderingContext2D,
  kind: keyof typeof kindSigns,
  { x, y, width, height }: Box,
  gap: number,
  colour: string,
): void {
  const sign = kindSigns[kind];
  if (sign === undefined) {
    return;
  }
  // Without the gap at the right and below, so that a line in the middle is in the middle.
  const path = new Path2D();
  path.addPath(new Path2D(sign.path), new DOMMatrix([(width - gap) / 8, 0, 0, (height - gap) / 8, x, y]));
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.fillStyle = colour;
  context.strokeStyle = colour;
  context.lineWidth = Math.max(1, Math.min(width, height) / 7);
  if (sign.filled) {
    context.fill(path);
  } else {
    context.stroke(path);
  }
  context.restore();
}
