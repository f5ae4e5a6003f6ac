import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { build, type Plugin } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { inspectorPage } from '../../src/editor/page.ts';
import type { Request } from '../../src/protocol/api.ts';
import { decode, encode } from '../../src/protocol/codec.ts';
import { type FromWebview, fromWebview, type ToWebview } from '../../src/protocol/messages.ts';
import type { Settings } from '../../src/protocol/settings.ts';
import { type Handlers, serve } from '../../src/worker/server.ts';
import { themes } from './themes.ts';

const origin = 'https://webview.test';
/** The path of the page with nothing in it. */
const idle = '/idle';
const require = createRequire(import.meta.url);

const scripts = { webview: 'webview/main.ts', preview: 'webview/preview/main.ts' } as const;
const styles = { webview: 'webview/style.css', preview: 'webview/preview.css' } as const;

/** The built pages: their scripts, their styles, the icon font. */
export type Bundle = ReadonlyMap<string, { readonly type: string; readonly body: Buffer }>;

/** Builds the pages as esbuild.mjs does, in memory. */
export async function buildPage(plugins: Plugin[] = []): Promise<Bundle> {
  const common = {
    plugins,
    bundle: true,
    minify: true,
    write: false,
    outdir: '/',
  } as const;
  const [built, styled] = await Promise.all([
    build({
      ...common,
      entryPoints: scripts,
      format: 'esm',
      splitting: true,
      chunkNames: 'chunk-[hash]',
      target: 'chrome138',
    }),
    build({
      ...common,
      entryPoints: { ...styles, codicon: require.resolve('@vscode/codicons/dist/codicon.css') },
      loader: { '.ttf': 'file' },
      assetNames: '[name]',
    }),
  ]);
  const types: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', ttf: 'font/ttf' };
  return new Map(
    [...built.outputFiles, ...styled.outputFiles].map((file) => [
      file.path,
      { type: types[file.path.split('.').pop() ?? ''] ?? 'text/plain', body: Buffer.from(file.contents) },
    ]),
  );
}

/** A page that one test has after the other: to load something else in it takes less time than to open another one. */
interface Tab {
  readonly page: Page;
  /** What it is used for now. */
  use: Use | undefined;
}

/** What a page is used for. */
interface Use {
  readonly errors: string[];
  /** Takes what the page tells the host. */
  hear(received: unknown): void;
  /** The file at a path of the page's origin. */
  file(path: string): { readonly type: string; readonly body: string | Buffer } | undefined;
}

/** The page of each browser that waits for a test. */
const waiting = new WeakMap<Browser, Tab>();

