// Connects to the socket of the test that started this VS Code and runs the commands that it sends, one JSON a line.
const { existsSync, readFileSync, statSync } = require('node:fs');
const { connect } = require('node:net');
const { createInterface } = require('node:readline');
const vscode = require('vscode');

exports.activate = (context) => {
  const path = process.env.QCOW2_TEST_SOCKET;
  if (!path) return;
  const socket = connect(path);
  socket.on('error', (error) => console.error(error));
  // VS Code does not watch the settings of a user on a server.
  const set = (name, value) =>
    vscode.workspace.getConfiguration().update(name, value ?? undefined, vscode.ConfigurationTarget.Global);
  const setting = vscode.commands.registerCommand('qcow2-test.set', set);
  const page = vscode.commands.registerCommand('qcow2-test.page', showPage);
  const signal = vscode.commands.registerCommand('qcow2-test.signal', signalMyself);
  const files = vscode.workspace.registerFileSystemProvider('qcow2-test', virtualFiles, { isReadonly: true });
  context.subscriptions.push(setting, page, signal, files, { dispose: () => socket.destroy() });
  createInterface({ input: socket }).on('line', async (line) => {
    const { id, command, words } = JSON.parse(line);
    let answer;
    try {
      const result = await vscode.commands.executeCommand(command, ...words.map(revive));
      answer = { id, result: isData(result) ? result : undefined };
    } catch (error) {
      answer = { id, error: String(error?.message ?? error) };
    }
    if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
  });
};

/**
 * Sends a signal to this extension host: at once, or as soon as there is a file. Looked for in here, it is found before
 * what else the process does has gone much further, however busy the machine is.
 */
async function signalMyself(name, path) {
  while (path !== null && !existsSync(path)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  process.kill(process.pid, name);
}

/** Shows a page in a webview of its own. */
function showPage(html) {
  const panel = vscode.window.createWebviewPanel('qcow2-test.page', 'Test', vscode.ViewColumn.One, {
    enableScripts: true,
  });
  panel.webview.html = html;
}

/** A file's path comes as `{ "file": "/path" }`, another URI as `{ "uri": "scheme:/path" }`. */
function revive(word) {
  if (typeof word?.uri === 'string') return vscode.Uri.parse(word.uri, true);
  return typeof word?.file === 'string' ? vscode.Uri.file(word.file) : word;
}

/** The files of this machine as a virtual file system: `qcow2-test:/path`. Its changes are only found by looking. */
const virtualFiles = {
  onDidChangeFile: new vscode.EventEmitter().event,
  watch: () => ({ dispose() {} }),
  stat({ path }) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) throw vscode.FileSystemError.FileNotFound(path);
    const type = found.isDirectory() ? vscode.FileType.Directory : vscode.FileType.File;
    return { type, size: found.size, mtime: found.mtimeMs, ctime: found.ctimeMs };
  },
  readFile: ({ path }) => readFileSync(path),
  readDirectory: () => [],
  createDirectory: refuse,
  writeFile: refuse,
  delete: refuse,
  rename: refuse,
};

function refuse() {
  throw vscode.FileSystemError.NoPermissions();
}

/** Some commands of the workbench return objects of its own, with cycles. */
function isData(result) {
  return result === null || ['string', 'number', 'boolean'].includes(typeof result);
}
