import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { withSnapshot } from '../support/brokenImages.ts';
import { copied } from '../support/builder.ts';
import { quickInput } from '../support/vscode/quickInput.ts';
import { showPane } from '../support/vscode/view.ts';
import { until } from '../support/vscode/within.ts';
import { folderIn, type SharedWindow, sharedWindow } from './windows.ts';

const sum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('checking and repairing an image, in a window of VS Code', function () {
  this.timeout(300_000);
  let folder: string;
  let window: SharedWindow;

  before(async () => {
    window = await sharedWindow();
    folder = folderIn(window, 'check');
  });
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => assert.deepEqual(window.problems(), []));

  /** Writes an image with an entry that leads into the middle of a cluster, and a leak. */
  function write(name: string): string {
    const path = join(folder, name);
    const image = withSnapshot();
    image.entry(4, 3, copied | (image.at(5) + 512n)).refcount(8, 1);
    writeFileSync(path, image.truncate(image.at(9)).toBytes());
    return path;
  }

  /** Waits until a page of ours is at a stage of a change. */
  const preview = (stage: string): Promise<Frame> =>
    until(async () => {
      for (const frame of window.page.frames()) {
        const found = await frame.evaluate(() => document.body?.dataset.stage).catch(() => undefined);
        if (found === stage) {
          return frame;
        }
      }
      return undefined;
    }, `the preview is ${stage}`);
  const click = (view: Frame, name: string) => view.locator('vscode-button', { hasText: name }).click();
  const listed = () => window.page.locator('.markers-panel .monaco-list-row', { hasText: 'l2-entry-unaligned' });

  it('follows a finding to its byte, and lists it among the problems until the image is closed', async () => {
    const path = write('problems.qcow2');
    const view = await window.open(path, 'check');
    // The quick check may give up on a busy machine.
    await window.execute('qcow2.inspector.check', { file: path });
    await view.locator('#group-l2-entry-unaligned').getByRole('button', { name: 'Show bytes' }).click();
    await showPane(view, 'hex');
    await view.locator('qcow2-hex-pane').getByText('selected 0x4_0018 + 8 bytes').waitFor();

    await window.execute('workbench.actions.view.problems');
    await listed().first().waitFor();
    await listed().first().locator('a', { hasText: 'l2-entry-unaligned' }).click();
    await view.locator('#group-l2-entry-unaligned [aria-current=true]').waitFor();
    await window.execute('workbench.action.closeAllEditors');
    await listed().first().waitFor({ state: 'detached' });
  });

  it('checks by the command, and repairs with a preview, which is undone and done again', async () => {
    const path = write('repaired.qcow2');
    const before = sum(path);
    await window.execute('qcow2.inspector.check', { file: path });
    const view = await until(async () => {
      for (const frame of window.page.frames()) {
        if (
          (await frame
            .locator('#group-l2-entry-unaligned')
            .count()
            .catch(() => 0)) > 0
        ) {
          return frame;
        }
      }
      return undefined;
    }, 'the pane Check shows the finding');
    await view.locator('#group-l2-entry-unaligned').getByRole('button', { name: 'Repair…' }).click();
    const planned = await preview('planned');
    assert.equal(sum(path), before, 'nothing is written before Apply');
    await click(planned, 'Apply');
    const done = await preview('done');
    const repaired = sum(path);
    assert.notEqual(repaired, before);
    await click(done, 'Undo…');
    await click(await preview('planned'), 'Roll Back');
    await click(await preview('done'), 'Close');
    assert.equal(sum(path), before);

    const asked = window.execute('qcow2.inspector.repair', { file: path });
    await quickInput(window.page).choose('l2-entry-unaligned');
    await asked;
    await click(await preview('planned'), 'Apply');
    await click(await preview('done'), 'Close');
    assert.equal(sum(path), repaired);
  });

  it('compares two images in a read-only document, and exports the metadata of one', async () => {
    const [a, b] = [write('a.qcow2'), join(folder, 'b.qcow2')];
    writeFileSync(b, withSnapshot().toBytes());
    const input = quickInput(window.page);
    const compared = window.execute('qcow2.inspector.compare', { file: a });
    await input.place('/', b);
    await compared;
    await window.page.locator('.view-lines', { hasText: 'differences, A | B' }).waitFor();
    await window.page.locator('.tab', { hasText: 'a.qcow2 ↔ b.qcow2' }).waitFor();

    const copy = join(folder, 'copy.qcow2');
    const asked = window.execute('qcow2.inspector.metadataCopy', { file: a });
    await input.enter('Export Metadata-Only Copy');
    await input.place('a.metadata.qcow2', copy);
    const told = window.page.locator('.notification-toast', {
      hasText: 'copy.qcow2 has the metadata and no guest data',
    });
    await told.getByRole('button', { name: 'Show What Is Left Out' }).click();
    await window.page.locator('.view-lines', { hasText: 'guest data:' }).waitFor();
    await asked;
    assert.equal(readFileSync(copy).length, readFileSync(a).length);
  });
});
