/**
 * `npm start`: builds the extension, makes a folder of sample images, and opens it in a real VS Code.
 * `npm start -- --screenshot OUT.png [--theme …] [--size 1400x900] [--pane header] [--zoom 200] IMAGE`: opens the image,
 * saves a picture of the window, and exits.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { sampleFolder } from './sampleFolder.ts';
import { findProgram } from './system.ts';
import { temporaryFolder } from './vscode/ending.ts';
import { linkExtension } from './vscode/extensions.ts';
import { hasDisplay } from './vscode/host.ts';
import { installServer } from './vscode/install.ts';
import { takePicture } from './vscode/picture.ts';
import { createProfile, setSettings, startServer } from './vscode/server.ts';
import { root, startSession } from './vscode/session.ts';
import { type Look, openWindow, type Theme, themes } from './vscode/window.ts';

const usage = `usage: npm start
       npm start -- --screenshot OUT.png [--theme ${Object.keys(themes).join('|')}] [--size WIDTHxHEIGHT]
                    [--pane NAME] [--zoom PERCENT] IMAGE`;

try {
  await main();
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      screenshot: { type: 'string' },
      theme: { type: 'string', default: 'dark' },
      size: { type: 'string', default: '1400x900' },
      pane: { type: 'string', default: 'overview' },
      zoom: { type: 'string', default: '100' },
    },
  });
  const { screenshot, pane } = values;
  const [image, ...others] = positionals;
  if ((screenshot === undefined) !== (image === undefined) || others.length > 0) throw new Error(usage);
  const look = readLook(values);
  await build();
  if (screenshot !== undefined && image !== undefined)
    await picture(realpathSync(image), pane, look, resolve(screenshot));
  else await show(await sampleFolder(console.log));
}

/** How the window is to look, from the words of the command line. */
function readLook({ theme, size, zoom }: { theme: string; size: string; zoom: string }): Look {
  const [, width, height] = /^(\d{3,4})x(\d{3,4})$/.exec(size) ?? [];
  if (!isTheme(theme) || width === undefined || height === undefined || !/^\d{2,3}$/.test(zoom)) throw new Error(usage);
  return { theme, width: Number(width), height: Number(height), zoom: Number(zoom) };
}

function isTheme(name: string): name is Theme {
  return Object.hasOwn(themes, name);
}

/** `npm run build`. */
async function build(): Promise<void> {
  const code = await ended(process.execPath, ['esbuild.mjs']);
  if (code !== 0) throw new Error(`the build failed with code ${code}`);
}

/** Runs a program in the project's folder, with our output as its own, and gives its exit code. */
function ended(program: string, words: readonly string[]): Promise<number | null> {
  const child = spawn(program, words, { cwd: root, stdio: 'inherit' });
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
}

async function picture(image: string, pane: string, look: Look, file: string): Promise<void> {
  const session = await startSession();
  const window = await openWindow(session, dirname(image), look);
  await takePicture(window, image, pane, file);
  await session.stop();
  console.log(`Saved ${file}`);
}

/** Opens the folder in a VS Code for a person and waits until it is closed. */
async function show(folder: string): Promise<void> {
  const profile = createProfile(temporaryFolder('start'));
  setSettings(profile, { 'workbench.startupEditor': 'readme' });
  const code = findProgram('code');
  if (code !== undefined && hasDisplay()) {
    console.log(`Opening ${folder} in ${code}; it ends when its window is closed.`);
    const own = [`--user-data-dir=${profile.data}/data`, `--extensions-dir=${profile.extensions}`, '--no-sandbox'];
    await ended(code, ['--wait', '--new-window', `--extensionDevelopmentPath=${root}`, ...own, folder]);
    return;
  }
  const install = await installServer(console.log);
  linkExtension(profile, root);
  const token = randomBytes(24).toString('hex');
  const server = await startServer(install, profile, { token });
  const query = new URLSearchParams({ tkn: token, folder });
  console.log(`\nVS Code runs at this address, on this machine only:\n\n  http://127.0.0.1:${server.port}/?${query}\n`);
  console.log('Click an image in the Explorer. Ctrl-C stops VS Code.');
  await server.ended;
}
