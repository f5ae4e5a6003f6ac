import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { sampleFolder } from '../support/sampleFolder.ts';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { type Session, startSession } from '../support/vscode/session.ts';
import { untilPainted } from '../support/vscode/view.ts';
import { openWindow, type Window } from '../support/vscode/window.ts';

describe('Going from place to place in a VS Code window', function () {
  this.timeout(300_000);
  let session: Session;
  let window: Window;
  let image: string;

  before(async () => {
    const folder = join(temporaryFolder('places'), 'workspace');
    mkdirSync(folder);
    image = join(folder, "it's.qcow2");
    copyFileSync(join(await sampleFolder(() => {}), 'v3.qcow2'), image);
    session = await startSession();
    window = await openWindow(session, folder);
  });
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => assert.deepEqual(window.problems(), []));
  after(() => session?.stop());

  const title = (view: Frame) => view.locator('.inspector-title');

  it('goes to an offset by Ctrl+G, and back and forward by Alt and the arrows', async () => {
    const view = await window.open(image, 'header');
    await view.locator('[data-field=size]').click();
    await window.page.keyboard.press('Control+g');
    await view.locator('#go-to-text:focus').waitFor();
    await window.page.keyboard.type('host cluster 0');
    await window.page.keyboard.press('Enter');
    await title(view).getByText('Host cluster 0').waitFor();
    await window.page.keyboard.press('Alt+ArrowLeft');
    await title(view).getByText('size', { exact: true }).waitFor();
    await window.page.keyboard.press('Alt+ArrowRight');
    await title(view).getByText('Host cluster 0').waitFor();
  });

  it('goes there by the command palette’s command too, with the focus in the text', async () => {
    const view = await window.open(image, 'header');
    await window.execute('qcow2.inspector.goTo');
    await view.locator('#go-to-text:focus').waitFor();
    await view.locator('#go-to-text').fill('L1[0]');
    await view.locator('#go-to-text').press('Enter');
    await title(view).getByText('L1[0]').waitFor();
  });

  it('finds the place again after the window is reloaded, with its history', async () => {
    const view = await window.open(image, 'header');
    await view.locator('[data-field=version]').click();
    await view.locator('[data-field=size]').click();
    await window.reload();
    const [again] = await untilPainted(window.page, 1);
    assert.ok(again);
    await title(again).getByText('size', { exact: true }).waitFor();
    await window.execute('qcow2.inspector.back');
    await title(again).getByText('version', { exact: true }).waitFor();
  });

  it('shows the image as JSON, in a document that can’t be edited', async () => {
    await window.open(image, 'header');
    await window.execute('qcow2.inspector.showJson');
    const editor = window.page.locator('.monaco-editor .view-lines');
    await editor.getByText('dump-version').waitFor();
    await window.page.locator('.tab').getByText("it's.qcow2.json").waitFor();
    await editor.click();
    await window.page.keyboard.type('x');
    await window.page.getByText('Cannot edit in read-only editor').first().waitFor();
  });
});
