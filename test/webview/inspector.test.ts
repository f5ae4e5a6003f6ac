import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import { finding } from '../../src/engine/finding.ts';
import type { ImageDescription } from '../../src/engine/image/description.ts';
import type { ExtentPage } from '../../src/protocol/mapApi.ts';
import { answersFor, described, forbidden, held } from './answers.ts';
import { broken, everything, foreign, hostileName, plain } from './images.ts';
import { pages } from './pages.ts';

describe('the page', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('tells the host once that the first content is painted', async () => {
    const { page, ready, messages } = await open(answersFor(plain));
    await ready('overview');
    await page.getByRole('tab', { name: 'Header' }).click();
    await ready('header');
    assert.equal(messages.filter(({ type }) => type === 'ready').length, 1);
  });

  it('says at a glance what the image is', async () => {
    const { page, ready } = await open(answersFor(plain), { name: 'disk.qcow2' });
    await ready();
    const strip = await page.locator('.strip').innerText();
    for (const part of ['disk.qcow2', '1 TiB', '412.6 GiB', '64 KiB', '0.10', 'no findings']) {
      assert.ok(strip.replaceAll('\u202f', ' ').includes(part), `${part} in ${strip}`);
    }
  });

  it('shows names from the image as text, with the characters written out that can’t be seen', async () => {
    const { page, ready } = await open(answersFor(everything), {
      state: { pane: 'overview', selection: 'snapshot:0' },
    });
    await ready('overview');
    for (const pane of ['Overview', 'Header', 'Map', 'Snapshots', 'Bitmaps', 'Encryption']) {
      await page.getByRole('tab', { name: pane, exact: true }).click();
      await ready(pane.toLowerCase());
      const text = await page.locator('body').innerText();
      assert.ok(text.includes(hostileName.replace('\u202e', '\\u{202e}')), pane);
      assert.doesNotMatch(text, /\u202e/);
      assert.equal(await page.locator('img, body script ~ *, bdi b').count(), await page.locator('qcow2-app').count());
    }
    assert.equal(await page.title(), 'web-01.qcow2');
  });

  it('draws no data before it is there', async () => {
    const description = held<ImageDescription>();
    const { page, ready } = await open(
      { ...answersFor(plain), describe: async () => described(await description.promise) },
      { name: 'disk.img' },
    );
    await page.getByText('Opening the image').waitFor();
    const text = await page.locator('body').innerText();
    assert.doesNotMatch(text, /\d/);
    assert.equal(await page.locator('table, [role=grid], [role=tab]').count(), 0);
    assert.equal(await page.locator('body').getAttribute('data-ready'), null);
    description.release(plain);
    await ready('overview');
  });

  it('never shows what the scan will tell as zero', async () => {
    const handlers = answersFor(plain);
    const scan = held<void>();
    const { page, ready } = await open({
      ...handlers,
      scan: async (argument, context) => {
        context.report(42, 100);
        await scan.promise;
        return handlers.scan(argument, context);
      },
      counts: async (argument, context) => {
        await scan.promise;
        return handlers.counts(argument, context);
      },
    });
    await page.getByText('Reading every table… 42 %').waitFor();
    const before = await page.locator('body').innerText();
    assert.match(before, /scan running… 42 %/);
    assert.match(before, /not known yet/);
    assert.doesNotMatch(before, /no findings|0 bytes|0 %,/);
    assert.equal(await page.locator('body').getAttribute('data-busy'), 'true');
    await page.getByRole('tab', { name: 'Map', exact: true }).click();
    await ready('map');
    const legend = page.locator('.map-legend').first();
    assert.match(await legend.innerText(), /counting…/);
    assert.doesNotMatch(await legend.innerText(), /\d GiB/);
    scan.release();
    await page.getByText('no findings').waitFor();
    await legend.getByText('233.3 GiB').waitFor();
  });

  it('stops the scan when asked, says that the tables are not known, and starts it again', async () => {
    const handlers = answersFor(plain);
    let aborted = false;
    const { page, ready } = await open({
      ...handlers,
      scan: (argument, context) =>
        aborted
          ? handlers.scan(argument, context)
          : new Promise((_, reject) => {
              context.signal.addEventListener('abort', () => {
                aborted = true;
                reject(new Qcow2Error('cancelled', 'Cancelled.'));
              });
            }),
    });
    await page.getByText('Cancel', { exact: true }).click();
    await ready('overview');
    assert.match(await page.locator('body').innerText(), /those of the tables are not known/);
    await page.getByText('Start again').click();
    await page.getByText('no findings').waitFor();
  });

  it('says why a file can’t be opened, and opens it on Retry', async () => {
    let mayRead = false;
    const { page, ready } = await open({
      ...answersFor(plain),
      describe: async () => {
        if (!mayRead) {
          throw forbidden;
        }
        return described(plain);
      },
    });
    await ready();
    assert.match(await page.locator('[role=alert]').innerText(), /permission denied/);
    mayRead = true;
    await page.getByText('Retry').click();
    await page.getByRole('tab', { name: 'Header' }).waitFor();
  });

  it('marks findings at the field that they belong to, and says what QEMU says', async () => {
    const { page, ready } = await open(answersFor(broken), { state: { pane: 'header' } });
    await ready('header');
    const row = page.locator('[data-field=l1_table_offset]');
    await row.getByRole('button').click();
    assert.match(await page.locator('.inspector').innerText(), /Active L1 table offset invalid/);
    assert.match(await page.locator('.badges').innerText(), /QEMU refuses: Unsupported qcow2 feature/);
    assert.match(await page.locator('.chip.refused').innerText(), /17 .*set, unknown: QEMU refuses/);
  });

  it('says which fields version 2 lacks', async () => {
    const { page, ready } = await open(answersFor(plain), { state: { pane: 'header' } });
    await ready('header');
    const absent = await page.locator('.fields tr.absent').allInnerTexts();
    assert.equal(absent.length, 6);
    assert.ok(absent.every((text) => text.includes('not in version 2')));
  });

  it('shows unknown header fields and unknown extensions as bytes', async () => {
    const { page, ready } = await open(answersFor(everything), { state: { pane: 'header' } });
    await ready('header');
    assert.match(await page.locator('.fields tr.unknown').innerText(), /c0 ff ee 00 00 00 00 07/);
    assert.match(
      await page.locator('#extensions').innerText(),
      /deadbeef unknown[\s\S]*00 01 02 03 04 05 06 07 · kept/,
    );
  });

  it('says of a file of another format what it is, in every pane', async () => {
    const { page, ready } = await open(answersFor(foreign));
    await ready('overview');
    assert.match(await page.locator('.statement').innerText(), /This is a VMDK image, not qcow2/);
    for (const pane of ['Header', 'Map']) {
      await page.getByRole('tab', { name: pane, exact: true }).click();
      await ready(pane.toLowerCase());
      assert.match(await page.locator('.statement').innerText(), /VMDK|no map/);
    }
  });

  it('has all extents in the table, a page at a time as it is scrolled, few of them in the document', async () => {
    const asked: bigint[] = [];
    const handlers = answersFor(plain);
    const { page, ready } = await open(
      {
        ...handlers,
        extents: async (request, context): Promise<ExtentPage> => {
          asked.push(request.from);
          return handlers.extents(request, context);
        },
      },
      { state: { pane: 'map' } },
    );
    await ready('map');
    const grid = page.locator('#extents [role=grid]');
    await grid.focus();
    for (let pages = 0; pages < 60 && !(await page.getByText('to the end of the disk').isVisible()); pages++) {
      await page.keyboard.press('End');
      await page.waitForTimeout(20);
    }
    await page.getByText('to the end of the disk').waitFor();
    await page.keyboard.press('End');
    assert.equal(asked.length, new Set(asked).size);
    const last = await page.locator('#extents [aria-selected=true]').innerText();
    assert.match(last, /0xff_fc00_0000|0xff_fe00_0000|unallocated/);
    assert.equal(await grid.getAttribute('aria-rowcount'), String(Math.ceil(2 ** 40 / (96 * 2 ** 20)) + 1));
    assert.ok((await page.locator('#extents [role=row]').count()) < 60);
  });

  it('has all of very many snapshots and findings, few of them in the document at a time', async () => {
    const [one] = everything.snapshots.items;
    assert.ok(one !== undefined);
    const many: ImageDescription = {
      ...plain,
      snapshots: {
        state: 'whole',
        items: Array.from({ length: 10_000 }, (_, index) => ({ ...one, name: `snapshot ${index}` })),
      },
      findings: Array.from({ length: 3000 }, (_, index) =>
        finding('bitmap-in-use', `bitmap[${index}]`, { name: index }),
      ),
    };
    const { page, ready } = await open(answersFor(many));
    await ready('overview');
    assert.match(await page.locator('.badges').innerText(), /3\u202f000 warnings/);
    assert.ok((await page.locator('.finding').count()) <= 300);
    for (const shown of [99, 199, 299]) {
      await page.locator('.finding').nth(shown).scrollIntoViewIfNeeded();
      await page
        .locator('.finding')
        .nth(shown + 100)
        .waitFor({ state: 'attached' });
    }
    await page.locator('#snapshots [role=grid]').focus();
    await page.keyboard.press('End');
    assert.equal(await page.locator('.inspector-title').innerText(), 'snapshot 9999');
    await page.locator('#snapshots [aria-selected=true]').waitFor();
    assert.ok((await page.locator('#snapshots [role=row]').count()) < 60);
  });

  it('keeps pane, selection and the part of the map in the state, and takes them from it', async () => {
    const first = await open(answersFor(plain));
    await first.ready('overview');
    await first.page.getByRole('tab', { name: 'Map', exact: true }).click();
    await first.ready('map');
    await first.page.getByRole('button', { name: 'Show less of the disk' }).click();
    await first.page.getByText('256 GiB from 0x0').waitFor();
    await first.page.locator('.cells').first().focus();
    await first.page.keyboard.press('Enter');
    const kept = first.messages.findLast(({ type }) => type === 'state');
    assert.ok(kept?.type === 'state');
    const state = structuredClone(kept.state);
    const second = await open(answersFor(plain), { state });
    await second.ready('map');
    await second.page.getByText('256 GiB from 0x0').waitFor();
    assert.equal(await second.page.locator('.inspector dd').first().innerText(), '0x0');
  });

  for (const [width, height] of [
    [600, 900],
    [700, 450],
    [1000, 800],
    [1800, 1000],
  ] as const) {
    it(`fits into ${width} x ${height} pixels without scrolling sideways`, async () => {
      const { page, ready } = await open(answersFor(everything), { size: { width, height }, theme: 'hc-light' });
      for (const pane of ['Overview', 'Header', 'Map', 'Snapshots', 'Bitmaps', 'Encryption']) {
        await page.getByRole('tab', { name: pane, exact: true }).click();
        await ready(pane.toLowerCase());
        const beyond = await page.evaluate(() =>
          [document.documentElement, ...document.querySelectorAll('.pane, .inspector, .strip')]
            .filter((box) => box.scrollWidth > box.clientWidth)
            .map((box) => `${box.className}: ${box.scrollWidth} > ${box.clientWidth}`),
        );
        assert.deepEqual(beyond, [], pane);
      }
    });
  }

  it('moves nothing when less motion is wanted', async () => {
    const handlers = answersFor(plain);
    const { page } = await open({ ...handlers, scan: () => new Promise(() => undefined) });
    await page.locator('.spin').waitFor();
    const animation = await page.locator('.spin').evaluate((icon) => getComputedStyle(icon, '::before').animationName);
    assert.equal(animation, 'none');
  });
});
