import { sectorSize } from '../../src/engine/change/changeSet.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';
import { type Random, random as randomOf } from '../support/random.ts';
import type { Act, LoggedAct } from './loggedFiles.ts';

/** All subsets of what was not flushed are tried, if there are no more. */
const mostSubsets = 64;

/** Subsets that are tried, if there are more. */
const sampledSubsets = process.env.QCOW2_CRASH === 'all' ? 64 : 20;

/** How often a subset is drawn that was tried already, before no more are drawn. */
const mostRepeats = 20;

/** The files as a power cut may leave them. */
export interface CrashState {
  /** `flush 3, 2 of 5 sectors`. */
  readonly name: string;
  readonly image: MemoryStorage;
  /** The journal that the folder has. */
  readonly journal: MemoryStorage | undefined;
}

/** A sector that is on its way to the disk, or a change of the length. */
type Pending = { readonly at: bigint; readonly bytes: Uint8Array } | { readonly size: bigint };

/**
 * Every state in which a cut may leave an image and its journal: what was flushed is there, and of what was written
 * since, any subset of the sectors. All subsets where there are at most 64, else some of them by the seed. Sectors that are
 * written as they were make no difference, and are left out; no state comes twice in a row.
 */
export function* crashStates(before: MemoryStorage, log: readonly LoggedAct[], seed: number): Generator<CrashState> {
  const random = randomOf(seed);
  const image = before.clone();
  let journal: MemoryStorage | undefined;
  let unpublished = new MemoryStorage();
  let epoch: Pending[] = [];
  let flushes = 0;
  /** Whether the image as it was flushed last was a state, with this journal. */
  let isKnown = true;
  yield { name: 'before anything', image: image.clone(), journal };
  for (const { file, act } of log) {
    if (act.kind === 'publish') {
      // Until then the folder has no journal; now all of it is on the disk.
      journal = unpublished;
      isKnown = false;
    } else if (act.kind === 'remove') {
      yield { name: `flush ${flushes}, before the journal is removed`, image: image.clone(), journal };
      journal = undefined;
      unpublished = new MemoryStorage();
      isKnown = false;
    } else if (file === 'journal') {
      perform(unpublished, act);
    } else if (act.kind === 'flush') {
      yield* landings(`flush ${flushes}`, image, epoch, journal, random, isKnown);
      isKnown = true;
      for (const pending of epoch) {
        land(image, pending);
      }
      epoch = [];
      flushes++;
    } else if (act.kind === 'write') {
      epoch.push(...sectorsOf(act.at, act.bytes));
    } else {
      epoch.push({ size: act.size });
    }
  }
  // What comes last may not be flushed at all.
  yield* landings('after all', image, epoch, journal, random, isKnown);
}

/** The image with each subset of the sectors that are on their way, or with some of these; with none unless `isKnown`. */
function* landings(
  name: string,
  image: MemoryStorage,
  epoch: readonly Pending[],
  journal: MemoryStorage | undefined,
  random: Random,
  isKnown: boolean,
): Generator<CrashState> {
  const sectors = changing(image, epoch);
  for (const landed of subsets(sectors.length, random)) {
    if (landed.length === 0 && isKnown) {
      continue;
    }
    const state = image.clone();
    for (const index of landed) {
      land(state, sectors[index]);
    }
    yield { name: `${name}, ${landed.length} of ${sectors.length} sectors`, image: state, journal: journal?.clone() };
  }
}

/** What makes a difference when it lands; the same sector on its way twice does. */
function changing(image: MemoryStorage, epoch: readonly Pending[]): Pending[] {
  const seen = new Set<number>();
  const twice = new Set<number>();
  for (const pending of epoch) {
    const sector = 'at' in pending ? sectorOf(pending.at) : -1;
    (seen.has(sector) ? twice : seen).add(sector);
  }
  return epoch.filter((pending) => {
    if ('size' in pending || pending.at + BigInt(pending.bytes.length) > image.size) {
      return true;
    }
    const isSame = Buffer.from(pending.bytes).equals(image.slice(pending.at, pending.bytes.length));
    return !isSame || twice.has(sectorOf(pending.at));
  });
}

function sectorOf(at: bigint): number {
  return Number(at / BigInt(sectorSize));
}

function perform(file: MemoryStorage, act: Act): void {
  if (act.kind === 'write') {
    file.write(act.at, act.bytes);
  } else if (act.kind === 'resize') {
    file.truncate(act.size);
  }
}

function land(file: MemoryStorage, pending: Pending | undefined): void {
  if (pending && 'size' in pending) {
    file.truncate(pending.size);
  } else if (pending) {
    file.write(pending.at, pending.bytes);
  }
}

function sectorsOf(at: bigint, bytes: Uint8Array): Pending[] {
  const sectors: Pending[] = [];
  for (let done = 0; done < bytes.length; ) {
    const inSector = Number((at + BigInt(done)) % BigInt(sectorSize));
    const part = Math.min(sectorSize - inSector, bytes.length - done);
    sectors.push({ at: at + BigInt(done), bytes: bytes.slice(done, done + part) });
    done += part;
  }
  return sectors;
}

/** Subsets of `count` things as ascending lists of indices. */
function* subsets(count: number, random: Random): Generator<number[]> {
  const indices = Array.from({ length: count }, (_, index) => index);
  if (2 ** count <= mostSubsets) {
    for (let mask = 0; mask < 2 ** count; mask++) {
      yield indices.filter((index) => ((mask >>> index) & 1) === 1);
    }
    return;
  }
  yield [];
  yield indices;
  const tried = new Set([keyOf([]), keyOf(indices)]);
  for (let repeats = 0; tried.size < sampledSubsets && repeats < mostRepeats; ) {
    // One alone, all but one, a prefix as after a cut in the middle, or each by chance.
    const chosen = random.below(count);
    const kind = tried.size % 4;
    const subset = indices.filter((index) =>
      kind === 0
        ? index === chosen
        : kind === 1
          ? index !== chosen
          : kind === 2
            ? index < chosen
            : random.below(2) === 1,
    );
    const key = keyOf(subset);
    if (tried.has(key)) {
      repeats++;
    } else {
      tried.add(key);
      yield subset;
    }
  }
}

function keyOf(subset: readonly number[]): string {
  return subset.join();
}
