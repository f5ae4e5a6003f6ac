import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** What can't be done, with the options of the image. */
const refusals: readonly (readonly [what: string, options: string, args: readonly string[]])[] = [
  ['a backing file for a raw data file', 'data_file=d,data_file_raw=on', ['-b', 'x', '-F', 'raw']],
  ['a name of 1024 bytes', 'cluster_size=64k', ['-b', 'n'.repeat(1024), '-F', 'raw']],
  ['a name for which there is no room', 'cluster_size=512', ['-b', 'n'.repeat(450), '-F', 'raw']],
  ['a name without a format', 'cluster_size=64k', ['-b', 'x']],
  ['a format that there is not', 'cluster_size=64k', ['-b', 'x', '-F', 'bogus']],
  ['a cache mode that there is not', 'cluster_size=64k', ['-t', 'bogus', '-b', 'x', '-F', 'bogus']],
  ['a cache mode of the source that there is not', 'cluster_size=64k', ['-T', 'bogus', '-b', 'x', '-F', 'raw']],
];

describe('qcow2 rebase -u says what qemu-img rebase -u says', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-rebase-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [what, options, args] of refusals) {
    it(`refuses ${what}`, async () => {
      await qemuImg(['create', '-q', '-f', 'qcow2', '-o', options, 'disk', '1M'], folder);
      const { code, stderr } = await runQcow2(['rebase', '-u', ...args, 'disk'], folder);
      const qemus = await runProgram('qemu-img', ['rebase', '-u', ...args, 'disk'], folder);
      assert.equal(code, 1);
      // Ours says more after the first line.
      const [first] = stderr.split('\n');
      assert.deepEqual([code, first], [qemus.code, qemus.stderr.trimEnd().replace('qemu-img: ', 'qcow2: ')]);
    });
  }

  it('looks at the format once the image is open', async () => {
    await qemuImg(['create', '-q', '-f', 'raw', 'raw', '1M'], folder);
    for (const args of [
      ['-b', 'x', '-F', 'bogus', 'none'],
      ['-b', 'x', 'none'],
      ['-b', 'x', '-f', 'raw', 'raw'],
      ['-b', 'x', '-F', 'bogus', '-f', 'raw', 'raw'],
    ]) {
      const { code, stderr } = await runQcow2(['rebase', '-u', ...args], folder);
      const qemus = await runProgram('qemu-img', ['rebase', '-u', ...args], folder);
      assert.deepEqual([code, stderr.replace(/^qcow2: /m, 'qemu-img: ')], [qemus.code, qemus.stderr], args.join(' '));
    }
  });

  it('refuses where neither a backing file is named nor -u is given', async () => {
    await qemuImg(['create', '-q', '-f', 'qcow2', 'disk', '1M'], folder);
    const { code, stderr } = await runQcow2(['rebase', 'disk'], folder);
    const qemus = await runProgram('qemu-img', ['rebase', 'disk'], folder);
    assert.deepEqual([code, stderr.replaceAll('qcow2', 'qemu-img')], [qemus.code, qemus.stderr]);
  });

  it('refuses a raw image, with a warning where nobody says that it is one', async () => {
    await qemuImg(['create', '-q', '-f', 'raw', 'raw', '1M'], folder);
    for (const args of [['raw'], ['-f', 'raw', 'raw'], ['-b', 'x', '-F', 'raw', 'raw']]) {
      const { code, stderr } = await runQcow2(['rebase', '-u', ...args], folder);
      const qemus = await runProgram('qemu-img', ['rebase', '-u', ...args], folder);
      assert.deepEqual([code, stderr.replace(/^qcow2: /m, 'qemu-img: ')], [qemus.code, qemus.stderr]);
    }
  });

  it('with -p, how far it is: 100 % when it is done, and not where it has not begun', async () => {
    await qemuImg(['create', '-q', '-f', 'qcow2', 'disk', '1M'], folder);
    for (const args of [
      ['-p', '-T', 'none', '-t', 'unsafe', '-b', 'x', '-F', 'raw'],
      ['-p', '-T', 'bogus', '-b', 'x', '-F', 'raw'],
    ]) {
      const { stdout } = await runQcow2(['rebase', '-u', ...args, 'disk'], folder);
      assert.equal(stdout, (await runProgram('qemu-img', ['rebase', '-u', ...args, 'disk'], folder)).stdout);
    }
  });
});
