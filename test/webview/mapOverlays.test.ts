import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { OverlayRequest } from '../../src/protocol/mapApi.ts';
import { answersFor } from './answers.ts';
import { everything, plain } from './images.ts';
import { colours, exact, mapOf, openMap, pointAt } from './mapPage.ts';
import { pages } from './pages.ts';

describe('what is drawn over the map and told beside it', function () {
  this.timeout(60_000);
  const { open } = pages();
  const shown = openMap.bind(undefined, open);

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
