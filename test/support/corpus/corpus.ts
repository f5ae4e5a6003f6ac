import type { MemoryStorage } from '../memoryStorage.ts';
import { type Damage, damages } from './damages.ts';
import { type Shape, soundImage } from './sound.ts';

/** An image with one thing wrong, or two. */
export interface CorpusImage {
  readonly name: string;
  readonly damages: readonly Damage[];
  readonly shape: Shape;
  build(): MemoryStorage;
  /** Guest clusters of which nobody can tell what was in them: in the active layer, in the snapshot. */
  readonly lost: ReadonlySet<number>;
  readonly lostInSnapshot: ReadonlySet<number>;
}

/** Cluster sizes and refcount widths, for both versions. */
export const shapes: readonly Shape[] = [
  { version: 3, clusterBits: 16, refcountOrder: 4 },
  { version: 2, clusterBits: 16, refcountOrder: 4 },
  { version: 3, clusterBits: 9, refcountOrder: 4 },
  { version: 2, clusterBits: 9, refcountOrder: 4 },
  { version: 3, clusterBits: 12, refcountOrder: 1 },
  { version: 3, clusterBits: 12, refcountOrder: 0 },
  { version: 3, clusterBits: 12, refcountOrder: 3 },
  { version: 3, clusterBits: 14, refcountOrder: 6 },
  { version: 3, clusterBits: 14, refcountOrder: 4, extended: true },
];

/** Every damage alone, in every shape. */
export function alone(): CorpusImage[] {
  return shapes.flatMap((shape) => damages.filter(fits(shape)).map((damage) => imageOf([damage], shape)));
}

/** Every two damages that are not about the same bytes, in one shape. */
export function pairs(shape: Shape): CorpusImage[] {
  const all = damages.filter(fits(shape));
  return all.flatMap((one, index) =>
    all
      .slice(index + 1)
      .filter(({ group }) => group !== one.group)
      .map((other) => imageOf([one, other], shape)),
  );
}

function fits(shape: Shape): (damage: Damage) => boolean {
  return ({ versions, extended, counts }) =>
    (versions === undefined || versions.includes(shape.version)) &&
    (extended === undefined || extended === shape.extended) &&
    (counts === undefined || shape.refcountOrder > 0);
}

function imageOf(chosen: readonly Damage[], shape: Shape): CorpusImage {
  const { version, clusterBits, refcountOrder, extended } = shape;
  const words = `version ${version}, clusters of ${2 ** clusterBits}, refcounts of ${2 ** refcountOrder} ${refcountOrder === 0 ? 'bit' : 'bits'}${extended ? ', extended L2 entries' : ''}`;
  return {
    name: `${chosen.map(({ name }) => name).join(', and ')} (${words})`,
    damages: chosen,
    shape,
    build: () => {
      const image = soundImage(shape);
      for (const { harm } of chosen) {
        harm(image, shape);
      }
      return image.toStorage();
    },
    lost: new Set(chosen.flatMap(({ lost = [] }) => lost)),
    lostInSnapshot: new Set(chosen.flatMap(({ lostInSnapshot = [] }) => lostInSnapshot)),
  };
}
