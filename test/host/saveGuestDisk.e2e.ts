import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copied, ImageBuilder } from '../support/builder.ts';
import { quickInput } from '../support/vscode/quickInput.ts';
import { until } from '../support/vscode/within.ts';
import { folderIn, type SharedWindow, sharedWindow } from './windows.ts';

describe('Save Guest Disk As… in a VS Code window', function () {
  this.timeout(180_000);
  let folder: string;
  let window: SharedWindow;

  before(async () => {
    window = await sharedWindow();
    folder = folderIn(window, 'guest-disk');
  });

  it('saves what there is of a broken image, and shows the list of what is missing', async () => {
    const image = join(folder, 'broken.qcow2');
    const saved = join(folder, 'saved.raw');
    const builder = new ImageBuilder();
    builder
      .l1(0, copied | builder.at(4))
      .entry(4, 0, copied | builder.at(5))
      .entry(4, 1, copied | (builder.at(5) + 512n))
      .put(builder.at(5), 'data of the guest');
    const bytes = builder.truncate(builder.at(6)).toBytes();
    writeFileSync(image, bytes);
    const asked = window.execute('qcow2.inspector.saveGuestDisk', { file: image });
    await quickInput(window.page).place('broken.raw', saved);
    await until(() => (existsSync(`${saved}.missing.json`) ? true : undefined), 'the list is there');
    assert.equal(readFileSync(saved).toString('utf8', 0, 17), 'data of the guest');
    assert.equal(readFileSync(saved).length, 1 << 20);
    assert(readFileSync(image).equals(bytes), 'the image was written');
    const told = window.page.locator('.notification-toast', { hasText: '65536 bytes in 1 range are missing' });
    await told.getByRole('button', { name: 'Show Missing Ranges' }).click();
    await window.page.locator('.view-lines', { hasText: 'l2-entry-unaligned' }).waitFor();
    await asked;
    assert.deepEqual(window.problems(), []);
  });

  it('asks for no place for a disk that can’t be saved', async () => {
    const image = join(folder, 'encrypted.qcow2');
    writeFileSync(image, new ImageBuilder({ crypt_method: 1 }).toBytes());
    const asked = window.execute('qcow2.inspector.saveGuestDisk', { file: image });
    await window.page.locator('.notification-toast', { hasText: 'encrypted.qcow2 is encrypted' }).waitFor();
    assert.equal(await window.page.locator('.quick-input-widget').isVisible(), false);
    await window.execute('notifications.clearAll');
    await asked;
    assert.deepEqual(window.problems(), []);
  });
});
