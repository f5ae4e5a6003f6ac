import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { difference } from '../interop/sameFile.ts';
import { qemuImg } from '../support/qemu.ts';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { type Session, startSession } from '../support/vscode/session.ts';
import { untilPainted } from '../support/vscode/view.ts';
import { openWindow, type Window } from '../support/vscode/window.ts';
import { until } from '../support/vscode/within.ts';

describe('Create qcow2, in a window of VS Code', function () {
  this.timeout(180_000);
  let folder: string;
  let session: Session;
  let window: Window;

  before(async () => {
    session = await startSession();
    folder = join(temporaryFolder('create'), 'workspace');
    mkdirSync(folder);
    window = await openWindow(session, folder);
  });

  after(() => session?.stop());

  /** Types into the quick input once it has the title. */
  const enter = async (title: string, text?: string): Promise<void> => {
    await window.page.locator('.quick-input-title', { hasText: title }).waitFor();
    if (text !== undefined) {
      await window.page.locator('.quick-input-widget input[type=text]').fill(text);
    }
    await window.page.keyboard.press('Enter');
  };

  /** Chooses a row of the quick pick. */
  const choose = (row: string): Promise<void> =>
    window.page.locator('.quick-input-list .monaco-list-row', { hasText: row }).first().click();

  const place = async (path: string): Promise<void> => {
    const input = window.page.locator('.quick-input-widget input[type=text]');
    await until(
      async () => ((await input.inputValue()).endsWith('disk.qcow2') ? true : undefined),
      'a place is proposed',
    );
    await input.fill(path);
    await window.page.waitForTimeout(1000);
    await input.press('Enter');
  };

  it('asks for size, options and place, makes the image that qemu-img makes, and opens it', async () => {
    const made = join(folder, 'made.qcow2');
    await window.execute('workbench.action.showCommands');
    const palette = window.page.locator('.quick-input-widget input[type=text]');
    await palette.fill('>Create qcow2 (compat 1.1)');
    await window.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    await window.page.keyboard.press('Enter');
    await enter('Create qcow2 (compat 1.1)', 'nonsense');
    await window.page.locator('.quick-input-message', { hasText: 'A number of bytes' }).waitFor();
    await enter('Create qcow2 (compat 1.1)', '3G');
    await choose('Cluster size');
    await choose('128K');
    await choose('Lazy refcounts');
    await choose('on');
    await choose('Create');
    await place(made);
    const [view] = await untilPainted(window.page, 1);
    assert.match((await view?.locator('.strip').innerText()) ?? '', /3\sGiB/);
    const theirs = join(folder, 'theirs.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=128k,lazy_refcounts=on', theirs, '3G']);
    assert.equal(await difference(made, theirs), undefined);
    assert.deepEqual(readdirSync(folder).sort(), ['made.qcow2', 'theirs.qcow2']);
    assert.deepEqual(window.problems(), []);
  });

  it('makes nothing when it is given up', async () => {
    await window.execute('workbench.action.closeAllEditors');
    const asked = window.execute('qcow2.inspector.createCompat010');
    await enter('Create qcow2 (compat 0.10)', '1M');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Preallocation' }).waitFor();
    assert.equal(await window.page.locator('.monaco-list-row', { hasText: 'Lazy refcounts' }).count(), 0);
    await window.page.keyboard.press('Escape');
    await asked;
    assert.ok(!existsSync(join(folder, 'disk.qcow2')));
  });
});
