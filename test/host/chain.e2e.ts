import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { panes } from '../../webview/state.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { openFiles } from '../support/vscode/openFiles.ts';
import type { Session } from '../support/vscode/session.ts';
import { newView, showPane, untilPainted } from '../support/vscode/view.ts';
import { openWindow, type Window } from '../support/vscode/window.ts';
import { until } from '../support/vscode/within.ts';
import { emptyFolder, restricted, sharedSession } from './windows.ts';

describe('The backing chain in VS Code, first in Restricted Mode', function () {
  this.timeout(300_000);
  let session: Session;
  let window: Window;
  let top: string;
  let base: string;

  before(async () => {
    const folder = emptyFolder();
    [top, base] = [join(folder, 'top.qcow2'), join(folder, 'base.qcow2')];
    const image = new ImageBuilder();
    image.l1(0, copied | image.at(4)).entry(4, 3, copied | image.at(5));
    writeFileSync(base, image.refcount(4, 1).refcount(5, 1).truncate(image.at(6)).toBytes());
    writeFileSync(top, new ImageBuilder().backing('base.qcow2', 'qcow2').toBytes());
    session = await sharedSession();
    window = await openWindow(session, folder, {
      settings: { ...restricted, 'security.workspace.trust.emptyWindow': false },
    });
  });
  after(() => window?.close());
  afterEach(() => assert.deepEqual(window.problems(), []));

  const handlesOnBase = (): number => openFiles(session.server, base).length;

  it('is named, and can’t be opened', async () => {
    const view = await window.open(top, 'chain');
    assert.ok(await window.page.getByText('Restricted Mode').first().isVisible());
    const text = await view.locator('.pane').innerText();
    assert.match(text, /base\.qcow2/);
    assert.match(text, /Restricted Mode: no file that an image names is opened/);
    const button = view.locator('vscode-button', { hasText: 'Open backing chain…' });
    assert.equal(await button.getAttribute('disabled'), '');
    await button.click({ force: true });
    assert.equal(await view.getByText('Close backing chain').count(), 0);
    assert.equal(handlesOnBase(), 0);
  });

  it('is the only thing that Restricted Mode leaves out: every pane shows the image, and opens nothing else', async () => {
    const [view] = await untilPainted(window.page, 1);
    assert.ok(view);
    for (const pane of panes) {
      await showPane(view, pane);
      assert.equal(await view.locator('.pane .failure').count(), 0, pane);
      assert.equal(handlesOnBase(), 0, pane);
    }
    assert.deepEqual(
      openFiles(session.server, top).map(({ writable }) => writable),
      [false],
    );
  });

  it('can be opened once the user trusts the folder, each file in a tab of its own, and is closed with the image', async () => {
    await window.execute('workbench.action.closeAllEditors');
    let view = await window.open(top, 'chain');
    await window.execute('workbench.trust.manage');
    await window.page.getByRole('button', { name: 'Trust', exact: true }).click();
    // The trust editor has hidden the image's tab: its page is a new one.
    await window.execute('workbench.action.closeActiveEditor');
    [view] = (await untilPainted(window.page, 1)) as [typeof view];
    const button = view.locator('vscode-button:not([disabled])', { hasText: 'Open backing chain…' });
    await button.waitFor();
    assert.equal(handlesOnBase(), 0);
    await button.click();
    await view.getByText('Close backing chain').waitFor();
    assert.equal(handlesOnBase(), 1);
    const before = new Set(window.page.frames());
    await view.getByText('Open in its own tab').click();
    const opened = await newView(window.page, before);
    assert.match(await opened.locator('.strip').innerText(), /base\.qcow2/);
    await window.execute('workbench.action.closeActiveEditor');
    [view] = (await untilPainted(window.page, 1)) as [typeof view];
    await view.getByText('Close backing chain').waitFor();
    await window.execute('workbench.action.closeAllEditors');
    await until(() => handlesOnBase() === 0 || undefined, 'the backing file is closed with the image');
    view = await window.open(top, 'chain');
    await view.getByText('Open backing chain…').waitFor();
    assert.equal(handlesOnBase(), 0);
  });
});
