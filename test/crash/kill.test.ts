import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runCli } from '../cli/runCli.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { random } from '../support/random.ts';

const cli = resolve('dist/cli.js');
/** Kills at so many moments. */
const kills = process.env.QCOW2_CRASH === 'all' ? 500 : 12;

describe('the command line, killed while it changes an image', function () {
  this.timeout(120_000);
  let folder: string;
  let image: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-kill-'));
    image = join(folder, 'image.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=4k', join(folder, 'before.qcow2'), '64M']);
  });

  after(() => rmSync(folder, { recursive: true }));

  it('leaves the old image or the new one, and recover gives the old one back to the byte', async () => {
    const { below } = random(7);
    const before = readFileSync(join(folder, 'before.qcow2'));
    const seen = { old: 0, changed: 0 };
    for (let tries = 0; tries < kills; tries++) {
      copyFileSync(join(folder, 'before.qcow2'), image);
      rmSync(`${image}.undo-journal`, { force: true });
      await killedAfter(25 + below(60), ['rebase', '-u', '-b', 'another', '-F', 'raw', '--keep-undo', image]);
      const check = await runProgram('qemu-img', ['check', '-q', '-f', 'qcow2', image]);
      assert.equal(check.code, 0, check.stdout + check.stderr);
      const recovered = runCli(['recover', image]);
      if (recovered.code !== 0) {
        // The change was complete: it can be undone.
        assert.equal(runCli(['undo', image]).code, 0, recovered.err);
        seen.changed++;
      } else {
        seen.old++;
      }
      assert.ok(!existsSync(`${image}.undo-journal`));
      assert.deepEqual(readFileSync(image), before);
    }
    assert.ok(seen.old > 0, JSON.stringify(seen));
  });
});

/** Starts the command and kills it (SIGKILL) after so many milliseconds, if it still runs. */
async function killedAfter(milliseconds: number, args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'ignore' });
  const killer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  await once(child, 'exit');
  clearTimeout(killer);
}
