import assert from 'node:assert/strict';
import { basename, dirname } from 'node:path';
import { brokenImageFiles, brokenImages } from '../support/brokenImages.ts';
import { interopImages } from '../support/interopImages.ts';
import { sampled } from '../support/sampled.ts';
import { checkedByQemu, checkedByUs } from './checkRuns.ts';

describe('qcow2 check says what qemu-img check says', function () {
  this.timeout(120_000);

  it('of every image that qemu-img makes', async () => {
    for (const { path, name, options } of sampled(await interopImages(), 30)) {
      const [folder, file] = [dirname(path), basename(path)];
      for (const output of ['human', 'json']) {
        const args = [`--output=${output}`, ...options, file];
        const [mine, qemus] = [await checkedByUs(args, folder), await checkedByQemu(args, folder)];
        if (qemus.stderr.includes('Could not open backing file')) {
          // Ours opens nothing but the image: a backing file says nothing of its tables.
          assert.equal(mine.code, 0, name);
        } else if (qemus.stderr.includes('is required for cipher')) {
          // The tables are not encrypted: ours needs no pass phrase.
          const opened = `driver=qcow2,encrypt.key-secret=s,file.filename=${file}`;
          const secret = ['--object', 'secret,id=s,data=qcow2', '--image-opts', opened];
          assert.equal(mine.code, 0, name);
          assert.equal((await checkedByUs([file], folder)).stdout, (await checkedByQemu(secret, folder)).stdout, name);
        } else {
          assert.deepEqual(mine, qemus, name);
        }
      }
    }
  });

  for (const [index, { name, options = [] }] of sampled([...brokenImages.entries()], 40)) {
    it(`of a broken one: ${name}`, async () => {
      const path = (await brokenImageFiles())[index]?.path ?? '';
      const args = [...options, basename(path)];
      assert.deepEqual(await checkedByUs(args, dirname(path)), await checkedByQemu(args, dirname(path)));
    });
  }
});
