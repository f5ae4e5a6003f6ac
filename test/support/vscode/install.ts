import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '../fileLock.ts';
import { whenEnding } from './ending.ts';

/** The release of the npm package that the VS Code server comes in. */
export const release = '4.139.1';

/** An installed VS Code server. */
export interface Install {
  /** Where it is installed. */
  readonly folder: string;
  /** The script that Node runs as the server and for `--install-extension`. */
  readonly main: string;
}

/** Lines about how far an installation has come. */
export type Report = (line: string) => void;

/** Where installations are kept: `$XDG_CACHE_HOME/qcow2-inspector`, by default in `~/.cache`. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'qcow2-inspector');
}

/**
 * The VS Code server, installed into the cache folder when it is not there yet (about 600 MB). Two processes may ask at
 * once: the second waits for the first. An installation that was interrupted goes on at the step it had reached.
 */
export async function installServer(report: Report, folder = join(cacheFolder(), `vscode-server-${release}`)) {
  const install: Install = { folder, main: join(folder, 'node_modules/code-server/lib/vscode/out/server-main.js') };
  if (existsSync(folder)) return install;
  mkdirSync(join(folder, '..'), { recursive: true });
  const unlock = await lockFile(`${folder}.lock`, () =>
    report('Waiting for another process that installs the VS Code server'),
  );
  try {
    if (!existsSync(folder)) await fill(folder, report);
  } finally {
    unlock();
  }
  return install;
}

/** Installs beside `folder` and renames at the end, so that `folder` is either whole or not there. */
async function fill(folder: string, report: Report): Promise<void> {
  const partial = `${folder}.partial`;
  const unpacked = join(partial, 'unpacked');
  report(`Installing the VS Code server (code-server ${release}, 600 MB) into ${folder}`);
  if (!existsSync(unpacked)) {
    // An interrupted npm may leave a package half unpacked; npm's own cache makes the second time short.
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    writeFileSync(join(partial, 'package.json'), '{ "private": true }\n');
    // Install scripts would compile native modules for minutes; the server does without them.
    await npm(partial, ['install', '--no-save', '--ignore-scripts', `code-server@${release}`], '1 of 2', report);
    writeFileSync(unpacked, '');
  }
  const server = join(partial, 'node_modules/code-server/lib/vscode');
  rmSync(join(server, 'node_modules'), { recursive: true, force: true });
  await npm(server, ['install', '--no-save', '--ignore-scripts', '--omit=dev'], '2 of 2', report);
  copyFileSync(join(import.meta.dirname, 'spdlog.cjs'), join(server, 'node_modules/@vscode/spdlog/index.js'));
  renameSync(partial, folder);
  report('Installed.');
}

/** Runs npm in `folder`; every five seconds a line says that it still does. Throws what npm said when it fails. */
async function npm(folder: string, words: string[], step: string, report: Report): Promise<void> {
  const script = process.env.npm_execpath;
  const [command, first] = script?.endsWith('.js') ? [process.execPath, [script]] : ['npm', []];
  const options = ['--no-fund', '--no-audit', '--loglevel=error', '--prefer-offline', '--no-progress'];
  const child = spawn(command, [...first, ...words, ...options], { cwd: folder, detached: true });
  const stop = whenEnding(() => killGroup(child.pid));
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const since = Date.now();
  const tick = () => report(`  step ${step}: ${Math.round((Date.now() - since) / 1000)} s`);
  const ticking = setInterval(tick, 5000);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`npm ${words.join(' ')} failed in ${folder}:\n${said}`);
    tick();
  } finally {
    clearInterval(ticking);
    stop();
  }
}

/** Ends a process that was started `detached`, with all its children. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
