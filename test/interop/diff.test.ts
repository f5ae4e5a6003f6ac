import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

describe('diff', function () {
  this.timeout(60_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-diff-'));
    await qemuImg(['create', '-q', '-f', 'qcow2', 'a', '4M'], folder);
    await runProgram('qemu-io', ['-c', 'write -P 1 0 128k', 'a'], folder);
    await qemuImg(['snapshot', '-c', 'first', 'a'], folder);
    await copyFile(join(folder, 'a'), join(folder, 'b'));
    await runProgram('qemu-io', ['-c', 'write -P 2 64k 64k', '-c', 'write -z 1M 64k', 'b'], folder);
    await qemuImg(['bitmap', '--add', 'b', 'days'], folder);
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('says that a copy, and a copy of the metadata without the guest’s data, are the same', async () => {
    await copyFile(join(folder, 'a'), join(folder, 'copy'));
    const { code, stdout } = await runQcow2(['diff', 'a', 'copy'], folder);
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'A: a\nB: copy\n\nThe metadata is the same.\n' });
    assert.equal((await runQcow2(['metadata-copy', 'b', 'bare'], folder)).code, 0);
    assert.equal((await runQcow2(['diff', 'b', 'bare'], folder)).code, 0);
  });

  it('tells what the guest has written and qemu-img has added, and exits with 2', async () => {
    const { code, stdout, stderr } = await runQcow2(['diff', 'a', 'b'], folder);
    assert.deepEqual({ code, stderr }, { code: 2, stderr: '' });
    assert.match(stdout, /\nFeatures\n {2}autoclear bit 0 \(bitmaps\): not set \| set\n/);
    assert.match(stdout, /\nHeader extensions\n {2}0x23852875: \(none\) \| 00000001/);
    assert.match(stdout, /\nL1 tables\n {2}L1\[0\]: 0x0000\w+ \| 0x8000\w+\n/);
    assert.match(stdout, / {2}guest 0x10000…0x1ffff: data at 0x\w+ \| data at 0x\w+, copied\n/);
    assert.match(stdout, / {2}guest 0x100000…0x10ffff: unallocated \| zero\n/);
    assert.doesNotMatch(stdout, /guest 0x0…/);
    assert.doesNotMatch(stdout, /snapshot 1/);
    assert.match(stdout, /\nBitmaps\n {2}bitmap days: \(none\) \| days\n/);
    assert.match(stdout, /\n\d+ differences, A \| B\n$/);
  });

  it('takes the names that qemu-img takes, as dump and metadata-copy do', async () => {
    await copyFile(join(folder, 'a'), join(folder, 'odd:name'));
    for (const verb of [
      ['diff', 'file:a', './odd:name'],
      ['dump', 'file:odd:name'],
      ['metadata-copy', 'file:odd:name', 'from odd'],
    ]) {
      assert.equal((await runQcow2(verb, folder)).code, 0, verb.join(' '));
    }
    const { code, stderr } = await runQcow2(['dump', 'json:{}'], folder);
    assert.equal(code, 1);
    assert.match(stderr, /^qcow2: Could not open 'json:\{\}': 'json:' is not supported/);
  });

  it('tells of an image that is not there as such where a change is to be rolled back', async () => {
    const { code, stderr } = await runQcow2(['recover', 'nothing'], folder);
    assert.equal(code, 1);
    assert.match(stderr, /^qcow2: Can't find nothing: ENOENT\. There is no such file\./);
  });

  it('tells the same to programs', async () => {
    const { code, stdout } = await runQcow2(['diff', '--output=json', 'a', 'b'], folder);
    assert.equal(code, 2);
    const said = JSON.parse(stdout);
    assert.deepEqual([said.a, said.b, said.same, said['tables-compared']], ['a', 'b', false, true]);
    assert.equal(said['difference-count'], said.differences.length);
    const zeros = said.differences.find(({ b }: { b?: { kind?: string } }) => b?.kind === 'zero');
    assert.deepEqual(zeros, {
      section: 'l2',
      place: 'guest',
      guest: { start: 1048576, length: 65536 },
      count: 1,
      a: { kind: 'unallocated', copied: false, raw: '0000000000000000' },
      b: { kind: 'zero', copied: false, raw: '0000000000000001' },
    });
    const same = JSON.parse((await runQcow2(['diff', '--output=json', 'a', 'a'], folder)).stdout);
    assert.deepEqual(same, {
      a: 'a',
      b: 'a',
      differences: [],
      'difference-count': 0,
      'tables-compared': true,
      same: true,
    });
  });

  it('fails with 1 for a file that is no qcow2 image, is not there, or is missing on the command line', async () => {
    await writeFile(join(folder, 'text'), 'not an image');
    const text = await runQcow2(['diff', 'a', 'text'], folder);
    assert.deepEqual([text.code, text.stdout], [1, '']);
    assert.match(text.stderr, /^qcow2: text: .*: there is no metadata to be compared\.\n$/);
    assert.equal((await runQcow2(['diff', 'a', 'nothing'], folder)).code, 1);
    assert.match((await runQcow2(['diff', 'a'], folder)).stderr, /Expecting two image file names/);
  });
});
