import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whenEnding } from './ending.ts';
import { type Install, killGroup } from './install.ts';
import { until } from './within.ts';

/** The folders of one VS Code server: its profile and its installed extensions. */
export interface Profile {
  readonly data: string;
  readonly extensions: string;
}

/** A VS Code server that runs on a free port of the loopback address. */
export interface Server {
  /** Of the server and of the group that its extension hosts and their children are in. */
  readonly pid: number;
  readonly port: number;
  /** Where its logs are, those of the extensions' output channels among them. */
  readonly logs: string;
  /** What it has printed so far. */
  said(): string;
  /** Settles when the server has ended, by itself or by `stop`. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const guard = join(import.meta.dirname, 'endWithParent.cjs');

/** Settings of a user, by name. */
export type Settings = Readonly<Record<string, unknown>>;

/** Settings that every session of ours begins with. */
const quiet = {
  'chat.disableAIFeatures': true,
  'extensions.ignoreRecommendations': true,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
};

/** Makes the folders of a profile below `folder`. */
export function createProfile(folder: string): Profile {
  const profile = { data: join(folder, 'data'), extensions: join(folder, 'extensions') };
  mkdirSync(profile.extensions, { recursive: true });
  setSettings(profile, {});
  return profile;
}

/** Makes `settings`, and those that every session of ours has, the user's settings. */
export function setSettings(profile: Profile, settings: Settings): void {
  const user = join(profile.data, 'data', 'User');
  mkdirSync(user, { recursive: true });
  writeFileSync(join(user, 'settings.json'), JSON.stringify({ ...quiet, ...settings }, null, 2));
}

/** How a server is started. */
export interface ServerOptions {
  /** Only a window that knows it gets in; without it, any on this machine. */
  readonly token?: string;
  /** Windows may be told by their address what to load (`payload`). For tests only. */
  readonly payload?: boolean;
  /** Variables for the server and its extension hosts. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the server and waits until it accepts windows. */
export async function startServer(install: Install, profile: Profile, options: ServerOptions = {}): Promise<Server> {
  const words = [
    '--host',
    '127.0.0.1',
    '--port',
    '0',
    '--accept-server-license-terms',
    '--disable-telemetry',
    '--force-disable-user-env',
  ];
  words.push('--server-data-dir', profile.data, '--extensions-dir', profile.extensions);
  if (options.token === undefined) words.push('--without-connection-token');
  else words.push('--connection-token', options.token);
  // Without this a built workbench ignores the payload in silence.
  if (options.payload) words.push('--enable-smoke-test-driver');
  // The server leaves its sockets in the temporary folder.
  const env = { ...process.env, ...options.env, TMPDIR: profile.data, XDG_RUNTIME_DIR: profile.data };
  const child = spawn(process.execPath, ['--require', guard, install.main, ...words], {
    detached: true,
    env,
    stdio: 'pipe',
  });
  const kill = whenEnding(() => killGroup(child.pid));
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const probe = () => started(child, said);
  const port = await until(probe, 'the VS Code server starts', undefined, () => said.slice(-2000));
  const stop = () => {
    kill();
    return ended;
  };
  return { pid: child.pid ?? 0, port, logs: join(profile.data, 'data', 'logs'), said: () => said, ended, stop };
}

/** The port, as soon as the server says that it is up. */
function started(child: ChildProcess, said: string): number | undefined {
  if (child.exitCode !== null) throw new Error(`the VS Code server ended with code ${child.exitCode}:\n${said}`);
  if (!said.includes('Extension host agent started')) return undefined;
  const bound = /Extension host agent listening on (\d+)/.exec(said);
  if (!bound) throw new Error(`the VS Code server does not say its port:\n${said}`);
  return Number(bound[1]);
}
