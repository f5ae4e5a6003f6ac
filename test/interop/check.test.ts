import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { brokenImageFiles, brokenImages } from '../support/brokenImages.ts';
import { runQcow2 } from '../support/command.ts';
import { interopImages } from '../support/interopImages.ts';
import type { ProgramResult } from '../support/programs.ts';
import { runProgram } from '../support/qemu.ts';

/** The answer of our command, under qemu-img's name. */
async function ours(args: readonly string[], folder: string): Promise<ProgramResult> {
  const { code, stdout, stderr } = await runQcow2(['check', ...args], folder);
  return { code, stdout, stderr: stderr.replaceAll(/^qcow2: (?!Image is|Marking)/gm, 'qemu-img: ') };
}

/** QEMU forgets the end of the line after a hint. */
const hint = "run 'qemu-img check -r' on the image file to fix.";

async function theirs(args: readonly string[], folder: string): Promise<ProgramResult> {
  const { code, stdout, stderr } = await runProgram('qemu-img', ['check', ...args], folder);
  return { code, stdout, stderr: stderr.replace(hint, `${hint}\n`) };
}

describe('qcow2 check says what qemu-img check says', function () {
  this.timeout(120_000);

  it('of every image that qemu-img makes', async () => {
    for (const { path, name, options } of await interopImages()) {
      const [folder, file] = [dirname(path), basename(path)];
      for (const output of ['human', 'json']) {
        const args = [`--output=${output}`, ...options, file];
        const [mine, qemus] = [await ours(args, folder), await theirs(args, folder)];
        if (qemus.stderr.includes('Could not open backing file')) {
          // Ours opens nothing but the image: a backing file says nothing of its tables.
          assert.equal(mine.code, 0, name);
        } else if (qemus.stderr.includes('is required for cipher')) {
          // The tables are not encrypted: ours needs no pass phrase.
          const opened = `driver=qcow2,encrypt.key-secret=s,file.filename=${file}`;
          const secret = ['--object', 'secret,id=s,data=qcow2', '--image-opts', opened];
          assert.equal(mine.code, 0, name);
          assert.equal((await ours([file], folder)).stdout, (await theirs(secret, folder)).stdout, name);
        } else {
          assert.deepEqual(mine, qemus, name);
        }
      }
    }
  });

  for (const [index, { name, options = [] }] of brokenImages.entries()) {
    it(`of a broken one: ${name}`, async () => {
      const path = (await brokenImageFiles())[index]?.path ?? '';
      const args = [...options, basename(path)];
      assert.deepEqual(await ours(args, dirname(path)), await theirs(args, dirname(path)));
    });
  }
});
