import { type SpacePicture, spaceKinds } from '../../src/protocol/mapApi.ts';
import type { Grid } from './cellGrid.ts';
import type { MapKind, SpaceName } from './kinds.ts';

/** How well a cell is known. Only an exact one is drawn as data. */
export const knowledge = { none: 0, rough: 1, exact: 2 } as const;

/** What is known of the cells of a grid. */
export interface CellValues {
  readonly grid: Grid;
  /** `spaceKinds[space].length` numbers a cell, as in `SpacePicture`. */
  readonly parts: Float32Array;
  /** One of `knowledge` a cell. */
  readonly known: Uint8Array;
  /** True when every cell is exact. */
  readonly exact: boolean;
}

/** The kinds that are the ground of a map: cells that hold nothing else are empty. */
const grounds: Readonly<Record<SpaceName, number>> = {
  guest: spaceKinds.guest.indexOf('unallocated'),
  host: spaceKinds.host.indexOf('free'),
};

/** The kinds that are shown however little of a cell they are. */
const urgent: Readonly<Record<SpaceName, ReadonlySet<number>>> = {
  guest: new Set([spaceKinds.guest.indexOf('wrong')]),
  host: new Set([spaceKinds.host.indexOf('leaked'), spaceKinds.host.indexOf('unknown')]),
};

/** The index of the kind that is the ground of a map. */
export function groundOf(space: SpaceName): number {
  return grounds[space];
}

/**
 * Puts together what pictures of other views and zooms tell of the cells of `grid`. Smaller cells that fill one are
 * added up, which is exact; a larger one tells its parts only roughly, unless it is all of one kind.
 */
export function valuesOf(grid: Grid, pictures: readonly SpacePicture[], space: SpaceName): CellValues {
  const kinds = spaceKinds[space].length;
  const parts = new Float32Array(grid.cells * kinds);
  const known = new Uint8Array(grid.cells);
  // The finest last: it overwrites the others.
  const coarseFirst = [...pictures].sort((a, b) => (a.cellSize > b.cellSize ? -1 : 1));
  for (const picture of coarseFirst) {
    if (picture.cellSize > grid.cellSize) {
      fromLarger(grid, picture, kinds, parts, known);
    } else {
      fromSmaller(grid, picture, kinds, parts, known);
    }
  }
  return { grid, parts, known, exact: known.every((one) => one === knowledge.exact) };
}

function fromLarger(grid: Grid, picture: SpacePicture, kinds: number, parts: Float32Array, known: Uint8Array): void {
  const ratio = Number(picture.cellSize / grid.cellSize);
  const shift = Number((grid.start - picture.start) / grid.cellSize);
  for (let cell = Math.max(0, -shift); cell < grid.cells; cell++) {
    const from = Math.floor((cell + shift) / ratio);
    if (from >= picture.cells) {
      return;
    }
    if (known[cell] === knowledge.exact) {
      continue;
    }
    let there = 0;
    for (let kind = 0; kind < kinds; kind++) {
      const part = picture.parts[from * kinds + kind] ?? 0;
      parts[cell * kinds + kind] = part;
      there += part > 0 ? 1 : 0;
    }
    known[cell] = there === 1 ? knowledge.exact : knowledge.rough;
  }
}

function fromSmaller(grid: Grid, picture: SpacePicture, kinds: number, parts: Float32Array, known: Uint8Array): void {
  const ratio = Number(grid.cellSize / picture.cellSize);
  const shift = Number((grid.start - picture.start) / picture.cellSize);
  // The last cell of the space may hold fewer small ones than the others.
  const whole = picture.start + picture.cellSize * BigInt(picture.cells) >= picture.size;
  for (let cell = Math.max(0, Math.ceil(-shift / ratio)); cell < grid.cells; cell++) {
    const from = cell * ratio + shift;
    const to = Math.min(picture.cells, from + ratio);
    if (from >= picture.cells || (to < from + ratio && !whole)) {
      return;
    }
    for (let kind = 0; kind < kinds; kind++) {
      let sum = 0;
      for (let small = from; small < to; small++) {
        sum += picture.parts[small * kinds + kind] ?? 0;
      }
      parts[cell * kinds + kind] = sum / (to - from);
    }
    known[cell] = knowledge.exact;
  }
}

/**
 * What a cell holds most of, apart from the ground and from hidden kinds, and how full of all of those it is (0 to 1).
 * The kind is -1 where all that it holds is hidden.
 */
export function strongest(
  space: SpaceName,
  parts: Float32Array,
  cell: number,
  hidden: ReadonlySet<number> = new Set(),
): { kind: number; fullness: number } {
  const kinds = spaceKinds[space].length;
  const ground = grounds[space];
  let kind = hidden.has(ground) ? -1 : ground;
  let most = 0;
  let fullness = 0;
  for (let index = 0; index < kinds; index++) {
    const part = parts[cell * kinds + index] ?? 0;
    if (index === ground || part <= 0 || hidden.has(index)) {
      continue;
    }
    fullness += part;
    const isUrgent = urgent[space].has(index);
    const wasUrgent = urgent[space].has(kind);
    if (isUrgent === wasUrgent ? part > most : isUrgent) {
      kind = index;
      most = part;
    }
  }
  return { kind, fullness: Math.min(1, fullness) };
}

/** The kind of a cell that is exact and all of one kind. */
export function onlyKind(values: CellValues, cell: number, space: SpaceName): MapKind | undefined {
  const kinds: readonly MapKind[] = spaceKinds[space];
  const exact = values.known[cell] === knowledge.exact;
  return exact ? kinds.find((_, kind) => values.parts[cell * kinds.length + kind] === 1) : undefined;
}
