import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** Starts a qemu-io that has the image open for writing, and waits until it has. */
async function hold(image: string): Promise<ChildProcess> {
  const holder = spawn('qemu-io', ['-f', 'qcow2', image], { stdio: ['pipe', 'pipe', 'inherit'] });
  // Its prompt comes when the image is open.
  await once(holder.stdout ?? holder, 'data');
  return holder;
}

// A difference on purpose: qemu-img refuses to look at an image that a VM writes unless it is told `-U`. Looking never
// takes a lock here, and the person with a hanging VM needs the answer; `-U` is taken and changes nothing.
describe('an image that a running QEMU holds', function () {
  this.timeout(60_000);
  let folder: string;
  let image: string;
  let holder: ChildProcess;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-locks-'));
    image = join(folder, 'held.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', image, '64M']);
    holder = await hold(image);
  });

  after(async () => {
    holder.stdin?.end('quit\n');
    await once(holder, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  for (const verb of ['info', 'map']) {
    it(`is read by ${verb} as qemu-img -U reads it, where qemu-img alone refuses`, async () => {
      const refused = await runProgram('qemu-img', [verb, image]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /Failed to get shared "write" lock/);
      const theirs = await runProgram('qemu-img', [verb, '-U', image]);
      assert.equal(theirs.code, 0);
      for (const share of [[], ['-U']]) {
        const ours = await runQcow2([verb, ...share, image]);
        assert.deepEqual(ours, theirs);
      }
    });
  }

  it('is said to be written meanwhile where errors are found in it, or a copy is made', async () => {
    const warning =
      /^qcow2: warning: qemu-io \(pid \d+\) has .*held\.qcow2 open for writing\. What was read may be half/m;
    const copies = [
      ['salvage', image, join(folder, 'disk.raw')],
      ['metadata-copy', image, join(folder, 'metadata')],
      ['diff', image, image],
    ];
    for (const words of copies) {
      const { code, stderr } = await runQcow2(words);
      assert.equal(code, 0, words[0]);
      assert.match(stderr, warning, words[0]);
    }
    assert.equal((await runQcow2(['check', image])).stderr, '', 'nothing is wrong');
    // The L1 table's refcount is 0, as if QEMU had not written it yet.
    const file = await open(image, 'r+');
    await file.write(Buffer.from([0, 0]), 0, 2, 2 * 65536 + 2 * 3);
    await file.close();
    for (const more of [[], ['-U'], ['--findings'], ['-q']]) {
      const { code, stderr } = await runQcow2(['check', ...more, image]);
      assert.equal(code, 2);
      assert.match(stderr, warning, more[0]);
    }
  });
});
