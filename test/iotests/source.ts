import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lockFile } from '../support/fileLock.ts';
import { runProgram } from '../support/qemu.ts';
import { cacheFolder } from '../support/vscode/install.ts';

/** Folders of QEMU's source that the tests need: themselves, the generator of broken images, the classes for monitors. */
const kept = ['tests/qemu-iotests', 'tests/image-fuzzer', 'python/qemu'];

/**
 * The folder with QEMU's own tests, from the source package of the qemu-img that is installed. It is fetched with apt-get
 * into the cache folder when it is not there yet (130 MB, about half a minute; 13 MB are kept). The tests are under the
 * GPL: they are run, and are no part of this project. Throws with what a program said when one fails.
 */
export async function sourceFolder(report: (line: string) => void): Promise<string> {
  const version = await run('dpkg-query', ['-W', '-f', `\${source:Version}`, 'qemu-utils']);
  const folder = join(cacheFolder(), `qemu-iotests-${version.replaceAll(/[^\w.-]/g, '-')}`);
  if (existsSync(folder)) {
    return folder;
  }
  mkdirSync(dirname(folder), { recursive: true });
  const unlock = await lockFile(`${folder}.lock`, () => report('Waiting for another process that fetches the source'));
  try {
    if (!existsSync(folder)) {
      await fill(folder, version, report);
    }
  } finally {
    unlock();
  }
  return folder;
}

/** Unpacks beside `folder` and renames at the end, so that `folder` is either whole or not there. */
async function fill(folder: string, version: string, report: (line: string) => void): Promise<void> {
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  report(`Fetching the source of qemu ${version} for its tests, into ${folder}`);
  const started = Date.now();
  await download(partial, version);
  // apt-get has checked the signature.
  await run('dpkg-source', ['--no-check', '-x', `qemu_${version.replace(/^\d+:/, '')}.dsc`, 'source'], partial);
  for (const part of kept) {
    const target = join(partial, 'kept', part);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(partial, 'source', part), target);
  }
  renameSync(join(partial, 'kept'), folder);
  rmSync(partial, { recursive: true });
  report(`Fetched in ${Math.round((Date.now() - started) / 1000)} s`);
}

/** Downloads the source package into `folder`. What apt-get knows of the system's packages is neither used nor changed. */
async function download(folder: string, version: string): Promise<void> {
  const sources = join(folder, 'sources');
  for (const made of [sources, join(folder, 'lists/partial'), join(folder, 'cache/archives/partial')]) {
    mkdirSync(made, { recursive: true });
  }
  writeSources(sources);
  const settings = [
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${sources}`,
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    // Its own user could not write into a home folder.
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  await run('apt-get', ['-q', ...settings, 'update'], folder);
  await run('apt-get', ['-q', ...settings, 'source', '--download-only', `qemu=${version}`], folder);
}

/** The system's places of packages, in both notations that apt-get has, as places of sources. */
function writeSources(folder: string): void {
  const parts = '/etc/apt/sources.list.d';
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(parts) ? readdirSync(parts) : []).map((name) => join(parts, name)),
  ];
  for (const [index, file] of files.filter((one) => existsSync(one)).entries()) {
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.sources')) {
      writeFileSync(join(folder, `${index}.sources`), text.replaceAll(/^Types:.*$/gm, 'Types: deb-src'));
    } else if (file.endsWith('.list')) {
      const lines = text.split('\n').filter((line) => line.startsWith('deb '));
      writeFileSync(
        join(folder, `${index}.list`),
        lines.map((line) => `deb-src${line.slice('deb'.length)}\n`).join(''),
      );
    }
  }
}

async function run(program: string, args: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args, cwd);
  if (code !== 0) {
    throw new Error(`${program} ${args.join(' ')} failed (${code}):\n${stdout}${stderr}`);
  }
  return stdout;
}
