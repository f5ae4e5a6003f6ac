import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConsoleMessage, Page } from 'playwright-core';

/** The extension's id, as VS Code shows it in its own console and names folders of logs by it. */
export const extensionId = 'qcow2-inspector.qcow2-inspector';

/** Where what a webview loads comes from, and the frames around it. The workbench's own noise comes from elsewhere. */
const ours = /vscode-resource\.vscode-cdn\.net|\/webview\/browser\/pre\//;

/** Collects the errors that our pages log, throw or cause by what the content policy forbids, from now on. */
export function watchPage(page: Page): string[] {
  const problems: string[] = [];
  page.on('console', async (message) => {
    if (message.type() !== 'error') return;
    const fromUs = ours.test(await origin(message)) || message.text().includes(`[${extensionId}]`);
    if (fromUs) problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => {
    if (ours.test(error.stack ?? '')) problems.push(`page: ${error.stack}`);
  });
  return problems;
}

/** Where a message of the console comes from: the address of its script, or for a script without one, of its frame. */
async function origin(message: ConsoleMessage): Promise<string> {
  const { url } = message.location();
  const [word] = message.args();
  if (url !== '' || word === undefined) return url;
  // The frame may be gone already: then its message does not matter.
  return word.evaluate(() => location.href).catch(() => '');
}

/** The errors in the output channels of our extension, in all windows of a server. `logs` is the server's folder. */
export function loggedProblems(logs: string): string[] {
  if (!existsSync(logs)) return [];
  return readdirSync(logs, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.includes(extensionId) && path.endsWith('.log'))
    .flatMap((path) => readFileSync(join(logs, path), 'utf8').split('\n'))
    .filter((line) => line.includes('[error]') || line.includes('[critical]'))
    .map((line) => `extension: ${line}`);
}
