import assert from 'node:assert/strict';
import type { Browser } from 'playwright-core';
import type { Handlers } from '../../src/worker/server.ts';
import { launchBrowser } from '../support/vscode/browser.ts';
import { type Bundle, buildPage, type Inspector, openInspector, type PageLook, type PageOptions } from './page.ts';
import { openPreview, type PreviewPage, type Shown } from './previewPage.ts';

/** The browser and the built pages of all files that mocha runs: to start and to load them takes longer than many a test. */
let shared: Promise<readonly [Browser, Bundle]> | undefined;

after(async () => {
  const [browser] = (await shared) ?? [];
  await browser?.close();
});

/**
 * Pages for the tests of one suite, in the browser of all. Every page is closed after its test, which fails if the page had
 * an error, broke the content policy or told the host of an error.
 */
export function pages(): {
  readonly open: (handlers: Partial<Handlers>, options?: PageOptions) => Promise<Inspector>;
  readonly preview: (shown: Shown, look?: PageLook) => Promise<PreviewPage>;
} {
  let browser: Browser;
  let bundle: Bundle;
  const open: Pick<Inspector | PreviewPage, 'close' | 'errors' | 'messages'>[] = [];

  before(async () => {
    shared ??= Promise.all([launchBrowser(), buildPage()]);
    [browser, bundle] = await shared;
  });
  afterEach(async () => {
    const closed = open.splice(0);
    await Promise.all(closed.map(({ close }) => close()));
    for (const { errors, messages } of closed) {
      assert.deepEqual(errors, []);
      assert.deepEqual(
        messages.filter(({ type }) => type === 'error'),
        [],
      );
    }
  });

  return {
    open: async (handlers, options) => {
      const inspector = await openInspector(browser, bundle, handlers, options);
      open.push(inspector);
      return inspector;
    },
    preview: async (shown, look) => {
      const preview = await openPreview(browser, bundle, shown, look);
      open.push(preview);
      return preview;
    },
  };
}
