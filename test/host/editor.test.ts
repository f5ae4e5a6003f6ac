import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { ImageBuilder } from '../support/builder.ts';

const viewType = 'qcow2.inspector';

/** The images that are open in an inspector, by their tabs. */
function inspected(): string[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .flatMap(({ input }) =>
      input instanceof vscode.TabInputCustom && input.viewType === viewType ? [input.uri.fsPath] : [],
    );
}

/** Waits until the tabs are as they should be. */
async function untilInspected(expected: readonly string[]): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (JSON.stringify(inspected()) === JSON.stringify(expected)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(inspected(), expected);
}

describe('the extension in VS Code', () => {
  let folder: string;
  let image: vscode.Uri;
  let other: vscode.Uri;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-editor-'));
    image = vscode.Uri.file(join(folder, 'image.qcow2'));
    other = vscode.Uri.file(join(folder, 'disk.img'));
    for (const uri of [image, other]) {
      writeFileSync(uri.fsPath, new ImageBuilder().toBytes());
    }
  });

  afterEach(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  after(() => rmSync(folder, { recursive: true }));

  it('opens *.qcow2 in the inspector by default', async () => {
    await vscode.commands.executeCommand('vscode.open', image);
    await untilInspected([image.fsPath]);
  });

  it('leaves other files to their editors, unless it is asked', async () => {
    await vscode.commands.executeCommand('vscode.open', other);
    assert.deepEqual(inspected(), []);
    await vscode.commands.executeCommand('qcow2.inspector.open', other);
    await untilInspected([other.fsPath]);
  });

  it('opens all files of the explorer’s selection', async () => {
    await vscode.commands.executeCommand('qcow2.inspector.open', image, [image, other]);
    await untilInspected([image.fsPath, other.fsPath]);
  });

  it('opens two editors on one image, and reloads it in both', async () => {
    await vscode.commands.executeCommand('vscode.openWith', image, viewType);
    await vscode.commands.executeCommand('vscode.openWith', image, viewType, vscode.ViewColumn.Beside);
    await untilInspected([image.fsPath, image.fsPath]);
    await vscode.commands.executeCommand('qcow2.inspector.reload');
    await untilInspected([image.fsPath, image.fsPath]);
  });

  it('has its commands in one category; only those that say qcow2 themselves have none', async () => {
    const commands = await vscode.commands.getCommands(true);
    const declared = vscode.extensions.getExtension('qcow2-inspector.qcow2-inspector')?.packageJSON.contributes
      .commands;
    assert.ok(declared.length >= 3);
    for (const { command, category, title } of declared) {
      assert.ok(commands.includes(command), command);
      assert.equal(category, title.includes('qcow2') ? undefined : 'Qcow2 Inspector', title);
    }
  });
});
