import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openToChange } from '../../src/platform/changeFile.ts';
import type { FileLock } from '../../src/platform/native.ts';
import { runCli } from '../cli/runCli.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

describe('an image that is changed', function () {
  this.timeout(60_000);
  let folder: string;
  let image: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-change-'));
    image = join(folder, 'image.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', image, '64M']);
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  it('is held by QEMU’s own locks meanwhile, so that nobody opens it, but with -U', async () => {
    const file = await openToChange(image);
    assert.ok(file.locked);
    for (const args of [[image], ['-r', image]]) {
      const { code, stderr } = await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'quit', ...args]);
      assert.equal(code, 1);
      assert.match(stderr, /Failed to get (shared )?"write" lock/);
    }
    const shared = await runProgram('qemu-io', ['-f', 'qcow2', '-r', '-U', '-c', 'quit', image]);
    assert.equal(shared.code, 0, shared.stderr);
    await assert.rejects(openToChange(image), /has .* open\. Nothing was written/);
    await file.close();
    const { code, stderr } = await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'quit', image]);
    assert.equal(code, 0, stderr);
  });

  it('is not changed while a qemu-io has it open, for writing or for reading', async () => {
    for (const mode of [[], ['-r']]) {
      const holder = await hold(image, mode);
      const before = readFileSync(image);
      const { code, err } = runCli(['rebase', '-u', '-b', 'other', '-F', 'raw', image]);
      assert.equal(code, 1);
      assert.match(
        err,
        /^qcow2: Could not open '.*': Failed to get "write" lock\nIs another process using the image \[/,
      );
      assert.match(err, new RegExp(`qemu-io \\(pid ${holder.pid}\\) has .* open`));
      assert.deepEqual(readFileSync(image), before);
      holder.stdin?.end('quit\n');
      await once(holder, 'exit');
    }
  });

  it('has a plan shown with a warning while a qemu-io writes to it', async () => {
    const holder = await hold(image, []);
    const { code, out, err } = runCli(['resize', '--dry-run', image, '128M']);
    assert.equal(code, 0, err);
    assert.match(out, /Resize from 64 MiB to 128 MiB/);
    assert.match(
      err,
      new RegExp(`^qcow2: warning: qemu-io \\(pid ${holder.pid}\\) has .* open for writing\\. What was read`),
    );
    holder.stdin?.end('quit\n');
    await once(holder, 'exit');
  });

  // qemu-img empties them where they are open as raw.
  it('is not overwritten while a qemu-io has it open, be it as the data file of another', async () => {
    const holder = await hold(image, []);
    const before = readFileSync(image);
    for (const args of [
      ['-f', 'raw', image],
      ['-f', 'qcow2', image],
      ['-f', 'qcow2', '-o', `data_file=${image}`, join(folder, 'other')],
    ]) {
      const { code, err } = runCli(['create', '-q', ...args, '1M']);
      assert.deepEqual([code, err.includes('Failed to get "write" lock')], [1, true], err);
      assert.deepEqual(readFileSync(image), before);
    }
    holder.stdin?.end('quit\n');
    await once(holder, 'exit');
  });

  it('is not changed by a build that has no locks either, as long as it is seen who has it open', async () => {
    const holder = await hold(image, []);
    const none: FileLock = { share: () => 'unavailable', isHeldByOthers: () => false };
    await assert.rejects(openToChange(image, none), /qemu-io \(pid \d+\) has .* open/);
    holder.stdin?.end('quit\n');
    await once(holder, 'exit');
    const file = await openToChange(image, none);
    assert.equal(file.locked, false);
    await file.close();
  });
});

async function hold(image: string, mode: readonly string[]): Promise<ChildProcess> {
  const holder = spawn('qemu-io', ['-f', 'qcow2', ...mode, image], { stdio: ['pipe', 'pipe', 'inherit'] });
  // Its prompt comes when the image is open.
  await once(holder.stdout ?? holder, 'data');
  return holder;
}
