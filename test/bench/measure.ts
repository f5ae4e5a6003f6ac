import { describe } from '../../src/engine/image/describe.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { type Command, hashOfOutput, peakMemoryOf, timeProcess } from './processRun.ts';
import { type Sample, sample } from './statistics.ts';

/** What was measured of one verb. */
export interface MeasuredVerb {
  readonly verb: string;
  /** Milliseconds. */
  readonly ours: Sample;
  readonly theirs: Sample;
  /** Whether both programs printed the same bytes. */
  readonly same: boolean;
  /** Bytes. */
  readonly memory: number;
}

/** What was measured of one image. */
export interface Measured {
  readonly verbs: readonly MeasuredVerb[];
  /** Milliseconds to open and describe the image in a process that has done so before, and the first time. */
  readonly opening: Sample;
  readonly firstOpening: number;
}

const verbs: readonly (readonly [string, ...string[]])[] = [['info'], ['map', '--output=json']];

/** Measures an image: `runs` times ours and qemu-img's by turns for each verb. */
export async function measure(cli: string, image: string, runs: number): Promise<Measured> {
  const done: MeasuredVerb[] = [];
  for (const words of verbs) {
    done.push(await measureVerb(cli, words, image, runs));
  }
  const firstOpening = await timeOpening(image);
  return { verbs: done, firstOpening, opening: sample(await inTurn(runs, () => timeOpening(image))) };
}

/** Measures one verb on an image: `runs` times ours and qemu-img's by turns. */
export async function measureVerb(
  cli: string,
  words: readonly string[],
  image: string,
  runs: number,
): Promise<MeasuredVerb> {
  const ourCommand: Command = [process.execPath, cli, ...words, image];
  const theirCommand: Command = ['qemu-img', ...words, image];
  // Also brings the files into the page cache.
  const same = (await hashOfOutput(ourCommand)) === (await hashOfOutput(theirCommand));
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    ours.push(await timeProcess(ourCommand));
    theirs.push(await timeProcess(theirCommand));
  }
  const memory = await peakMemoryOf(cli, [...words, image]);
  return { verb: words.join(' '), ours: sample(ours), theirs: sample(theirs), same, memory };
}

async function timeOpening(path: string): Promise<number> {
  const started = performance.now();
  const storage = await openFile(path);
  try {
    await describe(await openImage(storage));
    return performance.now() - started;
  } finally {
    await storage.close();
  }
}

async function inTurn(times: number, act: () => Promise<number>): Promise<number[]> {
  const results: number[] = [];
  for (let time = 0; time < times; time += 1) {
    results.push(await act());
  }
  return results;
}
