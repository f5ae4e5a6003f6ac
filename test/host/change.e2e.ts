import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { locksOn } from '../../src/platform/locks.ts';
import { ImageBuilder } from '../support/builder.ts';
import { qemuImg } from '../support/qemu.ts';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { type QuickInput, quickInput } from '../support/vscode/quickInput.ts';
import { untilPainted } from '../support/vscode/view.ts';
import { until } from '../support/vscode/within.ts';
import { folderIn, restrictedWindow, type SharedWindow, sharedWindow } from './windows.ts';

const sum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const compatOf = async (path: string): Promise<string> =>
  JSON.parse(await qemuImg(['info', '--output=json', path]))['format-specific'].data.compat;

describe('changing an image, in a window of VS Code', function () {
  this.timeout(300_000);
  let folder: string;
  let window: SharedWindow;
  let input: QuickInput;
  const running: ChildProcess[] = [];

  before(async () => {
    window = await sharedWindow();
    folder = folderIn(window, 'change');
    input = quickInput(window.page);
  });
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => {
    for (const child of running.splice(0)) {
      child.kill();
    }
    assert.deepEqual(window.problems(), []);
  });

  /** Waits until the preview is at a stage, and gives its page. */
  const preview = (stage: string): Promise<Frame> =>
    until(async () => {
      for (const frame of window.page.frames()) {
        const found = await frame.evaluate(() => document.body?.dataset.stage).catch(() => undefined);
        if (found === stage) {
          return frame;
        }
      }
      return undefined;
    }, `the preview is ${stage}`);
  const words = async (view: Frame): Promise<string> =>
    (await view.locator('body').innerText()).replaceAll(/\s+/g, ' ');
  const click = (view: Frame, name: string) => view.locator('vscode-button', { hasText: name }).click();

  /** The process that has the image locked since it applies a change, once it stands still. */
  const stoppedChanger = (path: string): Promise<number> =>
    until(async () => {
      const locks = await locksOn(path)();
      const [first] = locks.state === 'held' ? locks.holders : [];
      // The state of a process follows its name, which is in brackets (proc(5)).
      const stopped = first && /\) T /.test(readFileSync(`/proc/${first.pid}/stat`, 'utf8'));
      return stopped ? first.pid : undefined;
    }, 'the process that applies the change is stopped');

  /** Plans to write 512 MiB behind the disk of a new image, which takes its time. Gives the image's path. */
  const planMuch = async (name: string): Promise<string> => {
    const path = join(folder, name);
    await qemuImg(['create', '-q', '-f', 'qcow2', path, '64M']);
    const asked = window.execute('qcow2.inspector.resize', { file: path });
    await input.enter('Resize', '+512M');
    await input.choose('full');
    await asked;
    return path;
  };

  it('makes one by the palette, opens it, upgrades it with a preview, and undoes that to the byte', async () => {
    const path = join(folder, 'made.qcow2');
    await input.palette('Create qcow2 (compat 0.10)');
    await input.enter('Create qcow2 (compat 0.10)', '64M');
    await input.choose('Create');
    await input.place('disk.qcow2', path);
    const [editor] = await untilPainted(window.page, 1);
    assert.ok(editor);
    assert.match(await words(editor), /compat 0\.10/);
    const before = sum(path);

    await input.palette('Qcow2 Inspector: Upgrade to compat 1.1…');
    const planned = await preview('planned');
    assert.match(await words(planned), /version 2 → 3/);
    assert.match(await words(planned), /Locks QEMU’s taken while it is applied/);
    assert.equal(sum(path), before, 'nothing is written before Apply');
    await click(planned, 'Apply');
    const done = await preview('done');
    assert.equal(await compatOf(path), '1.1');
    assert.ok(existsSync(`${path}.undo-journal`));

    await click(done, 'Undo…');
    const undo = await preview('planned');
    assert.match(await words(undo), /version 3 → 2/);
    await click(undo, 'Roll Back');
    await preview('done');
    assert.equal(sum(path), before);
    assert.ok(!existsSync(`${path}.undo-journal`));
  });

  it('shows the changed image at once in the editors that have it open, and undoes by the command', async () => {
    const path = join(folder, 'open.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'compat=0.10', path, '64M']);
    const before = sum(path);
    await window.open(path);
    await window.execute('qcow2.inspector.upgrade', { file: path });
    await click(await preview('planned'), 'Apply');
    await click(await preview('done'), 'Close');
    const says = async (compat: RegExp): Promise<Frame> =>
      until(async () => {
        for (const frame of window.page.frames()) {
          if (
            compat.test(
              await frame
                .locator('.strip')
                .innerText({ timeout: 100 })
                .catch(() => ''),
            )
          ) {
            return frame;
          }
        }
        return undefined;
      }, `the editor says ${compat}`);
    await says(/compat\s1\.1/);
    await input.palette('Qcow2 Inspector: Undo Last Change…');
    await click(await preview('planned'), 'Roll Back');
    await click(await preview('done'), 'Close');
    const editor = await says(/compat\s0\.10/);
    await editor.waitForFunction(() => document.hasFocus());
    assert.equal(sum(path), before);
  });

  it('asks for a snapshot’s name, takes it, and goes back to it', async () => {
    const path = join(folder, 'snapshots.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', path, '64M']);
    const asked = window.execute('qcow2.inspector.snapshots', { file: path });
    await window.page.locator('.monaco-list-row.focused', { hasText: 'Create a snapshot…' }).waitFor();
    await window.page.keyboard.press('Enter');
    await input.enter('Create Snapshot');
    await window.page.locator('.quick-input-message', { hasText: 'type one' }).waitFor();
    await input.enter('Create Snapshot', 'before the update');
    await asked;
    await click(await preview('planned'), 'Apply');
    await click(await preview('done'), 'Close');
    assert.match(await qemuImg(['snapshot', '-l', path]), /before the update/);
    const again = window.execute('qcow2.inspector.snapshots', { file: path });
    await input.choose('before the update');
    await input.choose('Apply…');
    await again;
    assert.match(await words(await preview('planned')), /Apply snapshot/);
  });

  it('refuses to apply while a QEMU has the image open', async () => {
    const path = join(folder, 'held.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'compat=0.10', path, '64M']);
    const before = sum(path);
    await window.execute('qcow2.inspector.upgrade', { file: path });
    const planned = await preview('planned');
    const child = spawn('qemu-io', [path], { stdio: ['pipe', 'pipe', 'inherit'] });
    running.push(child);
    child.stdin.write('length\n');
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await click(planned, 'Apply');
    const refused = await preview('failed');
    assert.match(
      await words(refused),
      new RegExp(`qemu-io \\(pid ${child.pid}\\) has .* open.*The image is as it was`),
    );
    assert.equal(sum(path), before);
    await click(refused, 'Plan It Again');
    assert.match(await words(await preview('planned')), /qemu-io .* It can’t be applied now/);
  });

  it('keeps QEMU from the image while it applies, and rolls back what is cancelled', async () => {
    const path = await planMuch('cancelled.qcow2');
    const before = sum(path);
    const page = await preview('planned');
    const applying = page.waitForFunction(() => document.body.dataset.stage === 'applying');
    // It stands still as soon as its journal is complete, so that there is time to look.
    const stopping = window.execute('qcow2-test.signal', 'SIGSTOP', `${path}.undo-journal`);
    await click(page, 'Apply');
    await applying;
    const pid = await stoppedChanger(path);
    try {
      const { status, stderr } = spawnSync('qemu-io', ['-c', 'quit', path], { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(stderr, /Failed to get ("write"|shared "write") lock/);
      await click(page, 'Cancel');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await stopping;
    const cancelled = await preview('failed');
    assert.match(await words(cancelled), /Cancelled\. What was written has been rolled back: the image is as it was\./);
    assert.equal(sum(path), before);
    assert.ok(!existsSync(`${path}.undo-journal`));
  });

  it('tells of a change that was interrupted, rolls it back, and plans it again', async () => {
    const path = await planMuch('killed.qcow2');
    const before = sum(path);
    const change = await preview('planned');
    // Killed as soon as its journal is complete: a moment later the change may be.
    await Promise.all([window.restartExtensionHost(`${path}.undo-journal`), click(change, 'Apply')]);
    await window.execute('workbench.action.closeAllEditors');
    const editor = await window.open(path);
    await editor.locator('.notice', { hasText: 'A change of this image was interrupted' }).waitFor();
    await editor.getByRole('button', { name: 'Roll Back…' }).click();
    const planned = await preview('planned');
    assert.match(await words(planned), /Roll back the interrupted “/);
    await click(planned, 'Roll Back');
    const done = await preview('done');
    assert.equal(sum(path), before);
    await click(done, 'Plan It Again…');
    assert.match(await words(await preview('planned')), /Resize from 64 MiB to 576 MiB/);
  });

  it('says while a size is typed what it would be, and refuses at once one that can’t be', async () => {
    const path = join(folder, 'typed.qcow2');
    writeFileSync(path, new ImageBuilder({ size: 1 << 30 }).toBytes());
    const asked = window.execute('qcow2.inspector.resize', { file: path });
    const typed = window.page.locator('.quick-input-widget input[type=text]');
    const told = window.page.locator('.quick-input-widget');
    await window.page.locator('.quick-input-title', { hasText: 'Resize' }).waitFor();
    await typed.fill('1');
    await told.getByText('512 bytes: 1 GiB less than now').first().waitFor();
    await typed.fill('+8E');
    await told.getByText('The disk can’t be that large').first().waitFor();
    await typed.press('Enter');
    assert.ok(await typed.isVisible());
    await typed.press('Escape');
    await asked;
  });

  it('asks nothing of a file that is no qcow2 image', async () => {
    for (const command of ['resize', 'rebase', 'snapshots', 'bitmaps']) {
      const path = join(folder, `${command}.qcow2`);
      writeFileSync(path, '');
      const asked = window.execute(`qcow2.inspector.${command}`, { file: path });
      const told = `${command}.qcow2 can’t be read: The file is empty, and there is nothing to change. QEMU refuses it`;
      await window.page.getByText(told).first().waitFor();
      assert.equal(await window.page.locator('.quick-input-widget').isVisible(), false);
      await window.execute('notifications.clearAll');
      await asked;
    }
  });

  it('changes no image of a virtual file system', async () => {
    const path = join(folder, 'virtual.qcow2');
    writeFileSync(path, new ImageBuilder().toBytes());
    const asked = window.execute('qcow2.inspector.upgrade', { uri: `qcow2-test:${path}` });
    await window.page.getByText('is in a virtual file system: it is shown, and can’t').first().waitFor();
    await window.execute('notifications.clearAll');
    await asked;
  });

  it('says of an image that was deleted while it is open that it is gone, not that nothing is to be repaired', async () => {
    const path = join(folder, 'deleted.qcow2');
    writeFileSync(path, new ImageBuilder().toBytes());
    await window.open(path);
    await untilPainted(window.page, 1);
    rmSync(path);
    const asked = window.execute('qcow2.inspector.repair', { file: path });
    await window.page.locator('.notification-toast', { hasText: 'There is no such file' }).waitFor();
    await window.execute('notifications.clearAll');
    await asked;
  });
});

describe('changing an image in Restricted Mode', function () {
  this.timeout(180_000);
  let folder: string;
  let window: SharedWindow;

  before(async () => {
    window = await restrictedWindow();
    folder = temporaryFolder('untrusted');
  });

  it('is refused, with the way out', async () => {
    const path = join(folder, 'disk.qcow2');
    writeFileSync(path, new ImageBuilder().toBytes());
    const before = sum(path);
    const asked = window.execute('qcow2.inspector.upgrade', { file: path });
    await window.page.getByText('In Restricted Mode no image is changed.').first().waitFor();
    assert.ok(await window.page.getByRole('button', { name: 'Manage Workspace Trust' }).first().isVisible());
    await window.execute('notifications.clearAll');
    await asked;
    assert.equal(sum(path), before);
    assert.deepEqual(window.problems(), []);
  });

  it('offers no file to base a new image on, but the way out', async () => {
    const input = quickInput(window.page);
    const asked = window.execute('qcow2.inspector.createCompat11');
    await input.enter('Create qcow2 (compat 1.1)');
    await input.choose('Backing file');
    const rows = window.page.locator('.quick-input-list .monaco-list-row');
    await rows.filter({ hasText: 'In Restricted Mode no file is opened as a backing file.' }).waitFor();
    assert.equal(await rows.count(), 2);
    assert.match(await rows.first().innerText(), /^none/);
    await window.page.keyboard.press('Escape');
    await rows.filter({ hasText: 'Encryption' }).waitFor();
    await window.page.keyboard.press('Escape');
    await asked;
    assert.deepEqual(window.problems(), []);
  });
});
