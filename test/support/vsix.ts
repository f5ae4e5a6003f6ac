import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';

/** A VSIX for one platform with its native part, or the one for every platform, which has none. */
export type Target = 'linux-x64' | 'linux-arm64' | 'universal';

/** All that `npm run package` makes. */
export const targets: readonly Target[] = ['linux-x64', 'linux-arm64', 'universal'];

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

/** The target that VS Code installs on this machine. */
export function thisTarget(): Target {
  return targets.find((target) => target === `${process.platform}-${process.arch}`) ?? 'universal';
}

/** The name of a VSIX of the version in package.json, such as `qcow2-inspector-linux-x64-0.1.0.vsix`. */
export function vsixName(target: Target): string {
  const { name, version } = manifest();
  return target === 'universal' ? `${name}-${version}.vsix` : `${name}-${target}-${version}.vsix`;
}

/**
 * Builds and packs the extension for `target` into the file `out`. It is done in a folder of its own: `dist/` stays as
 * it is, and several may run at once. Throws when the build or vsce fails, and when one of them warns.
 */
export async function packVsix(target: Target, out: string): Promise<void> {
  const parent = join(cacheFolder, 'package');
  mkdirSync(parent, { recursive: true });
  const stage = mkdtempSync(join(parent, `${target}-`));
  try {
    await fill(stage, target);
    const vsce = join(root, 'node_modules/@vscode/vsce/vsce');
    const platform = target === 'universal' ? [] : ['--target', target];
    await quietly(stage, [vsce, 'package', '--no-dependencies', ...platform, '--out', resolve(out)]);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** What vsce packs, and the list of what it may pack. */
async function fill(stage: string, target: Target): Promise<void> {
  for (const file of ['.vscodeignore', 'README.md', 'CHANGELOG.md', 'LICENSE', 'media/icon.png', 'media/walkthrough']) {
    cpSync(join(root, file), join(stage, file), { recursive: true });
  }
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(packedManifest(), null, 2)}\n`);
  const native = target === 'universal' ? ['--universal'] : ['--arch', target.slice('linux-'.length)];
  await quietly(root, ['esbuild.mjs', '--outdir', join(stage, 'dist'), ...native]);
}

/** package.json without what is about working on the project; vsce refuses to pack what is `private`. */
function packedManifest(): object {
  const development = ['private', 'type', 'bin', 'scripts', 'dependencies', 'devDependencies', 'allowScripts'];
  const kept = Object.entries(manifest()).filter(([key]) => !development.includes(key));
  return { ...Object.fromEntries(kept), engines: { vscode: manifest().engines.vscode } };
}

function manifest(): { name: string; version: string; engines: { vscode: string } } {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
}

/** Runs a script with this Node; a warning is an error. */
async function quietly(folder: string, words: readonly string[]): Promise<void> {
  const { stdout, stderr } = await run(process.execPath, words, { cwd: folder });
  if (stderr !== '' || /warn/i.test(stdout)) {
    throw new Error(`${words.join(' ')} warns:\n${stdout}${stderr}`);
  }
}
