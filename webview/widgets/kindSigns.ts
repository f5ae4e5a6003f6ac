import type { MapKind } from './kinds.ts';

/** A sign that tells a kind without its colour: an SVG path in a square of 8 by 8. */
export interface Sign {
  readonly path: string;
  /** Whether the path is an area; else it is a line. */
  readonly filled?: boolean;
}

const vertical = 'M4 0V8';
const diagonal = 'M0 8L8 0';
const otherDiagonal = 'M0 0L8 8';
const cross = 'M1.5 1.5L6.5 6.5M6.5 1.5L1.5 6.5';
const inside: Sign = { path: 'M1 1H7V7H1Z', filled: true };

/** The signs, the same on the canvas and in the legend. Data, the most frequent kind, is the one without. */
export const kindSigns: Readonly<Record<MapKind, Sign | undefined>> = {
  data: undefined,
  compressed: { path: diagonal },
  'zero-allocated': { path: 'M2 2H6V6H2Z' },
  'zero-plain': { path: 'M0 4H8' },
  unallocated: inside,
  wrong: { path: cross },
  backing: { path: 'M3 3H5V5H3Z', filled: true },
  'backing-data': { path: otherDiagonal },
  'backing-zero': { path: 'M0 2.5H8M0 5.5H8' },
  'backing-beyond-end': { path: 'M0 6H8' },
  header: { path: 'M4 0V8M0 4H8' },
  'l1-table': { path: vertical },
  'l2-table': { path: 'M2.5 0V8M5.5 0V8' },
  'refcount-table': { path: 'M0 4H8' },
  'refcount-block': { path: 'M0 2.5H8M0 5.5H8' },
  'snapshot-table': { path: otherDiagonal },
  bitmap: { path: 'M0 0H4V4H0ZM4 4H8V8H4Z', filled: true },
  luks: { path: 'M2 2H6V6H2Z' },
  shared: { path: 'M0 8L8 0V8Z', filled: true },
  leaked: { path: 'M0 1L4 7L8 1' },
  refcounted: { path: 'M3 3H5V5H3Z', filled: true },
  unknown: { path: cross },
  free: inside,
  beyond: { path: 'M1.5 1.5H6.5V6.5H1.5ZM0 0L8 8' },
};
