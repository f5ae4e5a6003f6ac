import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { alone } from '../support/corpus/corpus.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { writeStorage } from '../support/writeImage.ts';
import { checkedByQemu, checkedByUs } from './checkRuns.ts';

describe('An image of the corpus', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-corpus-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  for (const one of sampled(alone(), 24)) {
    it(`is to qemu-img what it is to us, and in order after a repair: ${one.name}`, async () => {
      const path = join(folder, 'disk.qcow2');
      writeStorage(one.build(), path);
      const args = ['-f', 'qcow2', 'disk.qcow2'];
      assert.deepEqual(await checkedByUs(args, folder), await checkedByQemu(args, folder));
      // What is kept the first time, since it may be lost data, is free when it is not missed.
      for (let round = 0; round < 2; round++) {
        await runQcow2(['repair', '-q', path]);
      }
      const { code, stdout, stderr } = await runProgram('qemu-img', ['check', path]);
      assert.equal(code, 0, stdout + stderr);
      await qemuImg(['convert', '-f', 'qcow2', '-O', 'raw', path, join(folder, 'disk.raw')]);
    });
  }
});
