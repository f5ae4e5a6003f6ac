import { parentPort, workerData } from 'node:worker_threads';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { random } from '../support/random.ts';
import { loadBase } from './base.ts';
import type { ThreadData, ThreadMessage } from './fuzzRun.ts';
import { inspect } from './inspect.ts';
import { inspectMaps } from './inspectMaps.ts';
import { metadataPlaces, type Place } from './metadata.ts';
import { mutate, mutateStructure } from './mutation.ts';
import { memoryBound, problemOf } from './trial.ts';

/** A loaded base image. */
interface Base {
  readonly name: string;
  readonly storage: MemoryStorage;
  readonly places: readonly Place[];
}

/** The maps take memory and time of their own, whatever the image: one image in so many is mapped. */
const mapsEvery = 4;
const mapsBound = 160 * 2 ** 20;
/** Garbage tables lead to thousands of compressed clusters, and zlib gives its buffers back late. */
const structureBound = 200 * 2 ** 20;

const { seed, bases, next, end, manner } = workerData as ThreadData;
const say = (message: ThreadMessage): void => parentPort?.postMessage(message);

const loaded: Base[] = [];
for (const base of bases) {
  const storage = await loadBase(base);
  loaded.push({ name: base.name, storage, places: metadataPlaces(storage) });
}

for (let index = Atomics.add(next, 0, 1); index < end; index = Atomics.add(next, 0, 1)) {
  const base = loaded[index % loaded.length];
  if (!base) {
    throw new Error('no base images');
  }
  const storage = base.storage.clone();
  // Every image has its own sequence, so that it can be made again alone.
  const change = manner === 'few' ? mutate : mutateStructure;
  const changes = change(storage, base.places, random(Math.imul(seed, 0x9e3779b1) ^ index));
  const image = `"${base.name}" with ${changes.join('; ')}`;
  say({ kind: 'begin', index, image });
  const problem =
    (await problemOf(storage, inspect, manner === 'structure' ? structureBound : memoryBound)) ??
    (index % mapsEvery === 0 ? await problemOf(storage, inspectMaps, mapsBound) : undefined);
  if (problem !== undefined) {
    say({ kind: 'failure', failure: { index, image, problem } });
  }
}
say({ kind: 'done' });
