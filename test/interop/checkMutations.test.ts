import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BaseFile, baseFiles, loadBase } from '../fuzz/base.ts';
import { metadataPlaces } from '../fuzz/metadata.ts';
import { mutate } from '../fuzz/mutation.ts';
import type { ProgramResult } from '../support/programs.ts';
import { random } from '../support/random.ts';
import { everything } from '../support/sampled.ts';
import { writeStorage } from '../support/writeImage.ts';
import { checkedByQemu, checkedByUs } from './checkRuns.ts';

const count = Number(process.env.QCOW2_CHECKS ?? (everything ? 2000 : 60));
const seed = Number(process.env.QCOW2_SEED ?? 1);

/** Those that qemu-img can't open by themselves, mutated or not. */
const others = ['LUKS', 'external data file', 'backing file in another folder'];

/** Where the two differ on purpose, or QEMU answers by chance: by what QEMU says. */
const differences: readonly (readonly [says: RegExp, why: string])[] = [
  [/Could not open backing file|Could not open '.*': Could not open/, 'ours opens nothing but the image'],
  [/is required for cipher|Failed to get|encrypt/, 'ours needs no pass phrase: the tables are not encrypted'],
  [/Cannot allocate memory|Could not allocate/, 'QEMU takes memory for the references at once'],
];

/**
 * Where a cluster is referred to more often than its refcount can count, QEMU says so as it comes to it; ours, which reads
 * the tables in another order, elsewhere.
 */
function inAnyOrder(result: ProgramResult): ProgramResult {
  const isOverflow = result.stderr.includes('overflow cluster');
  return isOverflow ? { ...result, stderr: result.stderr.split('\n').sort().join('\n') } : result;
}

describe('qcow2 check of a damaged image', function () {
  this.timeout(everything ? 0 : 300_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-check-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('says what qemu-img check says, whatever is damaged', async () => {
    const bases = (await baseFiles()).filter(({ name }) => !others.includes(name));
    const wrong: string[] = [];
    for (let index = 0; index < count; index++) {
      const numbers = random(seed * 100_003 + index);
      const base = numbers.pick(bases as [BaseFile, ...BaseFile[]]);
      const storage = await loadBase(base);
      const done = mutate(storage, metadataPlaces(storage), numbers);
      // Longer than a file of the system's may be.
      if (storage.size >= 2n ** 43n) continue;
      writeStorage(storage, join(folder, 'disk.qcow2'));
      const args = ['-f', 'qcow2', 'disk.qcow2'];
      const theirs = inAnyOrder(await checkedByQemu(args, folder));
      const mine = inAnyOrder(await checkedByUs(args, folder));
      const excused = differences.some(([says]) => says.test(theirs.stderr)) || theirs.code > 128;
      if (!excused) {
        try {
          assert.deepEqual(mine, theirs);
        } catch (error) {
          wrong.push(`${index}: ${base.name}, ${done.join(', ')}: ${error instanceof Error ? error.message : ''}`);
        }
      }
    }
    assert.equal(wrong.join('\n\n'), '');
  });
});
