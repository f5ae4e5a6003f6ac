import assert from 'node:assert/strict';
import { shownPane, untilPainted } from '../support/vscode/view.ts';
import { restrictedWindow, type SharedWindow } from './windows.ts';

describe('The installed VSIX, in Restricted Mode', function () {
  this.timeout(180_000);
  let window: SharedWindow;

  before(async () => {
    window = await restrictedWindow();
  });

  it('opens an image by a double click in the Explorer', async () => {
    await window.execute('workbench.view.explorer');
    const { page } = window;
    await page.getByRole('treeitem', { name: 'v3.qcow2', exact: false }).dblclick();
    const [view] = await untilPainted(page, 1);
    assert.ok(view);
    assert.equal(await shownPane(view), 'overview');
    assert.match(await view.locator('body').innerText(), /64\sMiB/);
    assert.ok(await page.getByText('Restricted Mode').first().isVisible());
    assert.deepEqual(window.problems(), []);
  });
});
