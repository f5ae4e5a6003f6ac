import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'node:util';
import Mocha from 'mocha';

/** Called by VS Code in the extension host: runs the tests that were bundled beside this file. */
export async function run(): Promise<void> {
  // In the VS Code server the workbench's own log comes by the same way; the mark tells the reporter's lines from it.
  const mark = process.env.QCOW2_TEST_MARK ?? '';
  Mocha.reporters.Base.consoleLog = (...words: unknown[]) => console.log('%s', mark + format(...words));
  const mocha = new Mocha({ reporter: 'dot', color: false, timeout: 30_000, forbidOnly: true, forbidPending: true });
  for (const name of readdirSync(__dirname, { recursive: true, encoding: 'utf8' })) {
    if (name.endsWith('.test.cjs')) mocha.addFile(join(__dirname, name));
  }
  const failures = await new Promise<number>((resolve) => mocha.run(resolve));
  if (failures > 0) throw new Error(`${failures} tests failed`);
}
