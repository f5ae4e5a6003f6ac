/**
 * Runs the host tests: `test/host/*.test.ts` inside the extension host of a VS Code, and then `test/host/*.e2e.ts`, which
 * look at VS Code from the outside. Exits with 0 when both pass.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { runTests, TestRunFailedError } from '@vscode/test-electron';
import { build } from 'esbuild';
import { temporaryFolder } from './ending.ts';
import { chooseHost } from './host.ts';
import { root } from './session.ts';

const inside = await runInside();
const outside = spawnSync(
  'mocha',
  // Twice, since a window on a busy machine may lose what is typed or clicked; a defect fails twice.
  ['--forbid-only', '--forbid-pending', '--retries', '1', '--reporter', 'dot', 'test/host/**/*.e2e.ts'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
process.exit(inside && outside.status === 0 ? 0 : 1);

/** Runs the tests that need the `vscode` module. */
async function runInside(): Promise<boolean> {
  const host = await chooseHost();
  console.log(`Host: ${host.says}`);
  const folder = temporaryFolder('tests');
  const workspace = join(folder, 'workspace');
  mkdirSync(workspace);
  try {
    await runTests({
      vscodeExecutablePath: host.executable,
      extensionDevelopmentPath: root,
      extensionTestsPath: await bundle(),
      launchArgs: [workspace, `--user-data-dir=${folder}/user`, `--extensions-dir=${folder}/extensions`],
      // The server's executable must run on this Node.
      extensionTestsEnv: { PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
    });
    return true;
  } catch (error) {
    if (error instanceof TestRunFailedError) return false;
    throw error;
  }
}

/** The extension host loads CommonJS only: makes it of the suite, and gives the path of its index. */
async function bundle(): Promise<string> {
  const outdir = join(root, '.cache/host-tests');
  rmSync(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['test/host/index.ts', 'test/host/**/*.test.ts'],
    outdir,
    outbase: 'test/host',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    external: ['vscode', 'mocha'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return join(outdir, 'index.cjs');
}
