import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the tests need from the system: a program, or another file, and the Debian package that brings it. */
const needed = [
  { package: 'qemu-utils', programs: ['qemu-img', 'qemu-io'], files: [] },
  // Chromium without what only a window needs.
  { package: 'chromium-headless-shell', programs: ['chromium-headless-shell'], files: [] },
  { package: 'fonts-dejavu-core', programs: [], files: ['/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf'] },
  { package: 'e2fsprogs', programs: ['mkfs.ext4'], files: [] },
  { package: 'qemu-system-x86', programs: ['qemu-system-x86_64'], files: [] },
  { package: 'dpkg-dev', programs: ['dpkg-source'], files: [] },
  { package: 'python3', programs: [], files: ['/usr/bin/python3'] },
] as const;

/** A Debian package that the project can install. */
export type SystemPackage = (typeof needed)[number]['package'];

/** All of them. */
export const systemPackages: readonly SystemPackage[] = needed.map((one) => one.package);

/** Where a program lies, or undefined. Debian keeps mkfs.* in a folder that is not on every PATH. */
export function findProgram(name: string): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
    .map((folder) => join(folder, name))
    .find((path) => isExecutable(path));
}

/** The command that installs packages by hand. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/**
 * Installs the packages that are missing where that is possible (root on a system with apt-get); otherwise throws an
 * error that names the exact command. Output of apt-get is passed on only when it fails.
 */
export async function ensureSystemPackages(packages: readonly SystemPackage[] = systemPackages): Promise<void> {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) {
    return;
  }
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    throw new Error(`Missing: ${missing.join(', ')}. Install with: ${installCommand(missing)}`);
  }
  console.log(`Installing ${missing.join(', ')} with apt-get …`);
  const started = Date.now();
  await aptGet(['update'], missing);
  await aptGet(['install', '-y', '--no-install-recommends', ...missing], missing);
  console.log(`Installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

function isInstalled(name: SystemPackage): boolean {
  return needed
    .filter((one) => one.package === name)
    .every(
      (one) =>
        one.programs.every((program) => findProgram(program) !== undefined) &&
        one.files.every((file) => existsSync(file)),
    );
}

function aptGet(args: readonly string[], packages: readonly string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn('apt-get', ['-q', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.on('error', reject);
  child.on('close', (code) => {
    if (code === 0) {
      resolve();
    } else {
      reject(new Error(`${said}\napt-get ${args.join(' ')} failed (${code}). Try: ${installCommand(packages)}`));
    }
  });
  return promise;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
