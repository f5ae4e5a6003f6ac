import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { build, type Plugin } from 'esbuild';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { inspectorPage } from '../../src/editor/page.ts';
import type { Request } from '../../src/protocol/api.ts';
import { decode, encode } from '../../src/protocol/codec.ts';
import { type FromWebview, fromWebview, type ToWebview } from '../../src/protocol/messages.ts';
import type { Settings } from '../../src/protocol/settings.ts';
import { type Handlers, serve } from '../../src/worker/server.ts';
import { themes } from './themes.ts';

const origin = 'https://webview.test';
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

/** A headless Chromium. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * The context of all pages of a browser. An idle page of their origin keeps their process alive, so that a page finds the
 * scripts compiled. What a page keeps is in the page, and ends with it.
 */
async function sharedContext(browser: Browser): Promise<BrowserContext> {
  const [there] = browser.contexts();
  if (there) {
    return there;
  }
  const context = await browser.newContext();
  const idle = await context.newPage();
  await idle.route(`${origin}/**`, (route) => route.fulfill({ contentType: 'text/html', body: '' }));
  await idle.goto(`${origin}/`);
  return context;
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
  const theme = themes[options.theme ?? 'dark'];
  const page = await (await sharedContext(browser)).newPage();
  await page.setViewportSize(options.size ?? { width: 1400, height: 900 });
  await page.emulateMedia({ reducedMotion: options.reducedMotion === false ? 'no-preference' : 'reduce' });
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.route(`${origin}/**`, async (route) => {
    const { pathname } = new URL(route.request().url());
    const file = bundle.get(pathname);
    if (pathname === '/') {
      await route.fulfill({ contentType: 'text/html', body: html(which, options.name ?? 'web-01.qcow2', theme) });
    } else if (file !== undefined) {
      await route.fulfill({ contentType: file.type, body: file.body });
    } else {
      await route.fulfill({ status: 404 });
    }
  });
  const send = (message: ToPage): void => {
    page
      .evaluate((data) => window.postMessage(data, '*'), message as unknown)
      .catch((error: unknown) => {
        // A page that was closed meanwhile needs no answer.
        if (!page.isClosed()) {
          errors.push(String(error));
        }
      });
  };
  const opened = { page, errors, send };
  await page.exposeFunction('toHost', (received: unknown) => hear(received, opened));
  await page.addInitScript(prepare, theme.colours);
  await options.prepare?.(page);
  await page.goto(`${origin}/`);
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

/** Runs in the page before its script: what VS Code gives to a webview. */
function prepare(colours: Readonly<Record<string, string>>): void {
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
  host.dress(colours);
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
