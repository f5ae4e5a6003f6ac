import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../support/qemu.ts';
import { sampleFiles } from '../support/sampleRecipes.ts';
import { makeSamples, unpackFallback } from '../support/samples.ts';

describe('the sample images', function () {
  this.timeout(120_000);
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-samples-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are made by qemu-img, and opened by it unless they are broken or of another format', async () => {
    const { images, madeByQemu } = await makeSamples(folder);
    assert.ok(madeByQemu);
    assert.deepEqual((await readdir(folder)).sort(), sampleFiles(false).sort());
    for (const name of images.filter((image) => !/^(broken|other)/.test(image))) {
      const { code, stderr } = await runProgram('qemu-img', ['info', '-f', 'qcow2', join(folder, name)]);
      assert.deepEqual({ name, code, stderr }, { name, code: 0, stderr: '' });
    }
  });

  it('that are kept in the repository are a dozen, and unpack to images that qemu-img knows', async () => {
    const images = await unpackFallback(folder);
    assert.deepEqual((await readdir(folder)).sort(), sampleFiles(true).sort());
    assert.ok(images.length >= 12);
    const { code } = await runProgram('qemu-img', ['map', join(folder, 'chain-top.qcow2')]);
    assert.equal(code, 0);
  });
});
