import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { OverlayRequest, PictureRequest, SpacePicture } from '../../src/protocol/mapApi.ts';
import type { CallContext } from '../../src/worker/server.ts';
import { answersFor } from './answers.ts';
import { everything, plain } from './images.ts';
import { pages } from './pages.ts';

/** One of the two maps. */
function mapOf(page: Page, space: 'guest' | 'host'): Locator {
  return page.locator(`[data-space=${space}]`);
}

/** Points at a place of a map, in pixels from the corner of its first cell. */
async function pointAt(map: Locator, x: number, y: number): Promise<{ x: number; y: number }> {
  const box = await map.locator('.cells').boundingBox();
  assert.ok(box);
  const place = { x: box.x + 104 + x, y: box.y + 6 + y };
  await map.page().mouse.move(place.x, place.y);
  return place;
}

/** What a map says of the cell that is pointed at: its range, and what is there. */
async function readout(map: Locator): Promise<{ start: bigint; words: string }> {
  await map.locator('.readout', { hasText: /^0x/ }).waitFor();
  const words = await map.locator('.readout').innerText();
  return { start: BigInt(words.split(' ')[0]?.replaceAll('_', '') ?? 'none'), words };
}

async function exact(map: Locator): Promise<void> {
  await map.locator('.cells[data-exact=true]').waitFor();
}

