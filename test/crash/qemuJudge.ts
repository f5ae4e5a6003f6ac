import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { runProgram } from '../support/qemu.ts';
import type { BareState } from './crashCase.ts';

/** The exit codes of `qemu-img check` for an image without errors: clean, and leaks alone. */
const sound = [0, 3];

/**
 * The second opinion on a state: qemu-img opens it, finds no errors beyond leaks, and reads the guest's data as it is in
 * the image before or after the change.
 *
 * @param folder - where the files are put
 */
export async function judgeByQemu(
  { name, image }: BareState,
  { before, after }: { readonly before: MemoryStorage; readonly after: MemoryStorage },
  folder: string,
): Promise<void> {
  const state = join(folder, 'state.qcow2');
  writeWhole(image, state);
  const check = await runProgram('qemu-img', ['check', '-f', 'qcow2', state], folder);
  assert.ok(sound.includes(check.code), `${name}: qemu-img check: ${check.code} ${check.stdout}${check.stderr}`);
  const answers: string[] = [];
  for (const [end, content] of [
    ['before', before],
    ['after', after],
  ] as const) {
    const other = join(folder, `${end}.qcow2`);
    writeWhole(content, other);
    const compare = await runProgram('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', state, other], folder);
    if (compare.code === 0) {
      return;
    }
    answers.push(`${end}: ${compare.code} ${compare.stdout}${compare.stderr}`);
  }
  assert.fail(`${name}: the guest's data is neither old nor new: ${answers.join(' ')}`);
}

function writeWhole(image: MemoryStorage, path: string): void {
  writeFileSync(path, image.slice(0n, Number(image.size)));
}
