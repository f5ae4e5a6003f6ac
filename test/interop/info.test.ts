import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenImageFiles, withBitmap } from '../support/brokenImages.ts';
import { runQcow2 } from '../support/command.ts';
import { interopImages } from '../support/interopImages.ts';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';
import { writeImage } from '../support/writeImage.ts';
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

  it('warns of bitmaps before it refuses a feature that is not known, since QEMU has read the extensions for its name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-info-'));
    try {
      const stale = withBitmap(1, 0, 32n, 6n * 65536n, 0).header({ incompatible_features: 1n << 63n });
      writeImage(stale, join(folder, 'stale.qcow2'));
      writeImage(
        withBitmap(0, 1, 32n, 6n * 65536n, 0).header({ incompatible_features: 1n << 63n }),
        join(folder, 'bad.qcow2'),
      );
      for (const name of ['stale.qcow2', 'bad.qcow2']) {
        const { ours, theirs } = await answers(folder, ['info', '-f', 'qcow2', name]);
        assert.equal(lines(ours), lines(theirs));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function isEqual(ours: unknown, theirs: unknown): boolean {
  return JSON.stringify(ours) === JSON.stringify(theirs);
}

/** QEMU leaves out the end of the line after its hint. */
function lines(answer: unknown): string {
  return JSON.stringify(answer).replace('to fix.qemu-img', 'to fix.\\nqemu-img');
}
