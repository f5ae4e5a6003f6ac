import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Install } from './install.ts';
import type { Profile } from './server.ts';
import { patience } from './within.ts';

/** Installs a VSIX into a profile, as `code --install-extension` does. Throws what VS Code said when it refuses. */
export function installVsix(install: Install, profile: Profile, vsix: string): void {
  const words = [
    '--install-extension',
    vsix,
    '--extensions-dir',
    profile.extensions,
    '--server-data-dir',
    profile.data,
  ];
  const run = spawnSync(process.execPath, [install.main, ...words], { encoding: 'utf8', timeout: patience });
  if (run.status === 0 && run.stdout.includes('was successfully installed')) return;
  throw new Error(`${vsix} cannot be installed:\n${run.stdout}${run.stderr}${run.error ?? ''}`);
}

/**
 * Installs the extension in folder `from` without packing it, so that what is built next runs after a reload of the
 * window. VS Code finds the folder in its list, `extensions.json`.
 */
export function linkExtension(profile: Profile, from: string): void {
  const { publisher, name, version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  const id = `${publisher}.${name}`;
  const relativeLocation = `${id}-${version}`;
  const path = join(profile.extensions, relativeLocation);
  symlinkSync(from, path);
  const file = join(profile.extensions, 'extensions.json');
  const list = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
  list.push({ identifier: { id }, version, location: { $mid: 1, path, scheme: 'file' }, relativeLocation });
  writeFileSync(file, JSON.stringify(list));
}
