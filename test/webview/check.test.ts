import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import { encode } from '../../src/protocol/codec.ts';
import { defaultSettings } from '../../src/protocol/settings.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import { small } from '../support/brokenImages.ts';
import { copied } from '../support/builder.ts';
import { answersFor, held } from './answers.ts';
import { broken, explained, few, found, impacts, result, words } from './brokenCheck.ts';
import { checkAnswers } from './checkAnswers.ts';
import { everything, foreign, plain } from './images.ts';
import { pages } from './pages.ts';
import { violationsInThemes } from './violations.ts';

describe('the pane Check', function () {
  this.timeout(120_000);
  const { open } = pages();

  it('has no axe violations in any theme', async () => {
    const kept = { check: JSON.stringify({ typed: 'leaked', open: [] }) };
    const state = { pane: 'check', selection: 'check-finding:cluster-leaked.3', kept };
    const { page, ready } = await open(broken, { state });
    await ready('check');
    await page.locator('#findings-cluster-leaked [aria-selected=true]').waitFor();
    assert.deepEqual(await violationsInThemes(page), []);
  });

  for (const [width, height] of [
    [640, 900],
    [1400, 900],
  ] as const) {
    it(`fits into ${width} x ${height} pixels without scrolling sideways`, async () => {
      const state = { pane: 'check', selection: 'check-finding:cluster-leaked.3' };
      const { page, ready } = await open(broken, { size: { width, height }, state });
      await ready('check');
      const beyond = await page.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll('.pane, .inspector')]
          .filter((box) => box.scrollWidth > box.clientWidth)
          .map((box) => box.className),
      );
      assert.deepEqual(beyond, []);
    });
  }

  it('says in a sentence whom it hurts, what was checked, and how much there is of what', async () => {
    const { page, ready } = await open(broken, { state: { pane: 'check' } });
    await ready('check');
    assert.equal(await words(page, '.check-head .statement'), 'One guest range reads wrong data.');
    assert.match(await words(page, '.check-head .quiet'), /^full check 0\.31 s · 16.777.216 clusters$/);
    assert.equal(await words(page, '#tab-check .tab-count'), '3 corruptions');
    assert.match(await words(page, '.badges'), /3 corruptions · 1.000.000 leaks.*Repair…/);
    assert.match(await words(page, '.check-cause'), /An L2 table at 0x2_0000 lies past the end of the file/);
    assert.match(await words(page, '#group-tables-overlap'), /L2 tables · tables-overlap · corruption\s·\s2/);
    assert.match(await words(page, '#group-tables-overlap'), /L1\[601\] → L2\[2560\].* and 1 more/);
    const impact = page.locator('#impacts .grid-body [role=row]').first();
    assert.match(await impact.innerText(), /reads wrong data\s+tables-overlap\s+2, Linux filesystem “root”/);
    await impact.click();
    await explained(page, /0x4b_2a00_0000/);
  });

  it('lists a million findings page by page, few of them in the document, each one a selection', async () => {
    const { page, ready } = await open(broken, { state: { pane: 'check' } });
    await ready('check');
    await page.getByRole('button', { name: /List all 1.000.000/ }).click();
    const grid = page.locator('#findings-cluster-leaked [role=grid]');
    await grid.getByText('cluster 100', { exact: true }).waitFor();
    await grid.focus();
    await page.keyboard.press('End');
    await grid.locator('[aria-selected=true]').getByText('cluster 1000099', { exact: true }).waitFor();
    assert.ok((await grid.locator('[role=row]').count()) < 60);
    await explained(page, /leak · cluster-leaked\s*where\s*place\s*cluster 1000099/i);
    await page.keyboard.press('Enter');
    await ready('hex');
    await explained(page, /cluster 1000099/);
  });

  it('goes from finding to finding by F8, over the ends of lists, and opens the list that one is in', async () => {
    const { page, ready } = await open(broken, { state: { pane: 'check' } });
    await ready('check');
    const place = (): Promise<string> => words(page, '.inspector .pairs dd');
    await page.locator('.check-filter').focus();
    for (const next of ['L1[601] → L2[2560]', 'L1[602] → L2[2561]', 'L1[3]', 'cluster 100']) {
      await page.keyboard.press('F8');
      await page.locator('.inspector').getByText(next, { exact: false }).first().waitFor();
      assert.equal(await place(), next);
    }
    await page.keyboard.press('Shift+F8');
    await page.keyboard.press('Shift+F8');
    await page
      .locator('#findings-tables-overlap [aria-selected=true]')
      .getByText('L1[602]', { exact: false })
      .waitFor();
    await page.keyboard.press('Shift+F8');
    await page.keyboard.press('Shift+F8');
    await page.locator('#findings-cluster-leaked [aria-selected=true]').getByText('cluster 1000099').waitFor();
  });

  it('is led to by the Overview, to the worst of what was found', async () => {
    const { page, ready } = await open(broken);
    await ready('overview');
    await page.getByRole('button', { name: /^The check has found: 3 corruptions · 1.000.000 leaks/ }).click();
    await ready('check');
    await explained(page, /corruption · tables-overlap/);
  });

  it('says of no finding that it is not there before it knows', async () => {
    const { promise, release } = held<void>();
    const { page, ready } = await open(
      {
        ...few,
        checkFindings: async (request, context) => {
          if (request.count === 1 && request.code === 'l1-entry-reserved') {
            await promise;
          }
          return few.checkFindings(request, context);
        },
      },
      { state: { pane: 'check', selection: 'check-finding:l1-entry-reserved.0' } },
    );
    await ready('check');
    assert.equal(await words(page, '.inspector-content'), '');
    release();
    await page.locator('.inspector').getByText('L1[3]').first().waitFor();
  });

  it('leads from what explains the findings to its bytes and its entry', async () => {
    const { page, ready } = await open(broken, { state: { pane: 'check' } });
    await ready('check');
    await page.locator('.check-cause').getByRole('button', { name: 'Show entry' }).click();
    await ready('tables');
    await explained(page, /L1\[602\]/);
    await page.locator('#tab-check').click();
    await ready('check');
    await page.locator('.check-cause').getByRole('button', { name: 'Show bytes' }).click();
    await ready('hex');
    await explained(page, /0x2_0000/);
  });

  it('leads to the map, to the entry, and to the repair of one kind', async () => {
    const { page, ready, messages } = await open(broken, { state: { pane: 'check' } });
    await ready('check');
    const group = page.locator('#group-tables-overlap');
    await group.getByRole('button', { name: 'Repair…' }).click();
    assert.deepEqual(messages.at(-1), { type: 'repair', body: encode({ codes: ['tables-overlap'] }) });
    await page.locator('.badges vscode-button').click();
    assert.deepEqual(messages.at(-1), { type: 'repair' });
    await group.getByRole('button', { name: 'Show entry' }).click();
    await ready('tables');
    await explained(page, /L2\[2560\]/);
    await page.getByRole('tab', { name: 'Check' }).click();
    await group.getByRole('button', { name: 'Show on map' }).click();
    await ready('map');
    await explained(page, /tables-overlap/);
  });

  it('has more findings than the overview lists, which says how many', async () => {
    const answers = answersFor(everything);
    const scan: typeof answers.scan = async (...asked) => ({ ...(await answers.scan(...asked)), findingCount: 20_001 });
    const { page, ready } = await open({ ...answers, scan }, { state: { pane: 'overview' } });
    await ready('overview');
    assert.match(await words(page, '.pane'), / · 20.00\d more .*A check lists the others\./);
  });

  it('offers no repair of an image that none takes, and says what helps instead', async () => {
    const noRepair = 'Version 9 is neither 2 nor 3. No repair puts that right.';
    const described = async () => ({ ...plain, texts: {}, noRepair });
    const state = { pane: 'check', selection: 'check-finding:tables-overlap.0' };
    const { page, ready } = await open({ ...broken, describe: described }, { state });
    await ready('check');
    await explained(page, /corruption · tables-overlap/);
    assert.equal(await page.locator('qcow2-check').getByText(noRepair).count(), 1);
    assert.equal(await page.getByText(/Repair.*…/).count(), 0);
  });

  it('checks in a bounded time when an image is opened, the whole of it on demand, with progress and a way to stop', async () => {
    const asked: boolean[] = [];
    const { promise, release } = held<Awaited<ReturnType<typeof broken.check>>>();
    const partial = checkAnswers([], { complete: false });
    const { page, ready, messages } = await open(
      {
        ...broken,
        check: (request, context) => {
          asked.push(request.quick);
          context.report(1, 4);
          return request.quick ? partial.check(request, context) : promise;
        },
      },
      { state: { pane: 'check' } },
    );
    await ready('check');
    assert.deepEqual(asked, [true]);
    assert.match(await words(page, '.check-head .statement'), /^Not all of the image is checked/);
    await page.locator('.check-head').getByRole('button', { name: 'Check', exact: true }).click();
    assert.match(await words(page, '.progress-words'), /^Checking the image 25 %$/);
    assert.equal(await page.locator('.check-group').count(), 0, 'nothing is drawn as found');
    await page.locator('.progress').getByRole('button', { name: 'Cancel' }).click();
    assert.match(await words(page, '.failure'), /^The check was cancelled; what it would tell is not known\./);
    await page.locator('.failure').getByRole('button').click();
    release(await broken.check({ quick: false }, { signal: new AbortController().signal } as never));
    await page.locator('#group-tables-overlap').waitFor();
    assert.deepEqual(asked, [true, false, false]);
    assert.deepEqual(
      messages.filter(({ type }) => type === 'checked'),
      [
        { type: 'checked', whole: false },
        { type: 'checked', whole: true },
      ],
    );
  });

  it('checks nothing by itself where the settings say so, and all by the command', async () => {
    const { page, ready, send } = await open(broken, {
      state: { pane: 'check' },
      settings: { ...defaultSettings, checkOnOpen: 'off' },
    });
    await ready('check');
    assert.equal(await words(page, '.check-head .statement'), 'Not checked yet.');
    assert.match(await words(page, '.badges'), /Check$/);
    await page.getByRole('tab', { name: 'Overview' }).click();
    send({ type: 'command', command: 'check' });
    await ready('check');
    await page.locator('#group-tables-overlap').waitFor();
  });

  it('reads the file again for another check, and says of what was checked that the file has changed since', async () => {
    const { page, ready, messages, send } = await open(broken, { state: { pane: 'check' } });
    await ready('check');
    const news = {
      opened: 1,
      cause: 'first',
      openedAt: 0,
      file: { state: 'changed', at: 0 },
      paused: false,
      locks: { state: 'free' },
      journal: { state: 'none' },
    } as const;
    send({ type: 'news', news });
    await page.locator('qcow2-check').getByText('The file has changed since').waitFor();
    await page.locator('.check-head').getByRole('button', { name: 'Check again' }).click();
    assert.deepEqual(messages.at(-1), { type: 'reload' });
    send({ type: 'news', news: { ...news, opened: 2, cause: 'asked', file: { state: 'same' } } });
    await page.locator('qcow2-check').getByText('The file has changed since').waitFor({ state: 'detached' });
    await page.locator('#group-tables-overlap').waitFor();
    assert.deepEqual(messages.at(-1), { type: 'checked', whole: true });
  });

  it('says why a check failed, and that a file is none to be checked', async () => {
    const { page, ready } = await open(
      {
        ...broken,
        check: async () => {
          throw new Qcow2Error('read-failed', 'The disk is gone', { system: 'EIO' });
        },
      },
      { state: { pane: 'check' } },
    );
    await ready('check');
    assert.match(await words(page, '.failure'), /The check failed: The disk is gone/);
    const other = await open(answersFor(foreign), { state: { pane: 'check' } });
    await other.ready('check');
    assert.match(await words(other.page, 'qcow2-check'), /^There is nothing to check: /);
  });

  it('says that not all ranges are told where they are too many', async () => {
    const { page, ready } = await open(
      { ...answersFor(plain), ...checkAnswers(found, { result, impacts, unlistedImpacts: 7000 }) },
      { state: { pane: 'check' } },
    );
    await ready('check');
    assert.equal(await words(page, '.check-head .statement'), 'At least one guest range reads wrong data.');
    assert.match(await words(page, 'qcow2-check'), /7.000 more ranges are hurt, and not listed\./);
  });

  it('says that nothing was found where nothing was', async () => {
    const { page, ready } = await open(
      { ...answersFor(everything), ...checkAnswers([], { result: { ...result, corruptions: 0, leaks: 0 } }) },
      { state: { pane: 'check' } },
    );
    await ready('check');
    assert.equal(await words(page, '.check-head .statement'), 'No errors were found.');
    assert.equal(await page.locator('.tab-count').count(), 0);
  });

  it('follows a finding of a real image to its byte', async () => {
    const image = small();
    image.entry(4, 2, copied | 0x5_1200n);
    const { handlers } = await inspectStorage(image.toStorage());
    // The quick check may give up on a busy machine.
    const settings = { ...defaultSettings, checkOnOpen: 'full' } as const;
    const { page, ready } = await open(handlers, { state: { pane: 'check' }, settings });
    await ready('check');
    await page.locator('#group-l2-entry-unaligned').getByRole('button', { name: 'Show bytes' }).click();
    await ready('hex');
    assert.match(await words(page, 'qcow2-hex-pane'), /selected 0x4_0010 \+ 8 bytes/);
  });
});
