import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { extensionId, loggedProblems } from '../support/vscode/problems.ts';
import { until } from '../support/vscode/within.ts';
import { type SharedWindow, sharedWindow } from './windows.ts';

/** A page in which a script does what it should not. */
function page(script: string): string {
  const policy = "default-src 'none'; script-src 'nonce-test'";
  return `<!DOCTYPE html><html><head><meta http-equiv="Content-Security-Policy" content="${policy}"></head>
    <body><script nonce="test">${script}</script></body></html>`;
}

describe('The watch over errors', function () {
  this.timeout(120_000);
  let window: SharedWindow;

  before(async () => {
    window = await sharedWindow();
  });
  after(async () => {
    await window.execute('workbench.action.closeAllEditors');
    window.problems(); // the planted ones
  });

  it("does not count the workbench's own", () => assert.deepEqual(window.problems(), []));

  const faults: readonly [what: string, script: string, found: RegExp][] = [
    ['logs an error', "console.error('planted error')", /planted error/],
    ['throws', "throw new Error('planted throw')", /planted throw/],
    ['leaves a promise rejected', "Promise.reject(new Error('planted rejection'))", /planted rejection/],
    [
      'loads what its policy forbids',
      "document.body.append(Object.assign(new Image(), { src: 'data:,' }))",
      /violates/,
    ],
  ];
  for (const [what, script, found] of faults) {
    it(`finds a page that ${what}`, async () => {
      await window.execute('qcow2-test.page', page(script));
      await until(() => window.problems().some((line) => found.test(line)) || undefined, `${found} is found`);
    });
  }

  it('finds errors in the output channel of the extension, and only those', () => {
    const logs = temporaryFolder('logs');
    for (const id of [extensionId, 'vscode.git']) {
      mkdirSync(join(logs, '1', id), { recursive: true });
      writeFileSync(join(logs, '1', id, 'Channel.log'), '2026 [info] fine\n2026 [error] bad\n');
    }
    assert.deepEqual(loggedProblems(logs), ['extension: 2026 [error] bad']);
  });
});
