import type { CDPSession, Page } from 'playwright-core';
import { panes } from '../../webview/state.ts';
import { launchBrowser } from '../support/vscode/browser.ts';
import { buildPage, openInspector } from '../webview/page.ts';
import { startHost } from './host.ts';
import { gesturesOn, spaces } from './mapPaint.ts';

/** What an image that is open held at most: bytes. */
export interface MeasuredMemory {
  /** The worker: what the process in place of the extension host held above what it held without one. */
  readonly worker: number;
  /** That process as a whole. */
  readonly process: number;
  /** The page: objects and buffers of its script, garbage that was not collected yet among them. */
  readonly page: number;
}

/** Milliseconds for reading gibibytes of tables. */
const patience = 600_000;
/** Milliseconds between two looks at the page's memory. */
const lookEvery = 50;

/**
 * Opens an image on its maps, waits until all its tables are read, counts its references, moves about in both maps, and
 * shows every pane.
 *
 * @param program - of the process in place of the extension host: see `buildHost`
 */
export async function measureMemory(program: string, image: string): Promise<MeasuredMemory> {
  const bundle = await buildPage();
  const browser = await launchBrowser();
  const host = startHost(program, image);
  try {
    const { page, errors } = await openInspector(browser, bundle, host.of, { state: { pane: 'map' } });
    page.setDefaultTimeout(patience);
    const watched = watchMemory(await page.context().newCDPSession(page));
    await quiet(page);
    await page.getByRole('button', { name: 'Count', exact: true }).click();
    await page.getByRole('button', { name: 'Counting…' }).waitFor({ state: 'detached' });
    for (const space of spaces) {
      await gesturesOn(page, page.locator(`[data-space=${space}] .cells`));
    }
    for (const pane of panes) {
      await page.locator(`#tab-${pane}`).click();
      await page.waitForSelector(`body[data-pane="${pane}"]`);
      await quiet(page);
    }
    if (errors.length > 0) {
      throw new Error(errors.join('\n'));
    }
    const { memory, whole } = await host.cost();
    return { worker: memory, process: whole, page: await watched() };
  } finally {
    await browser.close();
    await host.close();
  }
}

/** Waits until the pane is painted, and nothing is being asked. */
async function quiet(page: Page): Promise<void> {
  await page.waitForSelector('body[data-ready="true"][data-busy="false"]');
}

/** Looks at the page's memory until it is asked for the most that there was: bytes. */
function watchMemory(session: CDPSession): () => Promise<number> {
  let most = 0;
  let asked = false;
  const watching = (async () => {
    while (!asked) {
      const { usedSize, embedderHeapUsedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
      most = Math.max(most, usedSize + embedderHeapUsedSize + backingStorageSize);
      await new Promise((resolve) => setTimeout(resolve, lookEvery));
    }
  })();
  return async () => {
    asked = true;
    await watching;
    return most;
  };
}

/** The measurements as a table in Markdown. */
export function memoryTable({ worker, process, page }: MeasuredMemory): string {
  const size = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const rows = [
    ['Worker, at most', size(worker), '≤ 200 MB'],
    ['Page, at most', size(page), '≤ 100 MB'],
    ['The worker’s process as a whole', size(process), ''],
  ];
  const head = ['Disk of 16 TiB, full', 'Memory', 'Goal'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
