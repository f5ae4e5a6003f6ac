import { addressOf, type Selection, sameSelection, selectionAt } from './selection.ts';
import type { Pane } from './state.ts';

/** A selection, in the pane where it was last looked at. */
export interface Visit {
  readonly pane: Pane;
  readonly selection: Selection;
}

/** The selections one after the other, and which of them is the current one (-1 where there is none). */
export interface History {
  readonly visits: readonly Visit[];
  readonly at: number;
}

/** A history as plain JSON: a line a visit, pane and address. */
export interface SavedHistory {
  readonly visits: readonly string[];
  readonly at: number;
}

/** Visits that are kept: the oldest goes first. */
const mostVisits = 100;

/** Before anything was selected. */
export const noHistory: History = { visits: [], at: -1 };

/**
 * The history after a visit: what was ahead is gone. The same selection in another pane is a visit of its own, so that
 * a link to another pane leads back. `walked`: whether the selection only moved on, as with the arrow
 * keys: then it takes the place of one of its kind, so that a walk is one step back.
 */
export function visited(history: History, visit: Visit, walked: boolean): History {
  const current = history.visits[history.at];
  const same = current?.pane === visit.pane && sameSelection(current.selection, visit.selection);
  const replace = same || (walked && current?.selection.kind === visit.selection.kind);
  const before = history.visits.slice(0, replace ? history.at : history.at + 1);
  const ahead = same ? history.visits.slice(history.at + 1) : [];
  const dropped = Math.max(0, before.length + 1 + ahead.length - mostVisits);
  return { visits: [...before, visit, ...ahead].slice(dropped), at: before.length - dropped };
}

/** The history with the current selection looked at in another pane, whose tab was chosen: that is no step. */
export function inPane(history: History, pane: Pane): History {
  const current = history.visits[history.at];
  return current === undefined
    ? history
    : { ...history, visits: history.visits.with(history.at, { ...current, pane }) };
}

/** One step back (-1) or forward (1), with the visit that it leads to; undefined where there is none. */
export function step(history: History, by: -1 | 1): { history: History; visit: Visit } | undefined {
  const at = history.at + by;
  const visit = history.visits[at];
  return visit && { history: { ...history, at }, visit };
}

/** The history to be saved. */
export function saveHistory({ visits, at }: History): SavedHistory {
  return { visits: visits.map(({ pane, selection }) => `${pane} ${addressOf(selection)}`), at };
}

/** What a saved history says; visits that are not understood, or in none of `panes`, are left out. */
export function restoreHistory(saved: unknown, panes: readonly Pane[]): History {
  const from: object = typeof saved === 'object' && saved !== null ? saved : {};
  const lines = 'visits' in from && Array.isArray(from.visits) ? from.visits.slice(-mostVisits) : [];
  const current = 'at' in from && typeof from.at === 'number' ? from.at : lines.length - 1;
  const visits: Visit[] = [];
  let at = -1;
  for (const [index, line] of lines.entries()) {
    const visit = visitAt(line, panes);
    if (visit !== undefined) {
      visits.push(visit);
      at = index <= current ? visits.length - 1 : at;
    }
  }
  return visits.length === 0 ? noHistory : { visits, at: Math.max(0, at) };
}

function visitAt(line: unknown, panes: readonly Pane[]): Visit | undefined {
  const [, name, address] = (typeof line === 'string' ? /^(\S+) (.*)$/s.exec(line) : undefined) ?? [];
  const pane = panes.find((one) => one === name);
  const selection = address === undefined ? undefined : selectionAt(address);
  return pane && selection && { pane, selection };
}
