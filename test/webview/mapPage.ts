import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { answersFor } from './answers.ts';
import { everything } from './images.ts';
import type { Inspector } from './page.ts';
import type { pages } from './pages.ts';

/** One of the two maps. */
export function mapOf(page: Page, space: 'guest' | 'host'): Locator {
  return page.locator(`[data-space=${space}]`);
}

/** Points at a place of a map, in pixels from the corner of its first cell. */
export async function pointAt(map: Locator, x: number, y: number): Promise<{ x: number; y: number }> {
  const box = await map.locator('.cells').boundingBox();
  assert.ok(box);
  const place = { x: box.x + 104 + x, y: box.y + 6 + y };
  await map.page().mouse.move(place.x, place.y);
  return place;
}

/** What a map says of the cell that is pointed at: its range, and what is there. */
export async function readout(map: Locator): Promise<{ start: bigint; words: string }> {
  await map.locator('.readout', { hasText: /^0x/ }).waitFor();
  const words = await map.locator('.readout').innerText();
  return { start: BigInt(words.split(' ')[0]?.replaceAll('_', '') ?? 'none'), words };
}

/** Waits until all that is in view is painted as it is. */
export async function exact(map: Locator): Promise<void> {
  await map.locator('.cells[data-exact=true]').waitFor();
}

/** Colours of the cells that a map has painted. */
export function colours(map: Locator): Promise<string[]> {
  return map
    .locator('.cells canvas')
    .first()
    .evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
      copy?.drawImage(canvas as HTMLCanvasElement, 0, 0);
      const data = copy?.getImageData(110, 8, width - 120, height - 16).data ?? [];
      const seen = new Set<string>();
      for (let at = 0; at < data.length; at += 4) {
        seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
      }
      return [...seen];
    });
}

/** Numbers of the legend by the name of the kind: `data 3 823 104 (233.3 GiB)`. */
export async function legend(map: Locator): Promise<string[]> {
  const rows = await map.locator('.map-legend').first().locator('li').allInnerTexts();
  return rows.map((text) => text.replaceAll(/\s+/g, ' ').trim());
}

/** Opens the pane Map on an image with something of everything; `handlers` answer in place of its own. */
export async function openMap(
  open: ReturnType<typeof pages>['open'],
  handlers: Partial<ReturnType<typeof answersFor>> = {},
  kept: object = { overlays: [] },
  selection?: string,
): Promise<Inspector> {
  const state = {
    pane: 'map',
    kept: { map: JSON.stringify(kept) },
    ...(selection === undefined ? {} : { selection }),
  };
  const inspector = await open(
    { ...answersFor(everything), ...handlers },
    { state, size: { width: 1400, height: 1300 } },
  );
  await inspector.ready('map');
  return inspector;
}
