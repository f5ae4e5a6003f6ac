import { addressOf, type Selection, selectionAt } from './selection.ts';

/** The panes, in the order of their tabs. */
export const panes = ['overview', 'header', 'map'] as const;

/** The name of a pane. */
export type Pane = (typeof panes)[number];

/** What a view remembers across reloads. Guest offsets in bytes. */
export interface ViewState {
  readonly pane: Pane;
  readonly selection?: Selection;
  /** The part of the guest's disk that the map shows; absent: all of it. */
  readonly view?: GuestView;
}

/** A range of the guest's disk. */
export interface GuestView {
  readonly start: bigint;
  readonly length: bigint;
}

/** The state as plain JSON. */
export type SavedState = { readonly pane: string; readonly selection?: string; readonly view?: string };

/** What a saved state says; whatever is not understood is left out. */
export function restore(saved: unknown): ViewState {
  const from = typeof saved === 'object' && saved !== null ? saved : {};
  const pane = panes.find((name) => 'pane' in from && from.pane === name) ?? 'overview';
  const selection = 'selection' in from && typeof from.selection === 'string' ? selectionAt(from.selection) : undefined;
  const range = 'view' in from && typeof from.view === 'string' ? selectionAt(from.view) : undefined;
  const view = range?.kind === 'guest' ? { start: range.start, length: range.length } : undefined;
  return { pane, ...(selection && { selection }), ...(view && { view }) };
}

/** The state to be saved. */
export function save(state: ViewState): SavedState {
  return {
    pane: state.pane,
    ...(state.selection && { selection: addressOf(state.selection) }),
    ...(state.view && { view: addressOf({ kind: 'guest', ...state.view }) }),
  };
}
