import type { Frame, Page } from 'playwright-core';
import { type Driver, hostEnded, type Word } from './bridge.ts';
import { loggedProblems, watchPage } from './problems.ts';
import { type Settings, setSettings } from './server.ts';
import type { Session } from './session.ts';
import { newView, showPane } from './view.ts';
import { patience } from './within.ts';

/** Names of the themes on our command line, and what VS Code calls them. */
export const themes = {
  dark: 'Dark Modern',
  light: 'Light Modern',
  'hc-dark': 'Default High Contrast',
  'hc-light': 'Default High Contrast Light',
} as const;

/** What VS Code marks the whole window with. */
const themeClasses: Readonly<Record<Theme, string>> = {
  dark: 'vs-dark',
  light: 'vs',
  'hc-dark': 'hc-black',
  'hc-light': 'hc-light',
};

export type Theme = keyof typeof themes;

/** How a window is to look. */
export interface Look {
  readonly theme?: Theme;
  /** Pixels of the whole window. */
  readonly width?: number;
  readonly height?: number;
  /** Per cent, as a browser zooms. */
  readonly zoom?: number;
  /** Settings of the user, besides those of the session. */
  readonly settings?: Settings;
}

/** A window of VS Code on one folder. */
export interface Window {
  readonly page: Page;
  /** Runs a command in the window. */
  readonly execute: Driver['execute'];
  /** Opens an image in the inspector as a new tab and gives its page once it is painted; then shows the pane. */
  open(image: string, pane?: string): Promise<Frame>;
  /** "Developer: Reload Window". */
  reload(): Promise<void>;
  /** Has the extension host killed, at once or as soon as there is a file at `once`; VS Code starts another one. */
  restartExtensionHost(once?: string): Promise<void>;
  /** Gives the window another theme, by a change of the user's settings. */
  setTheme(theme: Theme): Promise<void>;
  /** What went wrong in our pages and in our extension since it was asked last. */
  problems(): string[];
  /** Leaves nothing in it, so that the next one finds it as if it were new. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

/** The parts of a window that can be closed, but for the editors. */
const parts = ['Sidebar', 'Panel', 'AuxiliaryBar'];

/** Opens a window, with nothing in it but the editors. */
export async function openWindow(session: Session, folder: string, look: Look = {}): Promise<Window> {
  const { theme = 'dark', width = 1400, height = 900, zoom = 100, settings = {} } = look;
  const scale = zoom / 100;
  const viewport = { width: Math.round(width / scale), height: Math.round(height / scale) };
  setSettings(session.profile, { ...session.settings, ...settings, 'workbench.colorTheme': themes[theme] });
  const context = await session.browser.newContext({ viewport, deviceScaleFactor: scale });
  const page = await context.newPage();
  const problems = watchPage(page);
  const starting = session.bridge.next();
  await page.goto(`http://127.0.0.1:${session.server.port}/?folder=${encodeURIComponent(folder)}`);
  let driver = await starting;
  let logged = loggedProblems(session.server.logs).length; // those of earlier windows
  for (const part of parts) await driver.execute(`workbench.action.close${part}`);
  const restart = async (command: string, ...words: Word[]) => {
    const next = session.bridge.next();
    // The command does not return: its extension host ends.
    const ended = driver.execute(command, ...words).catch((error: Error) => {
      if (!error.message.endsWith(hostEnded)) throw error;
    });
    [driver] = await Promise.all([next, ended]);
  };
  return {
    page,
    execute: (command, ...words) => driver.execute(command, ...words),
    async open(image, pane) {
      const before = new Set(page.frames());
      await driver.execute('vscode.openWith', { file: image }, 'qcow2.inspector');
      const view = await newView(page, before);
      if (pane !== undefined) await showPane(view, pane);
      return view;
    },
    reload: () => restart('workbench.action.reloadWindow'),
    restartExtensionHost: (once) => restart('qcow2-test.signal', 'SIGKILL', once ?? null),
    async setTheme(name) {
      await driver.execute('qcow2-test.set', 'workbench.colorTheme', themes[name]);
      await page.locator(`.monaco-workbench.${themeClasses[name]}`).waitFor({ timeout: patience });
    },
    problems() {
      const lines = loggedProblems(session.server.logs);
      const last = logged;
      logged = lines.length;
      return [...problems.splice(0), ...lines.slice(last)];
    },
    async tidy() {
      await page.keyboard.press('Escape');
      // To close a text that was never saved, VS Code would ask.
      while ((await page.locator('.editor-group-container .tab').count()) > 0) {
        await driver.execute('workbench.action.revertAndCloseActiveEditor');
      }
      for (const part of parts) await driver.execute(`workbench.action.close${part}`);
      await driver.execute('notifications.clearAll');
      await page.mouse.move(0, 0);
    },
    close: () => context.close(),
  };
}
