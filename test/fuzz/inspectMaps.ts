import { Qcow2Error } from '../../src/engine/error.ts';
import { openImage } from '../../src/engine/image/open.ts';
import type { Storage } from '../../src/engine/ports.ts';
import type { MapSpace, Overlay, StepKind } from '../../src/protocol/mapApi.ts';
import { type MapCalls, mapOf } from '../worker/mapCalls.ts';

/** Does with an image what the pane of the maps does. Throws when the worker does, other than for what can't be told. */
export async function inspectMaps(storage: Storage): Promise<void> {
  const { geometry, layer } = await openImage(storage);
  const map = await mapOf(storage);
  if (!geometry || !layer) {
    return;
  }
  for (const space of [{ space: 'guest' }, { space: 'guest', snapshot: 0 }, { space: 'host' }] as const) {
    await tolerant(() => inspectSpace(map, space));
  }
  await map.countReferences();
  await inspectSpace(map, { space: 'host' });
  const cluster = BigInt(geometry.clusterSize);
  await map.ownersAt({ start: 0n, length: 64n * cluster });
  for (const space of ['guest', 'host'] as const) {
    await tolerant(() => map.counterpart({ space, start: 0n, length: 2n ** 60n }));
    await tolerant(() => map.counterpart({ space, start: cluster, length: cluster }));
  }
  await map.hostExtents({ from: 0n, count: 1000 });
}

async function inspectSpace(map: MapCalls, space: MapSpace): Promise<void> {
  const whole = { ...space, start: 0n, length: 2n ** 64n, cells: 512 };
  const { size } = await map.picture(whole);
  await map.picture({ ...whole, start: size / 3n, length: size / 100n + 1n });
  await map.counts({ ...space, start: size / 3n, length: size / 2n + 1n });
  const overlays: readonly Overlay[] =
    space.space === 'guest' ? ['findings', 'fragmentation', 'sharing', 'bitmap'] : ['findings', 'sharing'];
  for (const overlay of overlays) {
    await tolerant(() => map.overlay({ ...whole, overlay }));
  }
  const kinds: readonly StepKind[] =
    space.space === 'guest' ? ['data', 'wrong', 'jump', 'shared-cluster', 'finding'] : ['data', 'free', 'leaked'];
  for (const kind of kinds) {
    await map.step({ ...space, kind, from: -1n, direction: 'next' });
    await map.step({ ...space, kind, from: size, direction: 'previous' });
  }
}

/** What there is not, or can't be told, is no defect. */
async function tolerant(act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Qcow2Error && ['not-found', 'damaged', 'bad-argument'].includes(error.code))) {
      throw error;
    }
  }
}
