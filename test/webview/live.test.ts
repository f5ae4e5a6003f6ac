import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { ImageDescription } from '../../src/engine/image/description.ts';
import type { ScanResult } from '../../src/protocol/imageApi.ts';
import type { TableChanges } from '../../src/protocol/liveApi.ts';
import type { FileNews } from '../../src/protocol/news.ts';
import { defaultSettings } from '../../src/protocol/settings.ts';
import type { Handlers } from '../../src/worker/server.ts';
import { type Answers, answersFor, described, held } from './answers.ts';
import { leakAt } from './brokenCheck.ts';
import { checkAnswers, groupsOf } from './checkAnswers.ts';
import { broken, everything, plain } from './images.ts';
import type { Inspector, PageOptions } from './page.ts';
import { pages } from './pages.ts';
import { violationsInThemes } from './violations.ts';

const noon = new Date(2026, 10, 23, 12, 0, 0).getTime();

/** News of a file that is as it was read. */
const calm: FileNews = {
  opened: 1,
  cause: 'first',
  openedAt: noon,
  file: { state: 'same' },
  paused: false,
  locks: { state: 'free' },
  journal: { state: 'none' },
};

/** An image with another value in a field of its header. */
function withField(image: ImageDescription, name: string, value: bigint, shown: string): ImageDescription {
  const fields = (image.header?.fields ?? []).map((field) =>
    field.name === name ? { ...field, value, shown, bytes: field.bytes.map((byte) => byte ^ 1) } : field,
  );
  return image.header ? { ...image, header: { ...image.header, fields } } : image;
}

const bigger: ImageDescription = {
  ...withField(plain, 'size', 2n << 40n, '2 199 023 255 552'),
  file: { ...plain.file, size: plain.file.size + 65536n },
};

/** The worker of one image, which the test opens anew with another answer. */
function worker(first: ImageDescription) {
  let answers: Partial<Handlers> & Answers = answersFor(first);
  let tables: TableChanges | null = null;
  const asked: string[] = [];
  const handlers: Partial<Handlers> = {
    ...answers,
    describe: (...args) => {
      asked.push('describe');
      return answers.describe(...args);
    },
    scan: (...args) => {
      asked.push('scan');
      return answers.scan(...args);
    },
    extents: (...args) => answers.extents(...args),
    snapshots: (...args) => answers.snapshots(...args),
    snapshot: (...args) => answers.snapshot(...args),
    check: (...args) => answers.check(...args),
    checkFindings: (...args) => answers.checkFindings(...args),
    picture: (...args) => {
      asked.push('picture');
      return answers.picture(...args);
    },
    tableChanges: async () => tables,
  };
  return {
    handlers,
    asked,
    become: (image: ImageDescription, changes: Partial<Handlers> = {}, changed: TableChanges | null = null) => {
      answers = { ...answersFor(image), ...changes };
      tables = changed;
    },
  };
}

const text = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).innerText()).replaceAll(/\s+/g, ' ').trim();

