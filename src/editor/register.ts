import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { Result } from '../protocol/api.ts';
import type { ChangeRequest, RepairSelection } from '../protocol/changeApi.ts';
import type { FindingCode } from '../protocol/checkApi.ts';
import type { CopyMetadataRequest } from '../protocol/metadataApi.ts';
import type { PageCommand } from '../protocol/pageCommand.ts';
import type { GuestDisks, SaveDiskRequest } from '../protocol/salvageApi.ts';
import { ImageThreads } from '../worker/imageThreads.ts';
import { followTrust } from './chainFiles.ts';
import { ChangeMemory } from './changeMemory.ts';
import { ChangePreviews } from './changePreviews.ts';
import { compareMetadata } from './compareMetadata.ts';
import { copyMetadata } from './copyMetadata.ts';
import { mayChange } from './mayChange.ts';
import { reopenOrphans } from './orphans.ts';
import { Problems } from './problems.ts';
import { withProgress } from './progress.ts';
import { InspectorProvider, viewType } from './provider.ts';
import { saveGuestDisk } from './saveGuestDisk.ts';
import { listsProblems, section } from './settings.ts';
import { TextDocuments } from './textDocuments.ts';
import { callThread } from './threadCall.ts';
import { ViewStates } from './viewStates.ts';

/** The editor as the rest of the extension sees it. */
export interface Editor extends vscode.Disposable {
  /** Reads an image again, in all its editors. */
  reload(uri: vscode.Uri): void;
  /** Passes a command to the page in the active tab. */
  run(command: PageCommand): void;
  /** Shows an image as JSON, in a read-only document. */
  showJson(uri: vscode.Uri): Promise<void>;
  /** What an image on a disk of this machine is as a whole, at this moment. Throws `CallFailed`. */
  describe(uri: vscode.Uri): Promise<Result<'describe'>>;
  /** Shows an image and checks the whole of it. */
  check(uri: vscode.Uri): Promise<void>;
  /** What a check of the whole image finds, with progress; undefined when the user stops it. Throws `CallFailed`. */
  checkResult(uri: vscode.Uri): Promise<Result<'check'> | undefined>;
  /** Shows an image, with a finding of its check selected. */
  showFinding(uri: vscode.Uri, code: string, index: number): Promise<void>;
  /** The disks of an image that can be saved, as its thread knows it. Throws `CallFailed`, with the reason where none can be. */
  guestDisks(uri: vscode.Uri): Promise<GuestDisks>;
  /** Saves the disk of an image as a raw file that the user is asked for; `snapshot`: as that one has it. */
  saveGuestDisk(uri: vscode.Uri, snapshot: SaveDiskRequest['snapshot']): Promise<void>;
  /** Shows how two images on a disk of this machine differ in their metadata, in a read-only document. */
  compare(a: vscode.Uri, b: vscode.Uri): Promise<void>;
  /** Copies the metadata of an image to a file that the user is asked for. */
  copyMetadata(uri: vscode.Uri, choice: Omit<CopyMetadataRequest, 'path'>): Promise<void>;
  /** Plans a change of an image and shows its preview, if the image may be changed. */
  change(uri: vscode.Uri, request: ChangeRequest): Promise<void>;
  /** Ends what is being done. A change that is being applied is rolled back. */
  stop(): Promise<void>;
}

/** Registers the custom editor. Its disposal ends the threads of all images. */
export function registerEditor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): Editor {
  const dist = vscode.Uri.joinPath(context.extensionUri, 'dist');
  const threads = new ImageThreads(vscode.Uri.joinPath(dist, 'worker.js').fsPath, (defect) => log.error(defect));
  const previews = new ChangePreviews(dist, threads, new ChangeMemory(context.globalState), log);
  const change = async (uri: vscode.Uri, request: ChangeRequest): Promise<void> => {
    if (await mayChange(uri)) {
      previews.open(uri, request);
    }
  };
  const changes = {
    opened: (uri: vscode.Uri) => previews.opened(uri),
    rollBack: (uri: vscode.Uri) => void change(uri, { verb: 'roll-back' }),
    repair: (uri: vscode.Uri, select: RepairSelection | undefined) =>
      void (select === undefined
        ? vscode.commands.executeCommand('qcow2.inspector.repair', uri)
        : change(uri, { verb: 'repair', select })),
  };
  const problems = new Problems(threads, () => listsProblems(vscode.workspace.getConfiguration(section)), log);
  const provider = new InspectorProvider(dist, threads, new ViewStates(context.workspaceState), changes, problems, log);
  const registered = vscode.window.registerCustomEditorProvider(viewType, provider, {
    supportsMultipleEditorsPerDocument: true,
  });
  provider.configure();
  const trusting = followTrust(threads);
  const configuring = vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration(section)) {
      provider.configure();
    }
  });
  const json = new TextDocuments('qcow2-json', (query) => provider.dumpJson(vscode.Uri.parse(query, true)));
  const compared = new TextDocuments('qcow2-diff', (query) => compareMetadata(threads, query));
  const orphans = reopenOrphans(viewType, (uri, column) => provider.shows(uri, column), log);
  return {
    reload: (uri) => provider.reload(uri),
    run: (command) => provider.run(command),
    showJson: (uri) => json.show(`${uri.path}.json`, uri.toString()),
    describe: (uri) => provider.describe(uri),
    check: (uri) => provider.show(uri, { type: 'command', command: 'check' }),
    checkResult: (uri) =>
      withProgress(`Checking ${basename(uri.fsPath)}`, (options) => provider.checkResult(uri, options)),
    showFinding: (uri, code, index) =>
      // A code that is none is that of no finding.
      provider.show(uri, { type: 'show-finding', code: code as FindingCode, index }),
    compare: (a, b) =>
      compared.show(`/${basename(a.fsPath)} ↔ ${basename(b.fsPath)}`, JSON.stringify([a.fsPath, b.fsPath])),
    copyMetadata: (uri, choice) => copyMetadata(threads, uri, choice),
    guestDisks: (uri) => callThread(threads, uri.fsPath, 'guestDisks'),
    saveGuestDisk: (uri, snapshot) => saveGuestDisk(threads, uri, snapshot),
    change,
    stop: () => previews.dispose(),
    dispose: () => {
      json.dispose();
      compared.dispose();
      problems.dispose();
      configuring.dispose();
      trusting.dispose();
      orphans.dispose();
      registered.dispose();
      void threads.dispose();
    },
  };
}