/** Colours of the cells that a map has painted. */
function colours(map: Locator): Promise<string[]> {
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
async function legend(map: Locator): Promise<string[]> {
  const rows = await map.locator('.map-legend').first().locator('li').allInnerTexts();
  return rows.map((text) => text.replaceAll(/\s+/g, ' ').trim());
}

describe('the map', function () {
  this.timeout(60_000);
  const { open } = pages();

  const shown = async (
    handlers: Partial<ReturnType<typeof answersFor>> = {},
    kept: object = { overlays: [] },
    selection?: string,
  ) => {
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
  };

  it('shows the guest’s disk and the file, each in cells that name their range and kind', async () => {
    const { page } = await shown();
    await pointAt(mapOf(page, 'guest'), 20, 4);
    assert.match((await readout(mapOf(page, 'guest'))).words, /^0x\w+ · .* MiB \+ 256 MiB · .*data 25.0 %/);
    await pointAt(mapOf(page, 'host'), 20, 4);
    assert.match((await readout(mapOf(page, 'host'))).words, /in use, owner not known yet/);
    await page.getByRole('button', { name: 'File', exact: true }).click();
    await mapOf(page, 'guest').waitFor({ state: 'detached' });
    await exact(mapOf(page, 'host'));
    await mapOf(page, 'host').getByRole('button', { name: 'L2 table', exact: true }).waitFor();
    assert.match(await mapOf(page, 'host').locator('.crumbs').innerText(), /all of 465.7 GiB/);
    await page.getByRole('button', { name: 'Guest', exact: true }).click();
    await mapOf(page, 'host').waitFor({ state: 'detached' });
    await mapOf(page, 'guest').getByRole('button', { name: 'unallocated', exact: true }).waitFor();
    assert.match(await mapOf(page, 'guest').locator('.crumbs').innerText(), /all of 1 TiB/);
  });

  it('zooms with the wheel to one cluster, and what is under the pointer stays there', async () => {
    const { page } = await shown();
    const map = mapOf(page, 'guest');
    await pointAt(map, 401, 53);
    const { start } = await readout(map);
    for (let step = 0; step < 16; step++) {
      await page.mouse.wheel(0, -120);
      await page.waitForTimeout(20);
    }
    await map.getByText('one cell = 1 cluster').waitFor();
    await exact(map);
    await pointAt(map, 401, 54);
    const close = await readout(map);
    assert.ok(close.start >= start && close.start < start + (256n << 20n), close.words);
    await map.getByRole('button', { name: 'all of 1 TiB' }).click();
    await map.getByText('one cell = 4').waitFor();
  });

  it('goes back by the steps above it, and zooms by double-click, keys and buttons', async () => {
    const { page } = await shown();
    const map = mapOf(page, 'guest');
    const place = await pointAt(map, 300, 100);
    await page.mouse.dblclick(place.x, place.y);
    await map.getByText(/256 GiB from/).waitFor();
    await map.locator('.cells').focus();
    for (const _ of [1, 2, 3]) {
      await page.keyboard.press('+');
    }
    await map.getByText(/^4 GiB from/).waitFor();
    await page.keyboard.press('-');
    await map.getByText(/^16 GiB from/).waitFor();
    await page.keyboard.press('+');
    await map.getByRole('button', { name: '16 GiB' }).click();
    await map.getByText(/^16 GiB from/).waitFor();
    await map.getByRole('button', { name: 'Show less of the disk' }).click();
    await map.getByText(/^4 GiB from/).waitFor();
    await map.locator('.cells').focus();
    await page.keyboard.press('0');
    await map.getByText('all of 1 TiB').waitFor();
  });

  it('pans by dragging, and by the arrows past the edge of the view', async () => {
    const { page } = await shown({}, { overlays: [], views: { guest: `${1n << 39n}+${1n << 33n}` } });
    const map = mapOf(page, 'guest');
    await map.getByText('8 GiB from 0x80_0000_0000').waitFor();
    const place = await pointAt(map, 200, 100);
    const { start } = await readout(map);
    await page.mouse.down();
    await page.mouse.move(place.x + 40, place.y - 35, { steps: 5 });
    await page.mouse.up();
    await exact(map);
    await page.mouse.move(place.x + 41, place.y - 34);
    assert.equal((await readout(map)).start, start);
    await map.locator('.cells').focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    const before = await map.locator('.crumbs [aria-current]').innerText();
    for (let row = 0; row < 3; row++) {
      await page.keyboard.press('PageUp');
    }
    assert.notEqual(await map.locator('.crumbs [aria-current]').innerText(), before);
    await page.keyboard.press('End');
    assert.match((await readout(map)).words, /^0xff_ff/);
  });

  it('shows in the minimap where the view is, and moves it there', async () => {
    const { page } = await shown({}, { overlays: [], views: { guest: `0+${1n << 34n}` } });
    const map = mapOf(page, 'guest');
    const slider = map.getByRole('slider');
    assert.equal(await slider.getAttribute('aria-valuetext'), '16 GiB from 0x0');
    await slider.focus();
    await page.keyboard.press('PageDown');
    await map.getByText('16 GiB from 0x4_0000_0000').waitFor();
    await page.keyboard.press('End');
    assert.equal(await slider.getAttribute('aria-valuenow'), '984');
    const box = await slider.boundingBox();
    assert.ok(box);
    await page.mouse.click(box.x + 10, box.y + box.height / 2);
    assert.match((await slider.getAttribute('aria-valuenow')) ?? '', /^49\d$/);
  });

  it('paints at once what is known of a new view, says which cells are not, and cancels what is out of date', async () => {
    const waiting: { request: PictureRequest; signal: AbortSignal; go: () => void }[] = [];
    let hold = false;
    const answers = answersFor(everything);
    const picture = async (request: PictureRequest, context: CallContext): Promise<SpacePicture> => {
      if (hold && request.space === 'guest') {
        await new Promise<void>((go) => waiting.push({ request, signal: context.signal, go }));
      }
      return answers.picture(request, context);
    };
    const { page } = await shown({ picture });
    const map = mapOf(page, 'guest');
    const before = await colours(map);
    hold = true;
    await pointAt(map, 301, 101);
    for (let step = 0; step < 4; step++) {
      await page.mouse.wheel(0, -120);
      await page.waitForTimeout(50);
    }
    await map.locator('.cells[data-exact=false]').waitFor();
    await pointAt(map, 320, 90);
    assert.match((await readout(map)).words, /not read yet|data|unallocated|compressed|zero/);
    const rough = await colours(map);
    assert.ok(rough.length > 1, 'something is painted');
    assert.ok(
      rough.some((colour) => !before.includes(colour)),
      'what is not read is not painted as data',
    );
    await map.getByText('Reading the map').waitFor();
    assert.ok(waiting.length >= 2);
    const last = waiting.at(-1);
    assert.ok(last && !last.signal.aborted);
    assert.ok(
      waiting.slice(0, -1).every(({ signal }) => signal.aborted),
      'only the last view is still asked for',
    );
    last.go();
    await exact(map);
  });

  it('is drawn before the walk over all tables starts', async () => {
    const order: string[] = [];
    const answers = answersFor(everything);
    const { page } = await shown({
      picture: async (request, context) => {
        await new Promise((later) => setTimeout(later, 200));
        order.push(request.space);
        return answers.picture(request, context);
      },
      scan: async (request, context) => {
        order.push('scan');
        return answers.scan(request, context);
      },
    });
    await page.locator('body[data-busy=false]').waitFor();
    const scanned = order.indexOf('scan');
    assert.ok(scanned > order.indexOf('guest') && scanned > order.indexOf('host'), order.join(', '));
  });

  it('asks nothing for a view that it has seen already', async () => {
    let asked = 0;
    const answers = answersFor(everything);
    const { page } = await shown({
      picture: (request, context) => {
        asked += 1;
        return answers.picture(request, context);
      },
    });
    const map = mapOf(page, 'guest');
    await map.getByRole('button', { name: 'Show less of the disk' }).click();
    await map.getByText('256 GiB from').waitFor();
    await exact(map);
    const seen = asked;
    await map.getByRole('button', { name: 'Show the whole disk' }).click();
    await map.getByText('all of 1 TiB').waitFor();
    await exact(map);
    assert.equal(asked, seen);
  });

  it('has exact numbers of the whole and of what is in view', async () => {
    const { page } = await shown();
    const map = mapOf(page, 'guest');
    await map.getByText('9 129 472').waitFor();
    assert.ok((await legend(map)).includes('unallocated 9 129 472 (557.2 GiB)'));
    await map.getByRole('button', { name: 'Show less of the disk' }).click();
    await map
      .getByText(/in view\s+\d/)
      .first()
      .waitFor();
    const numbers = (await legend(map)).map((row) => /in view ([\d ]+)/.exec(row)?.[1]?.replaceAll(/\s/g, '') ?? '0');
    assert.equal(
      numbers.reduce((sum, number) => sum + Number(number), 0),
      2 ** 38 / 65536,
    );
  });

  it('hides a kind, and shows it again', async () => {
    const { page } = await shown({}, { overlays: [], views: { guest: `0+${1n << 34n}` } });
    const map = mapOf(page, 'guest');
    await exact(map);
    const all = await colours(map);
    const data = map.getByRole('button', { name: 'data', exact: true });
    assert.equal(await data.getAttribute('aria-pressed'), 'true');
    await data.click();
    assert.equal(await data.getAttribute('aria-pressed'), 'false');
    const some = await colours(map);
    assert.ok(some.length < all.length, `${some.length} colours of ${all.length}`);
    await data.click();
    assert.deepEqual((await colours(map)).sort(), all.sort());
  });

  it('steps from one run of a kind to the next and back, and says when there is none', async () => {
    const { page } = await shown({}, { overlays: [], views: { guest: `0+${1n << 30n}` } });
    const map = mapOf(page, 'guest');
    const at = page.locator('.inspector dd').first();
    await map.getByRole('button', { name: 'Next: wrong' }).click();
    await at.getByText('0xae00_0000').waitFor();
    await map.getByText(/1 GiB from/).waitFor();
    await exact(map);
    await map.getByRole('button', { name: 'Next: wrong' }).click();
    await map.getByText('There is no further one.').waitFor();
    await map.getByRole('button', { name: 'Previous: compressed' }).click();
    await at.getByText('0x9c00_0000').waitFor();
  });

  it('counts the references when it is told to: until then shared and leaked clusters are not known', async () => {
    const { page } = await shown();
    const map = mapOf(page, 'host');
    await map.getByText('not counted yet').first().waitFor();
    assert.ok((await legend(map)).includes('leaked not counted yet'));
    await map.getByRole('button', { name: 'Count', exact: true }).click();
    await map.getByRole('button', { name: 'Next: leaked' }).waitFor();
    assert.ok((await legend(map)).some((row) => /^leaked \d/.test(row)));
    assert.equal(await map.getByText('not counted yet').count(), 0);
    await exact(map);
    await map.getByRole('button', { name: 'Next: leaked' }).click();
    await page.locator('.inspector dd').first().getByText('0x1800_0000').waitFor();
  });

  it('lets the counting be cancelled, and started again', async () => {
    let calls = 0;
    const answers = answersFor(everything);
    const { page } = await shown({
      ...answers,
      countReferences: (request, context) => {
        calls += 1;
        context.report(1, 4);
        return calls === 1 ? new Promise(() => undefined) : answers.countReferences(request, context);
      },
    });
    const map = mapOf(page, 'host');
    await map.getByRole('button', { name: 'Count', exact: true }).click();
    await map.getByText('Counting references 25 %').waitFor();
    await map.getByRole('button', { name: 'Cancel' }).click();
    await map.getByText(/Counting references was cancelled/).waitFor();
    await map.getByRole('button', { name: 'Start again' }).click();
    await map.getByRole('button', { name: 'Next: leaked' }).waitFor();
  });

  it('says the refcount of a cluster whose owner is not known', async () => {
    const { page } = await shown(
      {
        explainRefcount: async ({ host }) => ({
          cluster: Number(host / 65536n),
          block: 0,
          index: 1,
          bits: 16,
          refcount: 3,
        }),
      } as Partial<ReturnType<typeof answersFor>>,
      { overlays: [], views: { host: `${17n << 26n}+${64n << 16n}` } },
    );
    const map = mapOf(page, 'host');
    await map.getByText('one cell = 1 cluster').waitFor();
    await pointAt(map, 5, 5);
    await map.getByText(/in use, owner not known yet · refcount 3/).waitFor();
  });

  it('selects a range by dragging with Shift, and marks it in the other map', async () => {
    const asked: { start: bigint; length: bigint }[] = [];
    const answers = answersFor(everything);
    const { page } = await shown({
      counterpart: async (request, context) => {
        asked.push(request);
        return answers.counterpart(request, context);
      },
    });
    const place = await pointAt(mapOf(page, 'guest'), 30, 4);
    await page.keyboard.down('Shift');
    await page.mouse.down();
    await page.mouse.move(place.x + 60, place.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.keyboard.up('Shift');
    await mapOf(page, 'host').getByRole('button', { name: 'Show the counterpart in the file' }).waitFor();
    assert.equal(asked.length, 1);
    assert.equal((asked[0]?.length ?? 0n) % (256n << 20n), 0n);
    assert.ok((asked[0]?.length ?? 0n) > 256n << 20n);
    await mapOf(page, 'host').locator('.cells').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Enter');
    await mapOf(page, 'guest').getByRole('button', { name: 'Show the counterpart in the guest disk' }).waitFor();
    assert.equal(asked[1]?.length, 3n * (128n << 20n));
  });

  it('draws overlays, of the bitmap and layer that are chosen', async () => {
    const asked: OverlayRequest[] = [];
    const answers = answersFor(everything);
    const { page } = await shown({
      overlay: async (request, context) => {
        asked.push(request);
        return answers.overlay(request, context);
      },
    });
    const map = mapOf(page, 'guest');
    const bare = await colours(map);
    await page.getByRole('button', { name: 'Dirty bitmap' }).click();
    await map.getByText('bar at the top').waitFor();
    await pointAt(map, 3.5 * 6.9, 4);
    await map.getByText('50 % dirty').waitFor();
    assert.ok((await colours(map)).length > bare.length);
    assert.deepEqual([asked.length, asked[0]?.overlay, asked[0]?.bitmap], [1, 'bitmap', 0]);
    await page.getByLabel('Layer').selectOption('1');
    await exact(map);
    await page.getByRole('button', { name: 'Fragmentation' }).click();
    await map.getByText('bar at the bottom').waitFor();
    assert.equal(asked.at(-1)?.snapshot, 1);
  });

  it('says of an overlay that can’t be read why, with a way to try again', async () => {
    let broken = true;
    const answers = answersFor(everything);
    const { page } = await shown({
      overlay: async (request, context) => {
        if (broken) {
          throw new Qcow2Error('read-failed', 'the bitmap table at 0x21_0000 can’t be read');
        }
        return answers.overlay(request, context);
      },
    });
    await page.getByRole('button', { name: 'Dirty bitmap' }).click();
    await page.getByText(/Reading: Dirty bitmap failed: the bitmap table at 0x21_0000/).waitFor();
    broken = false;
    await page.getByRole('button', { name: 'Retry' }).click();
    await pointAt(mapOf(page, 'guest'), 3.5 * 6.9, 4);
    await mapOf(page, 'guest').getByText('50 % dirty').waitFor();
  });

  it('says why there is no picture, and draws it when it can be read again', async () => {
    let broken = true;
    const answers = answersFor(plain);
    const { page } = await shown({
      ...answers,
      picture: async (request, context) => {
        if (broken && request.space === 'host') {
          throw new Qcow2Error('read-failed', 'refcount block 3 can’t be read');
        }
        return answers.picture(request, context);
      },
    });
    const map = mapOf(page, 'host');
    await map.getByText(/Reading the map failed: refcount block 3/).waitFor();
    broken = false;
    await map.getByRole('button', { name: 'Retry' }).first().click();
    await exact(map);
  });

  it('has a table of what is in view that goes both ways, of the file as of the disk', async () => {
    const { page } = await shown({}, { overlays: [], views: { guest: `${1n << 38n}+${1n << 30n}` } });
    const grid = page.locator('#extents [role=grid]');
    const first = page.locator('#extents .grid-body [role=gridcell]').first();
    await grid.focus();
    await page.locator('#extents').getByText('0x3f_fc00_0000').waitFor();
    for (let row = 0; row < 12; row++) {
      await page.keyboard.press('ArrowUp');
    }
    assert.equal(await page.locator('.inspector dd').first().innerText(), '0x3f_b400_0000');
    await page.getByRole('button', { name: 'To the end' }).click();
    await page.getByText('to the end of the disk').waitFor();
    await page.locator('#extents').getByText('0xff_fc00_0000').waitFor();
    await page.getByRole('button', { name: 'From the start' }).click();
    await first.getByText('0x0', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'File', exact: true }).click();
    await page.locator('#extents').getByText('header').waitFor();
    assert.equal(await grid.getAttribute('aria-label'), 'Runs of the file');
  });

  it('brings what is revealed into view, in its layer and at a useful size', async () => {
    const { page } = await shown({}, { overlays: [] }, `guest:${300n << 30n}+65536@1`);
    await mapOf(page, 'guest').getByText('one cell = 4').waitFor();
    await page.evaluate(() => {
      const app = document.querySelector('qcow2-app');
      const event = Object.assign(new Event('qcow2-select', { bubbles: true, composed: true }), {
        selection: { kind: 'guest', start: 300n << 30n, length: 65536n, snapshot: 1 },
        pane: 'map',
      });
      app?.dispatchEvent(event);
    });
    const map = mapOf(page, 'guest');
    await map.getByText('one cell = 1 cluster').waitFor();
    assert.equal(await page.getByLabel('Layer').inputValue(), '1');
    await page.locator('#extents').getByText('0x4b_0000_0000').first().waitFor();
  });

  it('shows the layer of a snapshot that is not listed by name, by its number', async () => {
    const asked: (number | undefined)[] = [];
    const many = { ...everything, snapshots: { ...everything.snapshots, count: 70_000 } };
    const answers = answersFor(many);
    const { page } = await shown({
      ...answers,
      picture: async (request, context) => {
        asked.push(request.snapshot);
        return answers.picture(request, context);
      },
    });
    await page.getByLabel(/snapshot number/).fill('69999');
    await page.getByLabel(/snapshot number/).press('Enter');
    await page.waitForTimeout(200);
    await exact(mapOf(page, 'guest'));
    assert.ok(asked.includes(69_999));
  });

  it('keeps view, layer, overlays and hidden kinds', async () => {
    const first = await shown({}, {});
    const map = mapOf(first.page, 'guest');
    await map.getByRole('button', { name: 'Show less of the disk' }).click();
    await map.getByRole('button', { name: 'compressed', exact: true }).click();
    await first.page.getByRole('button', { name: 'Sharing' }).click();
    await first.page.getByLabel('Layer').selectOption('0');
    await first.page.waitForTimeout(400);
    const kept = first.messages.findLast(({ type }) => type === 'state');
    assert.ok(kept?.type === 'state');
    const second = await open(answersFor(everything), { state: structuredClone(kept.state) });
    await second.ready('map');
    const again = mapOf(second.page, 'guest');
    await again.getByText('256 GiB from 0x0').waitFor();
    assert.equal(
      await again.getByRole('button', { name: 'compressed', exact: true }).getAttribute('aria-pressed'),
      'false',
    );
    assert.equal(await second.page.getByRole('button', { name: 'Sharing' }).getAttribute('aria-pressed'), 'true');
    assert.equal(await second.page.getByLabel('Layer').inputValue(), '0');
  });
});
