import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { random } from '../support/random.ts';

const cli = resolve('dist/cli.js');
const all = process.env.QCOW2_CRASH === 'all';
/** Kills at so many moments. */
const kills = all ? 500 : 12;

describe('the command line, killed while it changes an image', function () {
  this.timeout(all ? 0 : 120_000);
  let folder: string;
  let image: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-kill-'));
    image = join(folder, 'image.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=4k', join(folder, 'before.qcow2'), '64M']);
    writeFileSync(join(folder, 'another'), new Uint8Array(65536));
  });

  after(() => rmSync(folder, { recursive: true }));

  it('leaves the old image or the new one, and recover gives the old one back to the byte', async () => {
    const { below } = random(7);
    const before = readFileSync(join(folder, 'before.qcow2'));
    const journal = `${image}.undo-journal`;
    const seen = { untouched: 0, interrupted: 0, changed: 0 };
    for (let tries = 0; tries < kills; tries++) {
      copyFileSync(join(folder, 'before.qcow2'), image);
      const change = ['rebase', '-u', '-b', 'another', '-F', 'raw', '--keep-undo', image];
      // Every fourth time at any moment, else while it writes.
      await (tries % 4 === 0 ? killedAfter(below(300), change) : killedAtJournal(journal, below(6), change));
      const check = await runProgram('qemu-img', ['check', '-q', '-f', 'qcow2', image]);
      assert.equal(check.code, 0, check.stdout + check.stderr);
      const hadJournal = existsSync(journal);
      const recovered = await runQcow2(['recover', image]);
      if (recovered.code !== 0) {
        // The change was complete: it can be undone.
        assert.equal((await runQcow2(['undo', image])).code, 0, recovered.stderr);
        seen.changed++;
      } else if (hadJournal) {
        seen.interrupted++;
      } else {
        seen.untouched++;
      }
      assert.ok(!existsSync(journal));
      assert.deepEqual(readFileSync(image), before);
    }
    assert.ok(seen.interrupted > 0, JSON.stringify(seen));
    assert.ok(!all || (seen.untouched > 0 && seen.changed > 0), JSON.stringify(seen));
  });
});

/** Starts the command and kills it (SIGKILL) after so many milliseconds, if it still runs. */
async function killedAfter(milliseconds: number, args: readonly string[]): Promise<void> {
  const child = start(args);
  const killer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  await once(child, 'exit');
  clearTimeout(killer);
}

/** Starts the command and kills it so many milliseconds after its journal has its name, if it still runs. */
async function killedAtJournal(journal: string, milliseconds: number, args: readonly string[]): Promise<void> {
  const watcher = watch(dirname(journal));
  const child = start(args);
  let killer: ReturnType<typeof setTimeout> | undefined;
  watcher.on('change', (_, name) => {
    if (name === basename(journal)) {
      killer ??= setTimeout(() => child.kill('SIGKILL'), milliseconds);
    }
  });
  await once(child, 'exit');
  watcher.close();
  clearTimeout(killer);
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...args], { stdio: 'ignore' });
}
