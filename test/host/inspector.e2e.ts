import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { cacheFolder } from '../support/cache.ts';
import { sampleFolder } from '../support/sampleFolder.ts';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { openFiles } from '../support/vscode/openFiles.ts';
import { takePicture } from '../support/vscode/picture.ts';
import { shownPane, showPane, untilPainted } from '../support/vscode/view.ts';
import { type Theme, themes } from '../support/vscode/window.ts';
import { until } from '../support/vscode/within.ts';
import { type SharedWindow, sharedWindow } from './windows.ts';

describe('The inspector in a VS Code window', function () {
  this.timeout(180_000);
  let folder: string;
  let window: SharedWindow;

  before(async () => {
    folder = await sampleFolder(() => {});
    window = await sharedWindow();
  });
  after(() => window.setTheme('dark'));
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => assert.deepEqual(window.problems(), []));

  it('shows the header of a version 2 image, which ends after 72 bytes', async () => {
    const text = await textOf(await window.open(join(folder, 'v2.qcow2'), 'header'));
    assert.match(text, /\bversion\b.*\b2\b/s);
    assert.match(text, /snapshots_offset/);
  });

  it('shows the header of a version 3 image', async () => {
    const text = await textOf(await window.open(join(folder, 'v3.qcow2'), 'header'));
    for (const field of ['magic', 'l1_table_offset', 'incompatible_features', 'refcount_order', 'header_length']) {
      assert.ok(text.includes(field), `${field} in:\n${text}`);
    }
  });

  it('shows what a broken image still has, and why QEMU refuses it', async () => {
    const view = await window.open(join(folder, 'broken-l1-offset.qcow2'), 'overview');
    assert.match(await textOf(view), /QEMU refuses:.*L1/);
    await showPane(view, 'header');
    assert.match(await textOf(view), /l1_table_offset/);
  });

  it('shows the map of a disk of 1 TiB', async () => {
    const view = await window.open(join(folder, 'preallocated-1-TiB.qcow2'), 'overview');
    assert.match(await textOf(view), /1\sTiB/);
    await showPane(view, 'map');
    assert.equal(await shownPane(view), 'map');
  });

  it('says of a file of another format what it is', async () => {
    assert.match(await textOf(await window.open(join(folder, 'other-vmdk.qcow2'), 'overview')), /VMDK/);
  });

  it('opens any file by the command "Open with Qcow2 Inspector"', async () => {
    const file = join(temporaryFolder('image'), 'disk.img');
    copyFileSync(join(folder, 'v3.qcow2'), file);
    await window.execute('qcow2.inspector.open', { file });
    const [view] = await untilPainted(window.page, 1);
    assert.ok(view);
    assert.match(await textOf(view), /disk\.img/);
  });

  it('has an image open once for two editors, read-only, and no longer when both are closed', async () => {
    const image = join(folder, 'snapshots.qcow2');
    await window.open(image);
    await window.execute('workbench.action.splitEditor');
    await untilPainted(window.page, 2);
    const open = openFiles(window.server, image);
    assert.deepEqual(
      open.map(({ writable }) => writable),
      [false],
    );
    await window.execute('workbench.action.closeAllEditors');
    const closed = () => openFiles(window.server, image).length === 0 || undefined;
    await until(closed, 'the image is closed a few seconds after its last editor');
  });

  for (const [index, theme] of (Object.keys(themes) as Theme[]).entries()) {
    const pane = ['overview', 'header', 'map'][index % 3] ?? '';
    it(`can be pictured: ${pane}, ${theme}`, async () => {
      await window.setTheme(theme);
      await takePicture(window, join(folder, 'v3.qcow2'), pane, join(cacheFolder, `pictures/${pane}-${theme}.png`));
    });
  }
});

/** All that can be read in a view. */
function textOf(view: Frame): Promise<string> {
  return view.locator('body').innerText();
}
