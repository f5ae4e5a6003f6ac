import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFolder } from '../support/sampleFolder.ts';
import { temporaryFolder } from '../support/vscode/ending.ts';
import { packedExtension } from '../support/vscode/packedExtension.ts';
import type { Server } from '../support/vscode/server.ts';
import { type Session, startSession } from '../support/vscode/session.ts';
import { openWindow, type Window } from '../support/vscode/window.ts';

/*
 * To load a window takes longer than most tests in it, so that all files that mocha runs share their windows. What a test
 * leaves behind in one is tidied up before the next file gets it.
 */

/** A window that several files use. */
export interface SharedWindow extends Window {
  /** The folder that is open in it. */
  readonly folder: string;
  readonly server: Server;
}

/** Settings of a window in Restricted Mode. */
export const restricted = {
  'security.workspace.trust.enabled': true,
  'security.workspace.trust.startupPrompt': 'never',
};

let session: Promise<Session> | undefined;
let trusting: Promise<SharedWindow> | undefined;
let restricting: Promise<SharedWindow> | undefined;
const sessions: Session[] = [];

after(() => Promise.all(sessions.map((one) => one.stop())));

/** The session of the project's own folder. */
export function sharedSession(): Promise<Session> {
  session ??= started();
  return session;
}

/** A window of that session, on an empty folder whose name is `workspace`. */
export async function sharedWindow(): Promise<SharedWindow> {
  trusting ??= sharedSession().then((one) => windowOn(one, emptyFolder()));
  return tidied(await trusting);
}

/** A window in Restricted Mode, on the folder of samples, in a session that the packed extension is installed in. */
export async function restrictedWindow(): Promise<SharedWindow> {
  restricting ??= packedExtension()
    .then((extension) => started({ extension, settings: restricted }))
    .then(async (one) => windowOn(one, await sampleFolder(() => {})));
  return tidied(await restricting);
}

/** A new folder whose name is `workspace`. */
export function emptyFolder(): string {
  const folder = join(realpathSync(temporaryFolder('host')), 'workspace');
  mkdirSync(folder);
  return folder;
}

/** A new folder for the images of one file, in the folder that is open in a window. */
export function folderIn(window: SharedWindow, name: string): string {
  const folder = join(window.folder, name);
  mkdirSync(folder);
  return folder;
}

async function started(options: Parameters<typeof startSession>[0] = {}): Promise<Session> {
  const one = await startSession({ report: () => undefined, ...options });
  sessions.push(one);
  return one;
}

async function windowOn(one: Session, folder: string): Promise<SharedWindow> {
  return { ...(await openWindow(one, folder)), folder, server: one.server };
}

async function tidied(window: SharedWindow): Promise<SharedWindow> {
  await window.tidy();
  return window;
}
