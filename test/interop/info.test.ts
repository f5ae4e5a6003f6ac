import assert from 'node:assert/strict';
import { brokenImageFiles } from '../support/brokenImages.ts';
import { runQcow2 } from '../support/command.ts';
import { interopImages } from '../support/interopImages.ts';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';
import { infoDifferences } from './differences.ts';

const outputs = [['--output=human'], ['--output=json'], ['--output=json', '--backing-chain']] as const;

/** Both programs' answers, ours under qemu-img's name. */
async function answers(folder: string, args: readonly string[]): Promise<{ ours: unknown; theirs: unknown }> {
  const [ours, theirs] = await Promise.all([runQcow2(args, folder), runProgram('qemu-img', args, folder)]);
  // QEMU leaves out the last line's end after some warnings.
  const stderr = ours.stderr.replaceAll(/^qcow2: /gm, 'qemu-img: ').trimEnd();
  return { ours: { ...ours, stderr }, theirs: { ...theirs, stderr: theirs.stderr.trimEnd() } };
}

describe('qcow2 info answers as qemu-img info, to the byte', function () {
  this.timeout(120_000);

  for (const [seed, output] of outputs.entries()) {
    it(`with ${output.join(' ')}, on images that qemu-img made`, async () => {
      const wrong: unknown[] = [];
      for (const { name, path, folder, options } of sampled(await interopImages(), 20, everything, seed)) {
        const { ours, theirs } = await answers(folder, ['info', ...output, ...options, path]);
        if (!isEqual(ours, theirs) && !infoDifferences.has(name)) {
          wrong.push({ name, ours, theirs });
        }
      }
      assert.deepEqual(wrong, []);
    });
  }

  it('on broken images too, with the same message and exit status', async () => {
    const wrong: unknown[] = [];
    for (const { name, path } of await brokenImageFiles()) {
      const { ours, theirs } = await answers('.', ['info', '-f', 'qcow2', path]);
      if (!isEqual(ours, theirs) && !infoDifferences.has(name)) {
        wrong.push({ name, ours, theirs });
      }
    }
    assert.deepEqual(wrong, []);
  });
});

function isEqual(ours: unknown, theirs: unknown): boolean {
  return JSON.stringify(ours) === JSON.stringify(theirs);
}
