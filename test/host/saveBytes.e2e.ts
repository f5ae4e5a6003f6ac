import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../support/sampleFolder.ts';
import { quickInput } from '../support/vscode/quickInput.ts';
import { until } from '../support/vscode/within.ts';
import { type SharedWindow, sharedWindow } from './windows.ts';

describe('Save Bytes… in a VS Code window', function () {
  this.timeout(180_000);
  let folder: string;
  let window: SharedWindow;

  // Each time anew: in a window in which the image is open already, no editor is opened.
  beforeEach(async () => {
    folder = await sampleFolder(() => {});
    window = await sharedWindow();
  });

  it('asks for a file and writes the selected bytes to it, and nothing else', async () => {
    const image = join(folder, 'v3.qcow2');
    const saved = join(folder, 'saved.bin');
    rmSync(saved, { force: true });
    const before = readdirSync(folder);
    const view = await window.open(image, 'hex');
    await view.locator('#byte-4').click();
    await view.getByText('header.version').first().waitFor();
    await view.getByRole('button', { name: 'Save Bytes…' }).click();
    await quickInput(window.page).place('v3.qcow2.host-0x4.bin', saved);
    await until(() => (existsSync(saved) ? true : undefined), 'the file is there');
    assert.deepEqual(readFileSync(saved), readFileSync(image).subarray(4, 8));
    rmSync(saved);
    assert.deepEqual(readdirSync(folder), before);
    assert.deepEqual(window.problems(), []);
  });
});
