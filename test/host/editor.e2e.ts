import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copied, ImageBuilder } from '../support/builder.ts';
import { newView, shownPane, showPane, untilPainted } from '../support/vscode/view.ts';
import { until } from '../support/vscode/within.ts';
import { folderIn, type SharedWindow, sharedWindow } from './windows.ts';

const mib = 2n ** 20n;

describe('an editor in a window of VS Code', function () {
  this.timeout(300_000);
  let window: SharedWindow;
  let folder: string;

  /** Writes an image into the workspace and gives its path. */
  function write(name: string, bytes: Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  before(async () => {
    window = await sharedWindow();
    folder = folderIn(window, 'editor');
  });

  beforeEach(() => window.execute('workbench.action.closeAllEditors'));

  afterEach(() => assert.deepEqual(window.problems(), []));

  it('says why a file cannot be opened, tries it again, and opens it as soon as it is there', async () => {
    const path = write('gone.qcow2', new ImageBuilder().toBytes());
    rmSync(path);
    await window.execute('vscode.openWith', { file: path }, 'qcow2.inspector').catch(() => undefined);
    const view = await until(async () => {
      for (const frame of window.page.frames()) {
        if (
          (await frame
            .getByText('ENOENT')
            .count()
            .catch(() => 0)) > 0
        )
          return frame;
      }
      return undefined;
    }, 'the editor says that there is no file');
    // Still not there; then it is, and is opened without another click.
    await view.getByRole('button', { name: 'Retry' }).click();
    write('gone.qcow2', new ImageBuilder().toBytes());
    const opened = async () => ((await view.getByText('1 MiB virtual').count()) > 0 ? true : undefined);
    await until(opened, 'the image is opened');
    await untilPainted(window.page, 1);
  });

  it('keeps the pane when its tab is hidden and shown', async () => {
    const image = write('tabs.qcow2', new ImageBuilder().toBytes());
    await window.open(image, 'header');
    await window.open(write('other.qcow2', new ImageBuilder().toBytes()));
    await window.execute('vscode.openWith', { file: image }, 'qcow2.inspector');
    const panes = async () => {
      const views = await untilPainted(window.page, 1);
      return views[0] && (await shownPane(views[0])) === 'header' ? true : undefined;
    };
    await until(panes, 'the header is shown again');
  });

  it('is linked again with an extension host that crashed and was started again, in the same pane', async () => {
    const image = write('restart.qcow2', new ImageBuilder().toBytes());
    await window.open(image, 'map');
    const before = new Set(window.page.frames());
    await window.restartExtensionHost();
    write('restart.qcow2', new ImageBuilder({ size: 3n * mib }).toBytes());
    const view = await newView(window.page, before);
    await view.getByText('3 MiB').first().waitFor();
    assert.equal(await shownPane(view), 'map');
    await showPane(view, 'overview');
  });

  it('shows two panes of one image side by side, and reads it again in both', async () => {
    const image = write('both.qcow2', new ImageBuilder().toBytes());
    await window.open(image, 'header');
    await window.execute('workbench.action.splitEditorRight');
    const views = await untilPainted(window.page, 2);
    const bigger = new ImageBuilder({ size: 3n * mib }).l1(0, copied | (4n * 65536n)).truncate(5n * 65536n);
    write('both.qcow2', bigger.toBytes());
    await window.execute('qcow2.inspector.reload');
    const shown = async () => {
      const now = await untilPainted(window.page, 2);
      const texts = await Promise.all(
        now.map((view) =>
          view
            .locator('body')
            .innerText()
            .catch(() => ''),
        ),
      );
      return texts.every((text) => text.includes('3 MiB')) ? true : undefined;
    };
    await until(shown, 'both views show the image as it is now');
    assert.equal(views.length, 2);
  });
});
