import assert from 'node:assert/strict';
import { sampleFolder } from '../support/sampleFolder.ts';
import { packedExtension } from '../support/vscode/packedExtension.ts';
import { type Session, startSession } from '../support/vscode/session.ts';
import { shownPane, untilPainted } from '../support/vscode/view.ts';
import { openWindow, type Window } from '../support/vscode/window.ts';

describe('The installed VSIX, in Restricted Mode', function () {
  this.timeout(180_000);
  let session: Session;
  let window: Window;

  before(async () => {
    session = await startSession({
      extension: await packedExtension(),
      settings: { 'security.workspace.trust.enabled': true, 'security.workspace.trust.startupPrompt': 'never' },
    });
    window = await openWindow(session, await sampleFolder(() => {}));
  });
  after(() => session?.stop());

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
