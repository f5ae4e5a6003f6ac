import { html, type TemplateResult } from 'lit';
import { showCount } from '../../src/engine/format/show.ts';
import type { Overlay, OverlayPicture, StepKind } from '../../src/protocol/mapApi.ts';
import { cellsOf, type Grid, type View } from '../widgets/cellGrid.ts';
import type { OverlayValues } from '../widgets/cellPaint.ts';
import type { SpaceName } from '../widgets/kinds.ts';

/** An overlay in words. */
export interface OverlayWords {
  readonly label: string;
  /** How it is drawn, and what it says. */
  readonly meaning: string;
  /** What is stepped through. */
  readonly step: StepKind;
  /** What one of them is called. */
  readonly one: string;
  readonly spaces: readonly SpaceName[];
}

/** The overlays in words. */
export const overlayWords: Readonly<Record<Overlay, OverlayWords>> = {
  findings: {
    label: 'Findings',
    meaning: 'a cell in a frame: something was found there',
    step: 'finding',
    one: 'finding',
    spaces: ['guest', 'host'],
  },
  fragmentation: {
    label: 'Fragmentation',
    meaning: 'bar at the bottom: the part whose clusters do not follow the one before them in the file',
    step: 'jump',
    one: 'jump',
    spaces: ['guest'],
  },
  sharing: {
    label: 'Sharing',
    meaning: 'bar at the left: the part that several layers refer to',
    step: 'shared-cluster',
    one: 'shared cluster',
    spaces: ['guest', 'host'],
  },
  bitmap: {
    label: 'Dirty bitmap',
    meaning: 'bar at the top: the part that the bitmap has as dirty',
    step: 'dirty',
    one: 'dirty range',
    spaces: ['guest'],
  },
};

/** The little picture of an overlay: a cell with its mark. */
export function overlaySwatch(overlay: Overlay): TemplateResult {
  return html`<svg class="swatch overlay-swatch overlay-${overlay}" viewBox="0 0 8 8" aria-hidden="true">
    <path d=${swatches[overlay]}></path>
  </svg>`;
}

const swatches: Readonly<Record<Overlay, string>> = {
  findings: 'M0 0H8V8H0ZM1 1V7H7V1ZM2 2H6V6H2Z',
  fragmentation: 'M0 6H6V8H0Z',
  sharing: 'M0 2H2V8H0Z',
  bitmap: 'M0 0H6V2H0Z',
};

/** What the cells draw of an overlay: parts of the cell, also of what the worker counts in clusters. */
export function drawnOverlay(overlay: Overlay, picture: OverlayPicture, cluster: bigint): OverlayValues {
  if (overlay !== 'fragmentation') {
    return { overlay, picture };
  }
  const clusters = Number(picture.cellSize / cluster);
  return { overlay, picture: { ...picture, values: picture.values.map((value) => value / clusters) } };
}

/** What an overlay says of a range of cells; empty when it says nothing. */
export function overlaySays({ overlay, picture }: OverlayValues, grid: Grid, range: View): string {
  const cells = cellsOf(grid, range);
  if (cells === undefined) {
    return '';
  }
  const values = picture.values.subarray(cells.from, cells.to + 1);
  const sum = values.reduce((total, value) => total + value, 0);
  const part = `${Number(((sum / values.length) * 100).toPrecision(3))} %`;
  if (sum === 0) {
    return '';
  }
  switch (overlay) {
    case 'findings':
      return sum === 1 ? '1 finding' : values.length === 1 ? `${showCount(sum)} findings` : 'findings';
    case 'fragmentation':
      return `${part} fragmented`;
    case 'sharing':
      return `${part} shared by layers`;
    case 'bitmap':
      return `${part} dirty`;
  }
}
