import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** Makes a file a block device; undefined where one may not (nobody but root may, and not in every container). */
function attachLoop(path: string): string | undefined {
  try {
    return execFileSync('losetup', ['-f', '--show', path], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

/** Whether this system lets us make block devices: test/engine/change/device.test.ts has what is tried everywhere. */
function hasLoops(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'qcow2-loop-'));
  const path = join(folder, 'file');
  writeFileSync(path, Buffer.alloc(2 ** 20));
  const device = attachLoop(path);
  if (device !== undefined) {
    execFileSync('losetup', ['-d', device]);
  }
  rmSync(folder, { recursive: true });
  return device !== undefined;
}

if (hasLoops()) {
  describe('an image on a block device', function () {
    this.timeout(60_000);
    const bytes = 4 * 2 ** 20;
    let folder: string;
    let file: string;
    let device: string;

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'qcow2-device-'));
      file = join(folder, 'file');
      writeFileSync(file, '');
      truncateSync(file, bytes);
      device = attachLoop(file) ?? '';
      await qemuImg(['create', '-q', '-f', 'qcow2', device, '16M']);
      const { stdout } = await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 5 0 1M', device]);
      assert.doesNotMatch(stdout, /failed/);
    });

    afterEach(() => {
      execFileSync('losetup', ['-d', device]);
      rmSync(folder, { recursive: true });
    });

    const journal = (): string[] => ['--journal', join(folder, 'journal')];
    const requireGood = async (): Promise<void> => {
      const { code, stdout, stderr } = await runProgram('qemu-img', ['check', '-f', 'qcow2', device]);
      assert.equal(code, 0, stdout + stderr);
      const read = await runProgram('qemu-io', ['-f', 'qcow2', '-r', '-c', 'read -P 5 0 1M', device]);
      assert.doesNotMatch(read.stdout, /failed/);
    };

    it('is not changed without a place for its journal', async () => {
      const before = readFileSync(device);
      const { code, stderr } = await runQcow2(['amend', '-o', 'refcount_bits=8', device]);
      assert.equal(code, 1);
      assert.match(stderr, /rollback journal at .*: the image is a device\. .*--journal FILE/);
      assert.ok(readFileSync(device).equals(before));
      assert.ok(!existsSync(`${device}.undo-journal`));
    });

    it('is not repaired without one either, and nothing is told of it', async () => {
      // No refcount block: they must be built anew.
      const fd = openSync(device, 'r+');
      writeSync(fd, new Uint8Array(8), 0, 8, 65536);
      closeSync(fd);
      const before = readFileSync(device);
      const { code, stdout, stderr } = await runQcow2(['check', '-r', 'all', device]);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^qcow2: [^\n]*rollback journal at .*: the image is a device\. [^\n]*\n$/);
      assert.ok(readFileSync(device).equals(before));
      const repaired = await runQcow2(['check', '-r', 'all', ...journal(), device]);
      assert.match(repaired.stderr, /Rebuilding refcount structure/);
      await requireGood();
    });

    it('is changed as a file is, with a journal elsewhere', async () => {
      for (const command of [
        ['snapshot', '-c', 'one'],
        ['amend', '-o', 'refcount_bits=8,lazy_refcounts=on'],
        ['bitmap', '--add'],
        ['snapshot', '-d', 'one'],
        ['resize', '--shrink'],
      ]) {
        const operands = { bitmap: [device, 'map'], resize: [device, '1M'] }[command[0] ?? ''] ?? [device];
        const { code, stderr } = await runQcow2([...command, ...journal(), ...operands]);
        assert.deepEqual([code, stderr], [0, ''], command.join(' '));
        await requireGood();
      }
      assert.equal(readFileSync(device).length, bytes);
    });

    it('is undone to the byte', async () => {
      const before = readFileSync(device);
      const done = await runQcow2(['resize', '--shrink', '--keep-undo', ...journal(), device, '512k']);
      assert.deepEqual([done.code, done.stderr], [0, '']);
      assert.ok(!readFileSync(device).equals(before));
      const undone = await runQcow2(['undo', ...journal(), device]);
      assert.deepEqual([undone.code, undone.stderr], [0, '']);
      assert.ok(readFileSync(device).equals(before));
    });

    it('is refused what does not fit, with the numbers', async () => {
      const before = readFileSync(device);
      for (const dryRun of [['--dry-run'], []]) {
        const grown = await runQcow2(['resize', '--preallocation=full', ...dryRun, ...journal(), device, '32M']);
        assert.equal(grown.code, 1);
        assert.match(grown.stderr, /No space left on device: the image needs .* MiB, and the device has 4 MiB\./);
      }
      assert.ok(readFileSync(device).equals(before));
    });

    it('grows where nothing of it needs room', async () => {
      const { code, stderr } = await runQcow2(['resize', ...journal(), device, '1G']);
      assert.deepEqual([code, stderr], [0, '']);
      await requireGood();
    });
  });
}
