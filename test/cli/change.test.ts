import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changeFile } from '../../src/cli/change.ts';
import { outputTo, ReaderGone } from '../../src/cli/output.ts';
import { Draft } from '../../src/engine/change/draft.ts';
import { ImageBuilder } from '../support/builder.ts';
import { runQcow2 } from '../support/command.ts';
import { writeImage } from '../support/writeImage.ts';

describe('A change of a file', () => {
  it('is not begun, and leaves no journal behind, where it can’t be told to anybody', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-change-'));
    try {
      const path = join(folder, 'disk.qcow2');
      writeImage(new ImageBuilder(), path);
      const before = readFileSync(path);
      const changed = changeFile(
        path,
        path,
        { dryRun: 'no', keepUndo: false, journal: undefined },
        outputTo(1),
        async (storage, from) => {
          const draft = new Draft(storage);
          await draft.write('data', 0n, Uint8Array.of(1));
          await draft.endStep('Write');
          return draft.changeSet('Change', from);
        },
        { begun: () => Promise.reject(new ReaderGone()) },
      );
      await assert.rejects(changed, ReaderGone);
      assert.ok(readFileSync(path).equals(before));
      assert.deepEqual(readdirSync(folder), ['disk.qcow2']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has its journal nowhere where something else is, and leaves that and the image as they are', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-change-'));
    try {
      writeImage(new ImageBuilder(), join(folder, 'disk'));
      linkSync(join(folder, 'disk'), join(folder, 'link'));
      writeFileSync(join(folder, 'other'), 'other');
      writeFileSync(join(folder, 'free.new'), 'other');
      mkdirSync(join(folder, 'folder'));
      const names = readdirSync(folder);
      const before = readFileSync(join(folder, 'disk'));
      for (const place of ['disk', './disk', 'link', 'other', 'folder']) {
        const { code, stderr } = await runQcow2(['resize', '--journal', place, 'disk', '2M'], folder);
        assert.deepEqual([code, /would be lost|is no file/.test(stderr)], [1, true], stderr);
        assert.deepEqual(readdirSync(folder), names);
        assert.deepEqual(readFileSync(join(folder, 'disk')), before);
      }
      const { code, stderr } = await runQcow2(
        ['resize', '-q', '--keep-undo', '--journal', 'free', 'disk', '2M'],
        folder,
      );
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal((await runQcow2(['undo', '-q', '--journal', 'free', 'disk'], folder)).code, 0);
      assert.deepEqual(readdirSync(folder), names);
      assert.deepEqual(readFileSync(join(folder, 'disk')), before);
      assert.equal(String(readFileSync(join(folder, 'other'))), 'other');
      // Such as mktemp makes; but not where the image is empty itself.
      writeFileSync(join(folder, 'empty'), '');
      const onEmpty = (image: string) =>
        runQcow2(['resize', '-q', '-f', 'raw', '--journal', 'empty', image, '1M'], folder);
      assert.match((await onEmpty('empty')).stderr, /that is the image itself, and would be lost/);
      assert.equal((await onEmpty('other')).code, 0);
      assert.equal(String(readFileSync(join(folder, 'free.new'))), 'other');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is refused in qemu-img’s words where the file may not be written, and so is opening it to do nothing', async function () {
    if (process.platform === 'win32') {
      this.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-change-'));
    try {
      const path = join(folder, 'disk.qcow2');
      writeImage(new ImageBuilder(), path);
      chmodSync(folder, 0o755);
      chmodSync(path, 0o444);
      for (const args of [
        ['resize', 'disk.qcow2', '2M'],
        ['snapshot', '-c', 'one', 'disk.qcow2'],
        ['snapshot', 'disk.qcow2'],
        ['bitmap', '--add', 'disk.qcow2', 'one'],
        ['rebase', '-u', '-b', 'x', '-F', 'raw', 'disk.qcow2'],
        ['amend', '-o', 'compat=v2', 'disk.qcow2'],
      ]) {
        const { code, stderr } = await asNobody(() => runQcow2(args, folder));
        const said = "qcow2: Could not open 'disk.qcow2': Could not open 'disk.qcow2': Permission denied\n";
        assert.deepEqual([code, stderr], [1, said], args.join(' '));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Does the work without root's rights, which are to write everything. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) {
    return work();
  }
  process.seteuid?.(65534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}
