import { type Overlay, spaceKinds } from '../../src/protocol/mapApi.ts';
import type { View } from '../widgets/cellGrid.ts';
import type { MapKind, SpaceName } from '../widgets/kinds.ts';

/** Which maps are shown. */
export const choices = ['guest', 'host', 'both'] as const;

/** The overlays, in the order of their buttons. */
export const overlayNames = ['findings', 'fragmentation', 'sharing', 'bitmap'] as const satisfies readonly Overlay[];

/** What the pane of the maps shows: kept across reloads. */
export interface MapState {
  readonly shown: (typeof choices)[number];
  /** Index of the snapshot whose layer is shown; undefined for the active one. */
  readonly snapshot: number | undefined;
  readonly overlays: readonly Overlay[];
  /** Index of the bitmap that the overlay shows. */
  readonly bitmap: number;
  readonly hidden: Readonly<Record<SpaceName, readonly MapKind[]>>;
  /** What is in view of each space; undefined for all of it. */
  readonly views: Readonly<Record<SpaceName, View | undefined>>;
  /** The space whose table is shown. */
  readonly table: SpaceName;
}

/** Both maps, whole. */
export const firstState: MapState = {
  shown: 'both',
  snapshot: undefined,
  overlays: ['findings'],
  bitmap: 0,
  hidden: { guest: [], host: [] },
  views: { guest: undefined, host: undefined },
  table: 'guest',
};

/** The state as text. */
export function keptText(state: MapState): string {
  return JSON.stringify({
    ...state,
    views: { guest: viewText(state.views.guest), host: viewText(state.views.host) },
  });
}

/** The state of a text; what is not understood is as at first. */
export function stateOf(kept: string | undefined): MapState {
  const from = objectOf(kept);
  const hidden = fieldOf(from, 'hidden');
  const views = fieldOf(from, 'views');
  const table = fieldOf(from, 'table');
  const overlays = fieldOf(from, 'overlays');
  return {
    shown: choices.find((one) => one === fieldOf(from, 'shown')) ?? firstState.shown,
    snapshot: indexOf(fieldOf(from, 'snapshot')),
    overlays: Array.isArray(overlays) ? overlayNames.filter((one) => overlays.includes(one)) : firstState.overlays,
    bitmap: indexOf(fieldOf(from, 'bitmap')) ?? 0,
    hidden: { guest: kindsOf('guest', fieldOf(hidden, 'guest')), host: kindsOf('host', fieldOf(hidden, 'host')) },
    views: { guest: viewOf(fieldOf(views, 'guest')), host: viewOf(fieldOf(views, 'host')) },
    table: table === 'host' ? 'host' : 'guest',
  };
}

function viewText(view: View | undefined): string | undefined {
  return view && `${view.start}+${view.length}`;
}

function viewOf(text: unknown): View | undefined {
  const [, start, length] = typeof text === 'string' ? (/^(\d{1,20})\+(\d{1,20})$/.exec(text) ?? []) : [];
  return start === undefined || length === undefined ? undefined : { start: BigInt(start), length: BigInt(length) };
}

function kindsOf(space: SpaceName, names: unknown): MapKind[] {
  return Array.isArray(names) ? spaceKinds[space].filter((kind) => names.includes(kind)) : [];
}

function indexOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function objectOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldOf(from: unknown, name: string): unknown {
  return typeof from === 'object' && from !== null && Object.hasOwn(from, name)
    ? Object.getOwnPropertyDescriptor(from, name)?.value
    : undefined;
}
