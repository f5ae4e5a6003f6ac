import type { MapPicture } from '../../src/protocol/mapApi.ts';
import { type CellLayout, gutter, margin } from './cellLayout.ts';
import { guestKinds } from './kinds.ts';

/** The theme as the canvas needs it. */
export interface Palette {
  /** A CSS colour for each of `guestKinds`. */
  readonly kinds: readonly string[];
  readonly text: string;
  readonly font: string;
  readonly background: string;
  readonly marker: string;
  /** High contrast: every kind also gets a sign of its own. */
  readonly signs: boolean;
}

const wrong = guestKinds.indexOf('wrong');
const unallocated = guestKinds.indexOf('unallocated');

/** What one cell holds most of, apart from unallocated, and how full of all of that it is (0 to 1). */
export function strongest(parts: Float32Array, cell: number): { kind: number; fullness: number } {
  let kind = unallocated;
  let most = 0;
  let fullness = 0;
  for (let index = 0; index < guestKinds.length; index++) {
    const part = parts[cell * guestKinds.length + index] ?? 0;
    if (index === unallocated || part <= 0) {
      continue;
    }
    fullness += part;
    // Anything wrong is shown, however little of the cell it is.
    if (kind !== wrong && (part > most || index === wrong)) {
      kind = index;
      most = part;
    }
  }
  return { kind, fullness: Math.min(1, fullness) };
}

/** Paints the offsets and all cells. `marked` are the selected cells, `cursor` the one that the keyboard is on. */
export function paintCells(
  context: CanvasRenderingContext2D,
  picture: MapPicture,
  layout: CellLayout,
  palette: Palette,
  labels: readonly { readonly row: number; readonly text: string }[],
): void {
  context.clearRect(0, -margin, context.canvas.width, context.canvas.height);
  context.font = palette.font;
  context.fillStyle = palette.text;
  context.textAlign = 'right';
  context.textBaseline = 'middle';
  for (const { row, text } of labels) {
    context.fillText(text, gutter - 10, (row + 0.5) * layout.pitch.y, gutter - 12);
  }
  const { pitch } = layout;
  for (let cell = 0; cell < picture.cells; cell++) {
    const column = cell % layout.columns;
    const row = Math.floor(cell / layout.columns);
    const x = Math.round(gutter + column * pitch.x);
    const y = Math.round(row * pitch.y);
    const width = Math.round(gutter + (column + 1) * pitch.x) - x - 1;
    const height = Math.round((row + 1) * pitch.y) - y - 1;
    const { kind, fullness } = strongest(picture.parts, cell);
    context.fillStyle = palette.kinds[unallocated] ?? palette.background;
    context.fillRect(x, y, width, height);
    if (kind !== unallocated) {
      context.globalAlpha = kind === wrong ? 1 : 0.35 + 0.65 * fullness;
      context.fillStyle = palette.kinds[kind] ?? palette.text;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
    }
    if (palette.signs || kind === wrong) {
      paintSign(context, kind, { x, y, width, height }, palette.background);
    }
  }
}

/** Outlines a run of cells. */
export function paintFrame(
  context: CanvasRenderingContext2D,
  layout: CellLayout,
  from: number,
  to: number,
  palette: Palette,
): void {
  const firstRow = Math.floor(from / layout.columns);
  const lastRow = Math.floor(to / layout.columns);
  for (let row = firstRow; row <= lastRow; row++) {
    const left = row === firstRow ? from % layout.columns : 0;
    const right = row === lastRow ? to % layout.columns : layout.columns - 1;
    // A light line on a dark one, or the other way round, is seen on every colour.
    for (const [colour, width] of [
      [palette.background, 4],
      [palette.marker, 2],
    ] as const) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(
        Math.round(gutter + left * layout.pitch.x) - 1,
        Math.round(row * layout.pitch.y) - 1,
        Math.round((right - left + 1) * layout.pitch.x) + 1,
        Math.round(layout.pitch.y) + 1,
      );
    }
  }
}

/** The sign of a kind, so that no kind is told by colour alone: the same shapes as the style sheet's patterns. */
function paintSign(context: CanvasRenderingContext2D, kind: number, cell: Box, colour: string): void {
  const { x, y, width, height } = cell;
  const inset = Math.max(1, Math.floor(height / 5));
  context.strokeStyle = colour;
  context.fillStyle = colour;
  context.lineWidth = Math.max(1, height / 8);
  context.beginPath();
  switch (guestKinds[kind]) {
    case 'compressed':
      context.moveTo(x, y + height);
      context.lineTo(x + width, y);
      break;
    case 'zero-allocated':
      context.rect(x + inset, y + inset, width - 2 * inset, height - 2 * inset);
      break;
    case 'zero-plain':
      context.moveTo(x, y + height / 2);
      context.lineTo(x + width, y + height / 2);
      break;
    case 'unallocated':
      context.fillRect(x + 1, y + 1, width - 2, height - 2);
      break;
    case 'wrong':
      context.moveTo(x + inset, y + inset);
      context.lineTo(x + width - inset, y + height - inset);
      context.moveTo(x + width - inset, y + inset);
      context.lineTo(x + inset, y + height - inset);
      break;
    case 'data':
    case undefined:
      break;
  }
  context.stroke();
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
