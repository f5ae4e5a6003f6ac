import { openImage } from '../../src/engine/image/open.ts';
import { noProgress, type Storage } from '../../src/engine/ports.ts';
import type { MapApi } from '../../src/protocol/mapApi.ts';
import { type GuestMapKind, type HostMapKind, type SpaceCounts, spaceKinds } from '../../src/protocol/mapApi.ts';
import { mapMethods } from '../../src/worker/mapMethods.ts';
import type { CallContext } from '../../src/worker/server.ts';

/** A call that nobody cancels, and whose progress nobody sees. */
export const context: CallContext = {
  signal: new AbortController().signal,
  report: () => undefined,
  progress: noProgress,
};

/** The map's methods, without the context. */
export type MapCalls = {
  readonly [M in keyof MapApi]: (...argument: Parameters<MapApi[M]>) => Promise<ReturnType<MapApi[M]>>;
};

/** The map's methods on an image. */
export async function mapOf(storage: Storage): Promise<MapCalls> {
  const methods = mapMethods(await openImage(storage));
  return {
    extents: (request) => methods.extents(request, context),
    hostExtents: (request) => methods.hostExtents(request, context),
    picture: (request) => methods.picture(request, context),
    counts: (request) => methods.counts(request, context),
    step: (request) => methods.step(request, context),
    overlay: (request) => methods.overlay(request, context),
    counterpart: (request) => methods.counterpart(request, context),
    ownersAt: (request) => methods.ownersAt(request, context),
    countReferences: () => methods.countReferences(undefined, context),
  };
}

/** The clusters of each kind that there are. */
export function clustersOf(
  space: 'guest' | 'host',
  { kinds }: Pick<SpaceCounts, 'kinds'>,
): Partial<Record<GuestMapKind | HostMapKind, number>> {
  const names: readonly (GuestMapKind | HostMapKind)[] = spaceKinds[space];
  return Object.fromEntries(
    names.map((kind, index) => [kind, kinds[index]?.clusters ?? 0] as const).filter(([, clusters]) => clusters > 0),
  );
}

/** The kind that each cell of a picture is of, or `mixed`. */
export function kindsOf(space: 'guest' | 'host', parts: Float32Array, cells: number): string[] {
  const names = spaceKinds[space];
  return Array.from({ length: cells }, (_, cell) => {
    const own = parts.subarray(cell * names.length, (cell + 1) * names.length);
    return names[own.indexOf(1)] ?? 'mixed';
  });
}
