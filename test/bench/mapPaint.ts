import type { Browser, Locator, Page } from 'playwright-core';
import { launchBrowser } from '../support/vscode/browser.ts';
import { type Bundle, buildPage, openInspector } from '../webview/page.ts';
import { type HostCost, startHost } from './host.ts';
import { type Sample, sample, shownTime } from './statistics.ts';
import { categories, type Mark, readTrace, type Trace } from './trace.ts';

/** What was measured of the maps of an image: milliseconds. */
export interface MeasuredMap {
  /** From the page's being ready to both maps' being painted as they are in the image. */
  readonly complete: Sample;
  /** From an input to the frame that shows what is known of the new view. */
  readonly repaint: Readonly<Record<Gesture, Sample>>;
  /** From an input to the picture of all cells as they are in the image. */
  readonly exact: Readonly<Record<Gesture, Sample>>;
  /** The longest task of the page's main thread, of each run, once the page was ready. */
  readonly longestTask: Sample;
  /** The same by the processor's time: what it is where nothing else runs. */
  readonly longestWork: Sample;
  /** The longest that one message kept the extension host's process, of each run. */
  readonly hostTask: Sample;
  /** The same by the processor's time. */
  readonly hostWork: Sample;
  /** The longest that the event loop of that process was kept, of each run. */
  readonly hostBlocked: Sample;
}

const gestures = ['zoom', 'pan', 'zoom out'] as const;
type Gesture = (typeof gestures)[number];

/** The spaces of which there are maps. */
export const spaces = ['guest', 'host'] as const;

/**
 * Measures the maps of an image in the page by Chromium's own tracing; behind the page are a process in place of the
 * extension host, and its worker thread.
 *
 * @param host - the program of that process: see `buildHost`
 */
export async function measureMap(host: string, image: string, runs: number): Promise<MeasuredMap> {
  const bundle = await buildPage();
  const measured: RunTimes[] = [];
  for (let run = 0; run < runs; run++) {
    const browser = await launchBrowser();
    try {
      measured.push(await measureRun(browser, bundle, host, image));
    } finally {
      await browser.close();
    }
  }
  const times = (of: (run: RunTimes) => readonly number[]): Sample => sample(measured.flatMap(of));
  const byGesture = (what: 'repaint' | 'exact'): Record<Gesture, Sample> => ({
    zoom: times((run) => run[what].zoom),
    pan: times((run) => run[what].pan),
    'zoom out': times((run) => run[what]['zoom out']),
  });
  return {
    complete: times(({ complete }) => [complete]),
    repaint: byGesture('repaint'),
    exact: byGesture('exact'),
    longestTask: times(({ longestTask }) => [longestTask]),
    longestWork: times(({ longestWork }) => [longestWork]),
    hostTask: times(({ host }) => [host.longest]),
    hostWork: times(({ host }) => [host.longestWork]),
    hostBlocked: times(({ host }) => [host.blocked]),
  };
}

