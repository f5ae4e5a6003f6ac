import assert from 'node:assert/strict';
import type { PictureRequest, SpacePicture } from '../../src/protocol/mapApi.ts';
import type { CallContext } from '../../src/worker/server.ts';
import { answersFor } from './answers.ts';
import { everything } from './images.ts';
import { colours, exact, legend, mapOf, openMap, pointAt, readout } from './mapPage.ts';
import { pages } from './pages.ts';

describe('the map', function () {
  this.timeout(60_000);
  const { open } = pages();
  const shown = openMap.bind(undefined, open);

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
});
