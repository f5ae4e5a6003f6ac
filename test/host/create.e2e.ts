import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { difference } from '../interop/sameFile.ts';
import { qemuImg } from '../support/qemu.ts';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { type QuickInput, quickInput } from '../support/vscode/quickInput.ts';
import { type Session, startSession } from '../support/vscode/session.ts';
import { untilPainted } from '../support/vscode/view.ts';
import { openWindow, type Window } from '../support/vscode/window.ts';

describe('Create qcow2, in a window of VS Code', function () {
  this.timeout(180_000);
  let folder: string;
  let session: Session;
  let window: Window;
  let input: QuickInput;

  before(async () => {
    session = await startSession();
    folder = join(temporaryFolder('create'), 'workspace');
    mkdirSync(folder);
    window = await openWindow(session, folder);
    input = quickInput(window.page);
  });

  after(() => session?.stop());

  it('asks for size, options and place, makes the image that qemu-img makes, and opens it', async () => {
    const made = join(folder, 'made.qcow2');
    await input.palette('Create qcow2 (compat 1.1)');
    await input.enter('Create qcow2 (compat 1.1)', 'nonsense');
    await window.page.locator('.quick-input-message', { hasText: 'A number of bytes' }).waitFor();
    await input.enter('Create qcow2 (compat 1.1)', '3G');
    await input.choose('Cluster size');
    await input.choose('128K');
    await input.choose('Lazy refcounts');
    await input.choose('on');
    await input.choose('Create');
    await input.place('disk.qcow2', made);
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
    await input.enter('Create qcow2 (compat 0.10)', '1M');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Preallocation' }).waitFor();
    assert.equal(await window.page.locator('.monaco-list-row', { hasText: 'Lazy refcounts' }).count(), 0);
    await window.page.keyboard.press('Escape');
    await asked;
    assert.ok(!existsSync(join(folder, 'disk.qcow2')));
  });
});