/** The measurements as a table in Markdown. */
export function mapTable(measured: MeasuredMap): string {
  const { complete, repaint, exact, longestTask, longestWork, hostTask, hostWork, hostBlocked } = measured;
  const rows = [
    ['Page ready → both maps complete', shownTime(complete), '≤ 1 s'],
    ...gestures.map((gesture) => [`${gesture}: input → frame`, shownTime(repaint[gesture]), '≤ 100 ms']),
    ...gestures.map((gesture) => [`${gesture}: input → every cell exact`, shownTime(exact[gesture]), '']),
    ['Longest task of the page’s main thread', shownTime(longestTask), '≤ 50 ms'],
    ['The same, in processor time', shownTime(longestWork), ''],
    ['Longest task of the extension host for a message', shownTime(hostTask), '≤ 50 ms'],
    ['The same, in processor time', shownTime(hostWork), ''],
    ['Longest time that its event loop was kept', shownTime(hostBlocked), ''],
  ];
  const head = ['Map of a disk of 1 TiB', 'Median (min–max)', 'Goal'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

interface RunTimes extends PageTimes {
  readonly host: HostCost;
}

interface PageTimes {
  readonly complete: number;
  readonly repaint: Readonly<Record<Gesture, readonly number[]>>;
  readonly exact: Readonly<Record<Gesture, readonly number[]>>;
  readonly longestTask: number;
  readonly longestWork: number;
}

async function measureRun(browser: Browser, bundle: Bundle, program: string, image: string): Promise<RunTimes> {
  const host = startHost(program, image);
  try {
    const { page, ready, errors } = await openInspector(browser, bundle, host.of, {
      prepare: async (page) => {
        await page.addInitScript(markPage);
        await browser.startTracing(page, { categories });
      },
      state: { pane: 'map' },
    });
    await ready('map');
    for (const space of spaces) {
      await gesturesOn(page, page.locator(`[data-space=${space}] .cells`));
    }
    const trace = readTrace(await browser.stopTracing());
    if (errors.length > 0) {
      throw new Error(errors.join('\n'));
    }
    return { ...timesOf(trace), host: await host.cost() };
  } finally {
    await host.close();
  }
}

/** Zooms with the wheel to one cluster, pans there, and zooms out again, waiting each time for the exact picture. */
export async function gesturesOn(page: Page, cells: Locator): Promise<void> {
  await cells.scrollIntoViewIfNeeded();
  const box = await cells.boundingBox();
  if (box === null) {
    throw new Error('The map has no size');
  }
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.4);
  const act = async (gesture: Gesture, times: number, wheel: number): Promise<void> => {
    for (let time = 0; time < times; time++) {
      await page.evaluate((name) => Object.assign(window, { benchGesture: name }), gesture);
      await page.mouse.wheel(0, wheel);
      await page.waitForTimeout(60);
      await cells.and(page.locator('[data-exact=true]')).waitFor();
    }
  };
  await act('zoom', 12, -120);
  await page.keyboard.down('Shift');
  await act('pan', 12, 120);
  await page.keyboard.up('Shift');
  await act('zoom out', 11, 120);
}

/** Runs in the page before its script: marks inputs, and what is painted on the cells' canvas. */
function markPage(): void {
  const mark = (name: string): void => {
    performance.mark(`bench:${name}`);
  };
  const gesture = (): string => ('benchGesture' in window ? String(window.benchGesture) : '');
  window.addEventListener('wheel', () => mark(`input ${gesture()}`), { capture: true, passive: true });
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (this: CanvasRenderingContext2D, ...painted: unknown[]) {
    Reflect.apply(put, this, painted);
    const cells = this.canvas.closest<HTMLElement>('.cells');
    const space = this.canvas.closest<HTMLElement>('[data-space]')?.dataset.space;
    mark(`painted ${space} ${cells?.dataset.exact === 'true' ? 'exact' : 'rough'}`);
  };
  window.addEventListener('first-paint', () => mark('ready'), { capture: true });
}

function timesOf({ marks, frames, tasks }: Trace): PageTimes {
  const ready = marks.find(({ name }) => name === 'ready')?.at;
  const firsts = spaces.map((space) => marks.find(({ name }) => name === `painted ${space} exact`)?.at);
  if (ready === undefined || firsts.some((at) => at === undefined)) {
    throw new Error(`Not painted: ${marks.map(({ name }) => name).join(', ')}`);
  }
  const later = tasks.filter(({ at }) => at > ready);
  const frameAfter = (at: number): number => frames.find((frame) => frame >= at) ?? Number.NaN;
  const after = (what: 'repaint' | 'exact', gesture: Gesture): number[] =>
    marks.flatMap((input, index) => {
      const painted = input.name === `input ${gesture}` ? paintedAfter(marks, index, what === 'exact') : undefined;
      return painted === undefined ? [] : [frameAfter(painted) - input.at];
    });
  const all = (what: 'repaint' | 'exact'): Record<Gesture, number[]> => ({
    zoom: after(what, 'zoom'),
    pan: after(what, 'pan'),
    'zoom out': after(what, 'zoom out'),
  });
  return {
    complete: Math.max(0, ...firsts.map((at) => frameAfter(at ?? Number.NaN) - ready)),
    repaint: all('repaint'),
    exact: all('exact'),
    longestTask: Math.max(...later.map(({ length }) => length)),
    longestWork: Math.max(...later.map(({ processor }) => processor)),
  };
}

/** When the cells were painted first after an input, before the next one. */
function paintedAfter(marks: readonly Mark[], input: number, exact: boolean): number | undefined {
  for (const { name, at } of marks.slice(input + 1)) {
    if (name.startsWith('input')) {
      return undefined;
    }
    if (name.startsWith('painted') && (!exact || name.endsWith('exact'))) {
      return at;
    }
  }
  return undefined;
}