/** A page that waits for a test, else a new one. */
async function takeTab(browser: Browser): Promise<Tab> {
  const tab = waiting.get(browser);
  if (tab) {
    waiting.delete(browser);
    return tab;
  }
  const context = browser.contexts()[0] ?? (await browser.newContext());
  const page = await context.newPage();
  const opened: Tab = { page, use: undefined };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      opened.use?.errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => opened.use?.errors.push(error.message));
  await page.route(`${origin}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    const file = pathname === idle ? { type: 'text/html', body: '' } : opened.use?.file(pathname);
    await route.fulfill(file === undefined ? { status: 404 } : { contentType: file.type, body: file.body });
  });
  await page.exposeFunction('toHost', (received: unknown) => opened.use?.hear(received));
  await page.addInitScript(
    prepare,
    Object.fromEntries(Object.entries(themes).map(([name, { colours }]) => [name, colours])),
  );
  return opened;
}

/** Leaves a page to the next test, with nothing in it, unless it has been left already. What the page keeps ends with what is loaded in it. */
async function leaveTab(browser: Browser, tab: Tab, use: Use): Promise<void> {
  if (tab.use !== use) {
    return;
  }
  tab.use = undefined;
  // One is enough: another one would be behind it, where it gets only the time that the machine has left.
  if (waiting.has(browser)) {
    await tab.page.close();
    return;
  }
  waiting.set(browser, tab);
  await tab.page.mouse.move(-1, -1);
  await tab.page.goto(`${origin}${idle}`);
}

/** How a page is opened. */
export interface PageLook {
  readonly theme?: keyof typeof themes;
  readonly size?: { readonly width: number; readonly height: number };
  readonly name?: string;
  readonly reducedMotion?: boolean;
  /** Runs before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** How an inspector is opened. */
export interface PageOptions extends PageLook {
  /** The state that the host has kept. */
  readonly state?: unknown;
  /** The user's settings. */
  readonly settings?: Settings;
}

/** An open page. */
export interface OpenPage<ToPage> {
  readonly page: Page;
  /** Errors of the console, of the page and of its content policy. */
  readonly errors: string[];
  /** Sends something as the host does. */
  readonly send: (message: ToPage) => void;
  /** Ends what is loaded in it. */
  readonly close: () => Promise<void>;
}

/** An open inspector. */
export interface Inspector extends OpenPage<ToWebview> {
  /** Messages of the page, but for requests. */
  readonly messages: FromWebview[];
  /** Waits until the pane is completely painted. */
  readonly ready: (pane?: string) => Promise<void>;
}

/** What stands behind a page in place of our own server: takes the way to the page, gives the one for its requests' bodies. */
export type HostOf = (post: (message: ToWebview) => void) => (body: string) => void;

/** Opens the inspector with a worker that gives `handlers`' answers behind it, or with another host. */
export async function openInspector(
  browser: Browser,
  bundle: Bundle,
  handlers: Partial<Handlers> | HostOf,
  options: PageOptions = {},
): Promise<Inspector> {
  const messages: FromWebview[] = [];
  let answer: ((body: string) => void) | undefined;
  let greeted = false;
  const hear = (received: unknown, { errors, send }: OpenPage<ToWebview>): void => {
    const message = fromWebview(received);
    if (message?.type !== 'request') {
      messages.push(message ?? { type: 'error', message: `none of ours: ${JSON.stringify(received)}` });
      return;
    }
    if (!greeted && options.settings !== undefined) {
      send({ type: 'settings', settings: options.settings });
    }
    if (!greeted && options.state !== undefined) {
      send({ type: 'state', state: options.state });
    }
    greeted = true;
    answer ??=
      typeof handlers === 'function' ? handlers(send) : answers(handlers, send, (defect) => errors.push(defect));
    answer(message.body);
  };
  const opened = await openPage(browser, bundle, 'webview', hear, options);
  const ready = async (pane?: string): Promise<void> => {
    const which = pane === undefined ? '' : `[data-pane="${pane}"]`;
    await opened.page.waitForSelector(`body[data-ready="true"]${which}`, { timeout: 20_000 });
  };
  return { ...opened, messages, ready };
}

/**
 * Opens one of the pages as VS Code would.
 *
 * @param hear - takes what the page tells the host
 */
export async function openPage<ToPage extends object>(
  browser: Browser,
  bundle: Bundle,
  which: keyof typeof scripts,
  hear: (message: unknown, page: OpenPage<ToPage>) => void,
  options: PageLook = {},
): Promise<OpenPage<ToPage>> {
  const theme = options.theme ?? 'dark';
  const tab = await takeTab(browser);
  const { page } = tab;
  await page.setViewportSize(options.size ?? { width: 1400, height: 900 });
  await page.emulateMedia({ reducedMotion: options.reducedMotion === false ? 'no-preference' : 'reduce' });
  const errors: string[] = [];
  const use: Use = {
    errors,
    hear: (received) => hear(received, opened),
    file: (path) =>
      path === '/'
        ? { type: 'text/html', body: html(which, options.name ?? 'web-01.qcow2', themes[theme]) }
        : bundle.get(path),
  };
  const send = (message: ToPage): void => {
    // What was closed meanwhile needs no answer.
    if (tab.use !== use) {
      return;
    }
    page
      .evaluate((data) => window.postMessage(data, '*'), message as unknown)
      .catch((error: unknown) => {
        if (tab.use === use && !page.isClosed()) {
          errors.push(String(error));
        }
      });
  };
  const opened: OpenPage<ToPage> = { page, errors, send, close: () => leaveTab(browser, tab, use) };
  tab.use = use;
  await options.prepare?.(page);
  await page.goto(`${origin}/?${theme}`);
  return opened;
}

/** A server in this process. */
function answers(
  handlers: Partial<Handlers>,
  post: (message: ToWebview) => void,
  report: (defect: string) => void,
): (body: string) => void {
  const server = serve(
    async () => handlers,
    (reply) => post({ type: 'reply', body: encode(reply) }),
    report,
  );
  return (body) => server.accept(decode(body) as Request);
}

/** Gives an open page another theme, as VS Code does when the user chooses one. */
export async function wear(page: Page, name: keyof typeof themes): Promise<void> {
  await page.evaluate(
    ({ theme, all }) => {
      const { dress } = window as unknown as { dress(colours: Readonly<Record<string, string>>): void };
      dress(theme.colours);
      document.body.classList.remove(...all.flatMap((classes) => classes.split(' ')));
      document.body.classList.add(...theme.classes.split(' '));
      document.body.dataset.vscodeThemeKind = theme.kind;
    },
    { theme: themes[name], all: Object.values(themes).map(({ classes }) => classes) },
  );
}

function html(which: string, name: string, theme: { classes: string; kind: string }): string {
  const built = inspectorPage({
    title: name,
    path: `/images/${name}`,
    script: `/${which}.js`,
    styles: [`/${which}.css`, '/codicon.css'],
    cspSource: origin,
    nonce: 'aNonce',
  });
  return built.replace('<body>', `<body class="${theme.classes}" data-vscode-theme-kind="${theme.kind}">`);
}

/** Runs in the page before its script: what VS Code gives to a webview. The theme is named by the page's address. */
function prepare(colours: Readonly<Record<string, Readonly<Record<string, string>>>>): void {
  const host = window as unknown as {
    toHost(message: unknown): void;
    acquireVsCodeApi(): unknown;
    dress(colours: Readonly<Record<string, string>>): void;
  };
  const theme = new CSSStyleSheet();
  host.dress = (worn) => {
    const variables = Object.entries(worn).map(([name, value]) => `--vscode-${name}: ${value};`);
    theme.replaceSync(`:root { ${variables.join(' ')} }`);
  };
  host.dress(colours[location.search.slice(1)] ?? {});
  document.adoptedStyleSheets.push(theme);
  let kept: unknown;
  host.acquireVsCodeApi = () => ({
    postMessage: (message: unknown) => host.toHost(message),
    getState: () => kept,
    setState: (state: unknown) => {
      kept = state;
    },
  });
  document.addEventListener('securitypolicyviolation', (event) => {
    console.error(`Content policy: ${event.violatedDirective} ${event.sourceFile}:${event.lineNumber}`);
  });
}

/** The source of axe, to be run inside the page. */
export function axeSource(): Promise<string> {
  return readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
}