describe('an image whose file changes, in the page', function () {
  this.timeout(60_000);
  const { open } = pages();

  /** A page on an image that was opened once. */
  async function show(first: ImageDescription, options?: PageOptions): Promise<Inspector & ReturnType<typeof worker>> {
    const behind = worker(first);
    const inspector = await open(behind.handlers, options);
    inspector.send({ type: 'news', news: calm });
    await inspector.ready();
    return { ...inspector, ...behind };
  }

  const again: FileNews = { ...calm, opened: 2, cause: 'changed', openedAt: noon + 187_000 };

  it('is read again in place, and what has changed is told and marked', async () => {
    const { page, send, become } = await show(plain, { state: { pane: 'header', selection: 'field:cluster_bits' } });
    become(
      bigger,
      {
        scan: async (argument, context) => {
          const scan = await answersFor(plain).scan(argument, context);
          return { ...scan, guest: { ...scan.guest, data: scan.guest.data + 4n * 65536n } };
        },
      },
      { added: new Uint32Array([7]), removed: new Uint32Array(), changed: new Uint32Array([8, 9]) },
    );
    const marked = await page.evaluateHandle(() => document.querySelector('[data-field=size]'));
    send({ type: 'news', news: again });
    await page.getByText('3 L2 tables').waitFor();
    const notice = await text(page, '.notice');
    assert.match(notice, /The image changed on disk, and was read again at 12:03:07\. Since 12:00:00: /);
    assert.match(notice, /header size 1 TiB → 2 TiB/);
    assert.match(notice, /3 L2 tables 2 changed, 1 new/);
    assert.match(notice, /guest data \+4 clusters/);
    assert.equal(await page.evaluate(() => document.body.dataset.pane), 'header');
    assert.match(await text(page, '[data-field=size] .changed'), /1 099 511 627 776 → (to )?2 199 023 255 552/);
    assert.equal(await page.locator('[aria-selected=true][data-field]').getAttribute('data-field'), 'cluster_bits');
    assert.equal(await page.locator('.field-row .changed, [data-field] .changed').count(), 1);
    // The same row: nothing was made anew.
    assert.ok(await marked.evaluate((row) => row?.isConnected));
    assert.match(await page.locator('.notices [role=status]').innerText(), /image changed on disk/i);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(await page.locator('.notice').count(), 0);
    assert.equal(await page.locator('.changed').count(), 0);
  });

  it('that changes again before the user has seen it is told with the time since when that is', async () => {
    const { page, send, become } = await show(plain);
    const one = { added: new Uint32Array(), removed: new Uint32Array(), changed: new Uint32Array([8]) };
    become(withField(plain, 'size', 3n << 40n, '3 298 534 883 328'), {}, one);
    send({ type: 'news', news: again });
    await page.getByText('1 L2 table', { exact: true }).waitFor();
    assert.match(await text(page, '.notice'), /again at 12:03:07\. Since 12:00:00: .*1 L2 table changed/);
    become(bigger);
    send({ type: 'news', news: { ...again, opened: 3, openedAt: noon + 200_000 } });
    await page.getByText('1 TiB → 2 TiB').waitFor();
    assert.match(await text(page, '.notice'), /again at 12:03:20\. Since 12:00:00: .*1 TiB → 2 TiB/);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    become(plain);
    send({ type: 'news', news: { ...again, opened: 4, openedAt: noon + 300_000 } });
    await page.getByText('2 TiB → 1 TiB').waitFor();
    assert.match(await text(page, '.notice'), /again at 12:05:00\. Since 12:03:20: /);
  });

  it('keeps the snapshot selected that was selected, and none in the place of one that is gone', async () => {
    const [first, second] = everything.snapshots.items;
    assert.ok(first && second);
    const { page, send, become } = await show(everything, { state: { pane: 'snapshots', selection: 'snapshot:1' } });
    await page.locator('.inspector-title', { hasText: second.name }).waitFor();
    become({ ...everything, snapshots: { state: 'whole', items: [second] } });
    send({ type: 'news', news: again });
    await page.locator('.notice').waitFor();
    await page.locator('.inspector-title', { hasText: second.name }).waitFor();
    assert.match(await text(page, '.pane [aria-selected=true]'), new RegExp(second.name));
    become({ ...everything, snapshots: { state: 'whole', items: [first] } });
    send({ type: 'news', news: { ...again, opened: 3 } });
    await page.getByText('Select a field, a feature, a finding').waitFor();
    assert.equal(await page.locator('.pane [aria-selected=true]').count(), 0);
  });

  it('has no finding selected in the place of one that is gone', async () => {
    const checked = (...clusters: number[]) => checkAnswers(groupsOf(clusters.map(leakAt)));
    const { page, send, become, ready } = await show(plain, {
      state: { pane: 'check', selection: 'check-finding:cluster-leaked.1' },
    });
    const title = page.locator('.inspector-title');
    const becomes = (opened: number, ...clusters: number[]) => {
      become(plain, checked(...clusters));
      send({ type: 'news', news: { ...again, opened } });
    };
    becomes(2, 5, 6, 7);

    await title.getByText('0x6a_0000').waitFor();
    becomes(3, 5, 6);
    await ready();
    await title.getByText('0x6a_0000').waitFor();
    becomes(4, 5, 7);
    await page.getByText('Select a field, a feature, a finding').waitFor();
  });

  it('keeps what was shown until the image has answered, and mixes nothing', async () => {
    const { page, send, become } = await show(plain, { state: { pane: 'overview' } });
    const { promise, release } = held<ImageDescription>();
    become(bigger, { describe: async () => described(await promise) });
    send({ type: 'news', news: again });
    await page.waitForSelector('body[data-busy=true]');
    assert.match(await text(page, '.strip'), /1 TiB virtual/);
    assert.equal(await page.locator('.notice').count(), 0);
    release({
      ...bigger,
      geometry: { ...(plain.geometry as NonNullable<typeof plain.geometry>), virtualSize: 2n << 40n },
    });
    await page.getByText('2 TiB virtual').waitFor();
    await page.locator('.notice').waitFor();
  });

  it('drops an answer about the image as it was', async () => {
    const { page, send, become } = await show(plain, { state: { pane: 'overview' } });
    // Asked of the image as it was, answered after the new one was opened.
    const { promise, release } = held<ScanResult>();
    become(plain, { scan: () => promise });
    send({ type: 'news', news: again });
    await page.getByText('scan running').waitFor();
    become(bigger);
    send({ type: 'news', news: { ...again, opened: 3 } });
    const settled = page.waitForSelector('body[data-busy=false]');
    const nothing = { data: 0n, compressed: 0n, 'zero-allocated': 0n, 'zero-plain': 0n, unallocated: 0n, wrong: 7n };
    release({ ...(await answersFor(plain).scan(undefined, { report: () => undefined } as never)), guest: nothing });
    await settled;
    assert.doesNotMatch(await text(page, '.spaces'), /wrong 7 bytes/);
    assert.match(await text(page, '.notice'), /header size 1 TiB → 2 TiB/);
  });

  it('says that nothing has changed after Reload, and that it was read again', async () => {
    const { page, send } = await show(plain);
    send({ type: 'news', news: { ...again, cause: 'asked' } });
    await page.getByText('header, tables and counts are as before').waitFor();
    assert.match(await text(page, '.notice'), /^Read again at 12:03:07\. Since 12:00:00: header/);
  });

  it('is scrolled to where it was', async () => {
    const { page, send, become } = await show(everything, {
      size: { width: 1000, height: 420 },
      state: { pane: 'header' },
    });
    await page.evaluate(() => document.querySelector('main.pane')?.scrollTo(0, 260));
    become(withField(everything, 'size', 2n << 40n, '2 199 023 255 552'));
    send({ type: 'news', news: again });
    await page.locator('.notice').waitFor();
    assert.equal(await page.evaluate(() => document.querySelector('main.pane')?.scrollTop), 260);
    await page.getByRole('tab', { name: 'Overview' }).click();
    await page.waitForFunction(() => document.querySelector('main.pane')?.scrollTop === 0);
    await page.getByRole('tab', { name: 'Header' }).click();
    await page.waitForFunction(() => document.querySelector('main.pane')?.scrollTop === 260);
  });

  it('is scrolled there again by another page', async () => {
    const { page, messages } = await show(plain, {
      state: { pane: 'overview', scroll: { overview: 120 } },
      size: { width: 1000, height: 420 },
    });
    await page.waitForFunction(() => document.querySelector('main.pane')?.scrollTop === 120);
    await page.mouse.move(300, 330);
    await page.mouse.wheel(0, 60);
    await page.waitForFunction(() => document.querySelector('main.pane')?.scrollTop === 180);
    for (;;) {
      const kept = messages.findLast((message) => message.type === 'state');
      if (kept?.type === 'state' && JSON.stringify(kept.state).includes('"overview":180')) {
        break;
      }
      await page.waitForTimeout(20);
    }
  });

  it('has its map drawn in place, by what is asked anew', async () => {
    const { page, send, become, asked } = await show(plain, { state: { pane: 'map' } });
    const cells = await page.locator('[data-space=guest] .cells canvas').first().elementHandle();
    become(bigger);
    asked.length = 0;
    send({ type: 'news', news: again });
    await page.locator('.notice').waitFor();
    await page.waitForSelector('body[data-ready=true][data-busy=false]');
    assert.ok(asked.lastIndexOf('picture') > asked.indexOf('describe'));
    assert.ok(await cells?.evaluate((canvas) => canvas.isConnected));
    // Cells and minimap, of both maps.
    assert.equal(asked.filter((method) => method === 'picture').length, 4);
  });

  it('has a table scrolled to where it was, and focused, once that is filled again', async () => {
    const { page, send, become } = await show(plain, { state: { pane: 'map' } });
    const table = page.locator('main.pane .grid-scroll').first();
    await table.waitFor();
    await page.waitForFunction(() => {
      const box = document.querySelector('main.pane .grid-scroll');
      return box !== null && box.scrollHeight > box.clientHeight + 700;
    });
    await table.focus();
    await table.evaluate((box) => box.scrollTo(0, 600));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const before = await table.elementHandle();
    become(bigger);
    send({ type: 'news', news: again });
    await page.locator('.notice').waitFor();
    await page.waitForFunction(() => {
      const box = document.querySelector('main.pane .grid-scroll');
      return box?.scrollTop === 600 && document.activeElement === box;
    });
    // It is another table: nothing of the one before is left.
    assert.equal(await before?.evaluate((box) => box.isConnected), false);
  });

  it('asks when it is to ask, and has the host read it', async () => {
    const { page, send, messages } = await show(plain);
    send({ type: 'news', news: { ...calm, file: { state: 'changed', at: noon + 60_000 } } });
    await page.getByText('The image changed on disk at 12:01:00').waitFor();
    await page.getByRole('button', { name: 'Reload' }).click();
    assert.ok(messages.some(({ type }) => type === 'reload'));
  });

  it('can be kept from being read all the time', async () => {
    const { page, send, messages } = await show(plain);
    send({ type: 'news', news: { ...calm, file: { state: 'changing', at: noon } } });
    await page.getByText('changing all the time').first().waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    send({ type: 'news', news: { ...calm, paused: true } });
    await page.getByRole('button', { name: 'Resume' }).click();
    assert.deepEqual(
      messages.filter(({ type }) => type === 'pause'),
      [
        { type: 'pause', paused: true },
        { type: 'pause', paused: false },
      ],
    );
  });

  it('says that the file has gone, still shows what was read, and has it read again on Retry', async () => {
    const { page, send, messages } = await show(plain);
    const message = 'Can’t read /images/web-01.qcow2: ENOENT.';
    send({ type: 'news', news: { ...calm, file: { state: 'lost', at: noon, message } } });
    await page.getByText(message).waitFor();
    assert.match(await text(page, '.strip'), /1 TiB virtual/);
    await page.getByRole('button', { name: 'Retry' }).click();
    assert.ok(messages.some(({ type }) => type === 'reload'));
    send({ type: 'news', news: calm });
    await page.locator('.notice').waitFor({ state: 'detached' });
  });

  it('comes by itself when it could not be opened at first', async () => {
    const behind = worker(plain);
    behind.become(plain, {
      describe: async () => {
        throw new Qcow2Error('read-failed', 'ENOENT');
      },
    });
    const { page, send, ready } = await open(behind.handlers);
    await page.getByText('ENOENT').waitFor();
    send({ type: 'news', news: { ...calm, opened: 0, file: { state: 'lost', at: noon, message: 'ENOENT' } } });
    behind.become(plain);
    send({ type: 'news', news: calm });
    await ready('overview');
    assert.match(await text(page, '.strip'), /1 TiB virtual/);
  });

  it('says who has it open, and what that means', async () => {
    const { page, send } = await show(plain);
    const qemu = { pid: 812, name: 'qemu-system-x86', use: 'writes' } as const;
    send({ type: 'news', news: { ...calm, locks: { state: 'held', holders: [qemu], unseen: undefined } } });
    await page.getByText('may be out of date', { exact: true }).waitFor();
    assert.match(await text(page, '.badges'), /qemu-system-x86 \(pid 812\) has it open for writing/);
    assert.match(await text(page, '.notice'), /What is shown may be out of date/);
    await page.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(await page.locator('.notice').count(), 0);
    assert.match(await text(page, '.badges'), /may be out of date/);
    const reader = { pid: 9, name: 'qemu-img', use: 'reads' } as const;
    send({ type: 'news', news: { ...calm, locks: { state: 'held', holders: [reader], unseen: 'reads' } } });
    await page.getByText('(pid 9)').first().waitFor();
    const badges = await text(page, '.badges');
    assert.match(badges, /qemu-img \(pid 9\) has it open for reading/);
    assert.match(badges, /a process that can’t be seen from here has it open for reading/);
    assert.doesNotMatch(badges, /out of date/);
    send({ type: 'news', news: { ...calm, locks: { state: 'unknown', message: 'Only Linux tells.' } } });
    await page.getByText('not known here').waitFor();
  });
});

