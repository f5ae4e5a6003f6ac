import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { runProgram } from '../support/qemu.ts';
import { writeStorage } from '../support/writeImage.ts';
import type { BareState } from './crashCase.ts';

/** The exit codes of `qemu-img check` for an image without errors: clean, and leaks alone. */
const sound = [0, 3];

/** The image before a change and after it. */
export interface Ends {
  readonly before: MemoryStorage;
  readonly after: MemoryStorage;
}

/**
 * The second opinion on states of a change: qemu-img opens each, finds no errors beyond leaks, and reads the guest's data as
 * it is in that one of the images before and after the change that has it by the first opinion.
 *
 * @param folder - where the files are put
 * @param lanes - states that are judged at the same time
 */
export async function judgeByQemu(states: readonly BareState[], ends: Ends, folder: string, lanes = 1): Promise<void> {
  for (const end of ['before', 'after'] as const) {
    writeStorage(ends[end], join(folder, nameOf(end)));
  }
  for (let first = 0; first < states.length; first += lanes) {
    const some = states.slice(first, first + lanes);
    await Promise.all(some.map((state, lane) => judgeOne(state, `state ${lane}.qcow2`, folder)));
  }
}

async function judgeOne({ name, image, end }: BareState, file: string, folder: string): Promise<void> {
  writeStorage(image, join(folder, file));
  const check = await runProgram('qemu-img', ['check', '-f', 'qcow2', file], folder);
  assert.ok(sound.includes(check.code), `${name}: qemu-img check: ${check.code} ${check.stdout}${check.stderr}`);
  const compare = await runProgram('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', file, nameOf(end)], folder);
  const answer = `${compare.code} ${compare.stdout}${compare.stderr}`;
  assert.equal(compare.code, 0, `${name}: the guest's data is not as it is ${end} the change: ${answer}`);
}

function nameOf(end: 'before' | 'after'): string {
  return `${end}.qcow2`;
}
