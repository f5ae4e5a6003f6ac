import type { Image } from './description.ts';
import type { Visit } from './history.ts';
import { keptText, stateOf } from './panes/mapState.ts';
import { addressOf, type Selection, selectionAt } from './selection.ts';
import type { Kept, ViewState } from './state.ts';

/** The lists of an image in which a selection is known by its index: what tells their items apart; undefined where that is not known. */
const lists = {
  extension: ({ extensions }) => extensions.map(({ type }) => String(type)),
  snapshot: ({ snapshots: { state, items } }) =>
    state === 'unreadable' ? undefined : items.map(({ id, name }) => `${id}:${name}`),
  bitmap: ({ bitmaps: { state, items } }) => (state === 'unreadable' ? undefined : items.map(({ name }) => name)),
  finding: ({ findings }) => findings.map(({ code, chain }) => `${code} ${chain}`),
} satisfies Record<string, (image: Image) => string[] | undefined>;

type ListName = keyof typeof lists;

/** Where an item of a list is now; undefined where it is gone. */
type Moves = (list: ListName, index: number) => number | undefined;

/**
 * The state of a view on an image that was read again: what was selected is selected, whatever its index is now, and
 * nothing else where it is gone. The same state where nothing has another index.
 */
export function moved(state: ViewState, before: Image, now: Image): ViewState {
  const names = Object.keys(lists) as ListName[];
  const keys = names.map((list) => {
    const [old, found] = [lists[list](before), lists[list](now)];
    return [list, old && found ? { old, now: found } : { old: [], now: [] }] as const;
  });
  if (keys.every(([, { old, now: found }]) => old.every((key, index) => found[index] === key))) {
    return state;
  }
  const byName = new Map(keys);
  const moves: Moves = (list, index) => {
    const { old, now: found } = byName.get(list) ?? { old: [], now: [] };
    const key = old[index];
    if (key === undefined) {
      // Further down than what was read of the list.
      return index;
    }
    const nth = old.slice(0, index).filter((one) => one === key).length;
    return found.flatMap((one, at) => (one === key ? [at] : []))[nth];
  };
  const { selection, history, kept, ...others } = state;
  const stays = selection && selectionAfter(selection, moves);
  const visits = history.visits.map((visit) => visitAfter(visit, moves));
  const at = visits.slice(0, history.at + 1).filter((visit) => visit !== undefined).length - 1;
  return {
    ...others,
    ...(stays && { selection: stays }),
    history: { visits: visits.filter((visit) => visit !== undefined), at },
    kept: keptAfter(kept, moves),
  };
}

function visitAfter({ pane, selection }: Visit, moves: Moves): Visit | undefined {
  const stays = selectionAfter(selection, moves);
  return stays && { pane, selection: stays };
}

function selectionAfter(selection: Selection, moves: Moves): Selection | undefined {
  switch (selection.kind) {
    case 'extension':
    case 'snapshot':
    case 'bitmap':
    case 'finding': {
      const index = moves(selection.kind, selection.index);
      return index === undefined ? undefined : { ...selection, index };
    }
    case 'guest':
    case 'l1-entry':
    case 'l2-entry': {
      if (selection.snapshot === undefined) {
        return selection;
      }
      const snapshot = moves('snapshot', selection.snapshot);
      return snapshot === undefined ? undefined : { ...selection, snapshot };
    }
    default:
      return selection;
  }
}

/** What panes have kept with an index in it: that of the layer after `@`, an address, or the parts of the map's state. */
function keptAfter({ snapshots, bitmaps, tables, hex, map, ...others }: Kept, moves: Moves): Kept {
  const kept = {
    snapshots: addressAfter(snapshots, moves),
    bitmaps: addressAfter(bitmaps, moves),
    tables: layerAfter(tables, moves),
    hex: shownAfter(layerAfter(hex, moves), moves),
    map: mapAfter(map, moves),
  };
  return { ...others, ...Object.fromEntries(Object.entries(kept).filter(([, text]) => text !== undefined)) };
}

function addressAfter(text: string | undefined, moves: Moves): string | undefined {
  const selection = text === undefined ? undefined : selectionAt(text);
  const stays = selection && selectionAfter(selection, moves);
  return stays && addressOf(stays);
}

/** `guest@0 …`, `l2:3@0 …`: of snapshot 0. */
function layerAfter(text: string | undefined, moves: Moves): string | undefined {
  const [, start, snapshot, rest] = /^([^ @]*)@(\d+)(.*)$/s.exec(text ?? '') ?? [];
  if (snapshot === undefined) {
    return text;
  }
  const index = moves('snapshot', Number(snapshot));
  return index === undefined ? undefined : `${start}@${index}${rest}`;
}

/** The address of the selection that was shown is the last word. */
function shownAfter(text: string | undefined, moves: Moves): string | undefined {
  return text?.replace(/\S+$/, (address) => (selectionAt(address) ? (addressAfter(address, moves) ?? '') : address));
}

function mapAfter(text: string | undefined, moves: Moves): string | undefined {
  if (text === undefined) {
    return undefined;
  }
  const state = stateOf(text);
  const snapshot = state.snapshot === undefined ? undefined : moves('snapshot', state.snapshot);
  return keptText({ ...state, snapshot, bitmap: moves('bitmap', state.bitmap) ?? 0 });
}
