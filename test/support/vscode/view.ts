import type { Frame, Page } from 'playwright-core';
import { until } from './within.ts';

/** The pages of our editors in a window that are painted, in the order in which they were opened. */
export async function paintedViews(page: Page): Promise<Frame[]> {
  const views: Frame[] = [];
  for (const frame of page.frames()) {
    if ((await dataset(frame)).ready === 'true') views.push(frame);
  }
  return views;
}

/** Waits until `count` editors are painted, and gives them. */
export function untilPainted(page: Page, count: number): Promise<Frame[]> {
  const probe = async () => {
    const views = await paintedViews(page);
    return views.length === count ? views : undefined;
  };
  return until(probe, `${count} editors are painted`, undefined, () => frames(page));
}

/** Waits until an editor is painted in a frame that was not there `before`. */
export function newView(page: Page, before: ReadonlySet<Frame>): Promise<Frame> {
  const probe = async () => (await paintedViews(page)).find((view) => !before.has(view));
  return until(probe, 'the editor is painted', undefined, () => frames(page));
}

/** What is in the window, for an error's message. */
function frames(page: Page): string {
  return `frames:\n${page
    .frames()
    .map((frame) => `  ${frame.url()}`)
    .join('\n')}`;
}

/** Clicks the tab of a pane, such as `header`, and waits until the pane is painted and no request is running. */
export async function showPane(view: Frame, pane: string): Promise<void> {
  if ((await dataset(view)).pane !== pane) {
    const tabs = view.getByRole('tab');
    const tab = tabs.filter({ hasText: new RegExp(`^\\s*${pane}`, 'i') });
    if ((await tab.count()) !== 1)
      throw new Error(`no pane ${pane}; there are: ${(await tabs.allInnerTexts()).join(', ')}`);
    await tab.click();
  }
  const shown = async () => {
    const now = await dataset(view);
    return now.ready === 'true' && now.pane === pane && now.busy !== 'true' ? true : undefined;
  };
  await until(shown, `the pane ${pane} is painted`);
}

/** The pane that a view shows, by its own word. */
export async function shownPane(view: Frame): Promise<string | undefined> {
  return (await dataset(view)).pane;
}

/** What the page says of itself; nothing while it is being replaced. */
async function dataset(frame: Frame): Promise<{ ready?: string; pane?: string; busy?: string }> {
  try {
    return await frame.evaluate(() => {
      const { ready = '', pane = '', busy = '' } = document.body?.dataset ?? {};
      return { ready, pane, busy };
    });
  } catch (error) {
    const gone = /detached|destroyed|navigat|closed/i;
    if (error instanceof Error && gone.test(error.message)) return {};
    throw error;
  }
}
