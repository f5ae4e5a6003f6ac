#!/usr/bin/env node
/**
 * Takes the place of the `code` executable for `runTests` of @vscode/test-electron: understands those of its
 * `--key=value` options that matter here, runs the tests in the extension host of a VS Code server with a headless
 * Chromium as its window, prints what they print, and exits with their code.
 */
import { format, parseArgs } from 'node:util';
import { launchBrowser } from './browser.ts';
import { temporaryFolder } from './ending.ts';
import { installServer } from './install.ts';
import { createProfile, startServer } from './server.ts';
import { within } from './within.ts';

/** A suite that runs longer than this hangs. Milliseconds. */
const longest = 300_000;

/** How the lines of the tests' reporter begin; all else is the workbench's own log. */
const mark = 'qcow2 test: ';

process.exit(await main());

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ strict: false, allowPositionals: true });
  const { extensionDevelopmentPath, extensionTestsPath } = values;
  if (typeof extensionDevelopmentPath !== 'string' || typeof extensionTestsPath !== 'string') {
    throw new Error('--extensionDevelopmentPath=FOLDER and --extensionTestsPath=MODULE are needed');
  }
  const folder = positionals[0] ?? extensionDevelopmentPath;
  const install = await installServer(console.log);
  const server = await startServer(install, createProfile(temporaryFolder('host')), {
    payload: true,
    env: { QCOW2_TEST_MARK: mark },
  });
  const browser = await launchBrowser();
  const page = await browser.newPage();
  const log: string[] = [];
  await page.exposeFunction('codeAutomationLog', (_type: string, words: unknown[]) => {
    const line = format(...words);
    log.push(line);
    if (line.startsWith(mark)) console.log(line.slice(mark.length));
  });
  const { promise: code, resolve } = Promise.withResolvers<number>();
  await page.exposeFunction('codeAutomationExit', resolve);
  const authority = `127.0.0.1:${server.port}`;
  const remote = (path: string) => `vscode-remote://${authority}${encodeURI(path)}`;
  const payload = [
    ['extensionDevelopmentPath', remote(extensionDevelopmentPath)],
    ['extensionTestsPath', remote(extensionTestsPath)],
    ['skipWelcome', 'true'],
  ];
  const query = new URLSearchParams({ folder, payload: JSON.stringify(payload) });
  await page.goto(`http://${authority}/?${query}`);
  const result = await within(code, 'the tests in the extension host end', longest, () => log.slice(-30).join('\n'));
  if (result !== 0 && !log.some((line) => line.startsWith(mark))) console.error(log.slice(-30).join('\n'));
  return result;
}
