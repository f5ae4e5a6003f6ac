import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { sampleFolder } from '../support/sampleFolder.ts';
import { folderIn, type SharedWindow, sharedWindow } from './windows.ts';

describe('Going from place to place in a VS Code window', function () {
  this.timeout(300_000);
  let window: SharedWindow;
  let image: string;

  before(async () => {
    window = await sharedWindow();
    image = join(folderIn(window, 'places'), "it's.qcow2");
    copyFileSync(join(await sampleFolder(() => {}), 'v3.qcow2'), image);
  });
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => assert.deepEqual(window.problems(), []));

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

  it('goes there and back by the command palette’s commands too, with the focus in the text', async () => {
    const view = await window.open(image, 'header');
    await view.locator('[data-field=version]').click();
    await window.execute('qcow2.inspector.goTo');
    await view.locator('#go-to-text:focus').waitFor();
    await view.locator('#go-to-text').fill('L1[0]');
    await view.locator('#go-to-text').press('Enter');
    await title(view).getByText('L1[0]').waitFor();
    await window.execute('qcow2.inspector.back');
    await title(view).getByText('version', { exact: true }).waitFor();
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
