import { type History, noHistory, restoreHistory, type SavedHistory, saveHistory, visited } from './history.ts';
import { restorePositions, type ScrollPositions } from './scroll.ts';
import { addressOf, type Selection, selectionAt } from './selection.ts';

/** The panes, in the order of their tabs. */
export const panes = [
  'overview',
  'header',
  'map',
  'tables',
  'snapshots',
  'bitmaps',
  'check',
  'encryption',
  'chain',
  'hex',
] as const;

/** The name of a pane. */
export type Pane = (typeof panes)[number];

/** What a view remembers across reloads. */
export interface ViewState {
  readonly pane: Pane;
  readonly selection?: Selection;
  /** The selections before and after this one. */
  readonly history: History;
  /** What each pane wants to find again, such as its part of the map: text of the pane's own, checked by it. */
  readonly kept: Kept;
  /** Where the panes are scrolled to. */
  readonly scroll?: ScrollPositions;
}

/** By pane: text of its own. */
export type Kept = Readonly<Partial<Record<Pane, string>>>;

/** The state of a view on an image that was never looked at. */
export const firstState: ViewState = { pane: 'overview', history: noHistory, kept: {} };

/** The state as plain JSON. */
export type SavedState = {
  readonly pane: string;
  readonly selection?: string;
  readonly history: SavedHistory;
  readonly kept: Kept;
  readonly scroll?: ScrollPositions;
};

/** What a saved state says; whatever is not understood is left out. */
export function restore(saved: unknown): ViewState {
  const from: object = typeof saved === 'object' && saved !== null ? saved : {};
  const pane = panes.find((name) => 'pane' in from && from.pane === name) ?? firstState.pane;
  const selection = 'selection' in from && typeof from.selection === 'string' ? selectionAt(from.selection) : undefined;
  const restored = restoreHistory('history' in from ? from.history : undefined, panes);
  const history = restored.at < 0 && selection ? visited(restored, { pane, selection }, false) : restored;
  const savedKept = 'kept' in from && typeof from.kept === 'object' && from.kept !== null ? from.kept : {};
  const kept = Object.fromEntries(
    Object.entries(savedKept).filter(([name, text]) => panes.some((one) => one === name) && typeof text === 'string'),
  );
  const scroll = restorePositions('scroll' in from ? from.scroll : undefined);
  return { pane, ...(selection && { selection }), history, kept, ...(Object.keys(scroll).length > 0 && { scroll }) };
}

/** The state to be saved. */
export function save(state: ViewState): SavedState {
  return {
    pane: state.pane,
    ...(state.selection && { selection: addressOf(state.selection) }),
    history: saveHistory(state.history),
    kept: state.kept,
    ...(state.scroll && { scroll: state.scroll }),
  };
}
