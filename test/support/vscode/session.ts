import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type Bridge, openBridge } from './bridge.ts';
import { launchBrowser } from './browser.ts';
import { temporaryFolder } from './ending.ts';
import { installVsix, linkExtension } from './extensions.ts';
import { installServer, type Report } from './install.ts';
import { createProfile, type Profile, type Server, type Settings, startServer } from './server.ts';

/** The project's folder. */
export const root = join(import.meta.dirname, '../../..');

/** A VS Code server with the extension installed, and a browser for its windows. */
export interface Session {
  readonly server: Server;
  readonly profile: Profile;
  /** The user's settings in all its windows. */
  readonly settings: Settings;
  readonly bridge: Bridge;
  readonly browser: Browser;
  stop(): Promise<void>;
}

/** What to begin a session with. */
export interface SessionOptions {
  /** The extension: a VSIX to install, or a folder to run it from; by default the project's. */
  readonly extension?: string;
  /** Settings of the user. */
  readonly settings?: Settings;
  readonly report?: Report;
}

/** Begins a session with a profile of its own, which ends with it. */
export async function startSession(options: SessionOptions = {}): Promise<Session> {
  const { extension = root, settings = {}, report = console.log } = options;
  const install = await installServer(report);
  const folder = temporaryFolder('vscode');
  const profile = createProfile(folder);
  if (extension.endsWith('.vsix')) installVsix(install, profile, extension);
  else linkExtension(profile, extension);
  linkExtension(profile, join(import.meta.dirname, 'driver'));
  const bridge = await openBridge(join(folder, 'driver.sock'));
  const [server, browser] = await Promise.all([
    startServer(install, profile, { env: { QCOW2_TEST_SOCKET: bridge.path } }),
    launchBrowser(),
  ]);
  const stop = async () => {
    await browser.close();
    await server.stop();
    bridge.close();
  };
  return { server, profile, settings, bridge, browser, stop };
}