describe('the settings, in the page', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('choose the pane of an image that was never looked at', async () => {
    const { ready } = await open(answersFor(plain), { settings: { ...defaultSettings, openPane: 'header' } });
    await ready('header');
  });

  it('do not choose the pane of one that was', async () => {
    const settings = { ...defaultSettings, openPane: 'header' };
    const { ready } = await open(answersFor(plain), { settings, state: { pane: 'map' } });
    await ready('map');
  });

  it('choose the maps that are shown where none were chosen', async () => {
    const settings = { ...defaultSettings, openPane: 'map', mapShows: 'host' } as const;
    const { page, ready } = await open(answersFor(plain), { settings });
    await ready('map');
    assert.deepEqual(
      await page
        .locator('qcow2-space-map')
        .evaluateAll((maps) => maps.map((map) => (map as HTMLElement).dataset.space)),
      ['host'],
    );
  });

  it('leave the tables alone until they are asked for', async () => {
    const { handlers, asked } = worker(plain);
    const { page, ready } = await open(handlers, { settings: { ...defaultSettings, scanOnOpen: false } });
    await ready('overview');
    assert.deepEqual(asked, ['describe']);
    await page.getByText('Read all tables').click();
    await page.getByText('None, in the header and in every table entry').waitFor();
    assert.deepEqual(asked, ['describe', 'scan']);
  });

  it('write addresses in decimal, at once', async () => {
    const { page, ready, send } = await open(answersFor(everything), { state: { pane: 'header' } });
    await ready('header');
    assert.match(await text(page, '#extensions'), /0x78/);
    send({ type: 'settings', settings: { ...defaultSettings, addresses: 'decimal' } });
    send({ type: 'news', news: calm });
    send({ type: 'news', news: { ...calm, opened: 2, cause: 'asked' } });
    await page.locator('.notice').waitFor();
    const shown = await text(page, '#extensions');
    assert.match(shown, /\b120\b/);
    assert.doesNotMatch(shown, /0x78/);
  });
});

describe('the notices, judged by axe', function () {
  this.timeout(120_000);
  const { open } = pages();

  it('have no violations in any theme', async () => {
    const behind = worker(broken);
    const { page, send, ready } = await open(behind.handlers, { state: { pane: 'header' } });
    await ready('header');
    behind.become(withField(broken, 'size', 2n << 40n, '2 199 023 255 552'));
    const qemu = { pid: 812, name: 'qemu-system-x86', use: 'writes' } as const;
    const news: FileNews = { ...calm, locks: { state: 'held', holders: [qemu], unseen: undefined } };
    send({ type: 'news', news });
    send({ type: 'news', news: { ...news, opened: 2, cause: 'changed', file: { state: 'changing', at: noon } } });
    await page.locator('.changed').first().waitFor();
    assert.equal(await page.locator('.notice').count(), 3);
    assert.deepEqual(await violationsInThemes(page), []);
  });
});
