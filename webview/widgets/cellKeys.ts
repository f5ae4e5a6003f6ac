import type { Grid, Point, View } from './cellGrid.ts';

/** What was done to a map. */
export type MapAction =
  /** A range is pointed at, or under the cursor. */
  | { readonly type: 'point'; readonly range: View | undefined }
  /** A range was picked. */
  | { readonly type: 'pick'; readonly range: View }
  /** The view is to move by so many cells. */
  | { readonly type: 'pan'; readonly cells: number }
  /** So many times less (below 1: more) is to be shown, around a place. */
  | { readonly type: 'zoom'; readonly factor: number; readonly point: Point }
  /** All of the space is to be shown. */
  | { readonly type: 'whole' }
  /** An offset is to be shown. */
  | { readonly type: 'go'; readonly to: bigint };

/** Something was done to a map. It is prevented where it had an effect. */
export class MapEvent extends Event {
  readonly detail: MapAction;

  constructor(detail: MapAction) {
    super('map', { cancelable: true });
    this.detail = detail;
  }
}

/** What a key does on a map. */
export type CellMove =
  | { readonly type: 'move'; readonly cells: number }
  | { readonly type: 'edge'; readonly to: 'start' | 'end' }
  | { readonly type: 'zoom'; readonly factor: number }
  | { readonly type: 'pick' | 'whole' | 'leave' };

/** The keys in words. */
export const keyWords =
  'Arrows move, Enter selects, with Shift a range; + and − zoom, 0 shows all; drag or wheel with Shift to move, Shift and drag to select a range.';

/** What a key does; undefined for keys that are none of the map's. */
export function cellMove(event: KeyboardEvent, { layout }: Grid): CellMove | undefined {
  if (event.altKey || event.metaKey) {
    return undefined;
  }
  const { columns, rows } = layout;
  if (event.ctrlKey) {
    const edges: Readonly<Record<string, CellMove>> = {
      Home: { type: 'edge', to: 'start' },
      End: { type: 'edge', to: 'end' },
    };
    return edges[event.key];
  }
  const page = Math.max(1, Math.floor(rows / 4)) * columns;
  const moves: Readonly<Record<string, CellMove>> = {
    ArrowRight: { type: 'move', cells: 1 },
    ArrowLeft: { type: 'move', cells: -1 },
    ArrowDown: { type: 'move', cells: columns },
    ArrowUp: { type: 'move', cells: -columns },
    PageDown: { type: 'move', cells: page },
    PageUp: { type: 'move', cells: -page },
    Home: { type: 'edge', to: 'start' },
    End: { type: 'edge', to: 'end' },
    '+': { type: 'zoom', factor: 4 },
    '=': { type: 'zoom', factor: 4 },
    '-': { type: 'zoom', factor: 1 / 4 },
    '0': { type: 'whole' },
    Enter: { type: 'pick' },
    ' ': { type: 'pick' },
    Escape: { type: 'leave' },
  };
  return moves[event.key];
}
