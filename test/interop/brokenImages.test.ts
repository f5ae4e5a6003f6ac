import assert from 'node:assert/strict';
import { brokenImageFiles, brokenImages } from '../support/brokenImages.ts';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';

describe('what qemu-img says of broken images', function () {
  this.timeout(60_000);
  let paths: readonly string[] = [];

  before(async () => {
    paths = (await brokenImageFiles()).map(({ path }) => path);
  });

  const chosen = sampled([...brokenImages.entries()], 40, everything, 3);
  for (const [index, { name, refused, crashes, options = [] }] of chosen) {
    it(`${name}: ${refused ?? (crashes ? 'qemu-img crashes' : 'opens')}`, async () => {
      const path = paths[index] ?? '';
      const { code, stderr } = await runProgram('qemu-img', ['info', ...options, path]);
      assert.equal(code, refused === undefined ? (crashes ? 139 : 0) : 1);
      if (refused !== undefined) {
        assert.equal(stderr, `qemu-img: Could not open '${path}': ${refused}\n`);
      }
    });
  }
});
