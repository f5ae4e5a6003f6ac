import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import type { ImageDescription } from '../../src/engine/image/description.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import { oneSnapshot } from '../support/oneSnapshot.ts';
import { type Answers, answersFor, forbidden, held } from './answers.ts';
import { everything, foreign, hostileName, plain } from './images.ts';
import { pages } from './pages.ts';
import { violationsInThemes } from './violations.ts';

/** The text of an element, with single spaces. */
async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, ' ').trim();
}

/** 65536 snapshots, of which the description has the first ones. */
function manySnapshots(): { image: ImageDescription; rows: ImageDescription['snapshots']['items'] } {
  const [one] = everything.snapshots.items;
  assert.ok(one !== undefined);
  const rows = Array.from({ length: 65536 }, (_, index) => ({ ...one, id: String(index), name: `snapshot ${index}` }));
  return { image: { ...plain, snapshots: { state: 'whole', items: rows.slice(0, 1000), count: rows.length } }, rows };
}

function manyAnswers(image: ImageDescription, rows: ReturnType<typeof manySnapshots>['rows']): Answers {
  return {
    ...answersFor(image),
    snapshots: async ({ from, count }) => rows.slice(from, from + count),
    snapshot: async ({ index }) => ({ ...(rows[index] ?? assert.fail()), length: 72, fields: [], extraFields: [] }),
  };
}

describe('the panes of snapshots, bitmaps and encryption', function () {
  this.timeout(120_000);
  const { open } = pages();

  it('have no axe violations in any theme', async () => {
    const { page, ready } = await open(answersFor(everything), {
      state: { pane: 'snapshots', selection: 'snapshot:1' },
    });
    await ready('snapshots');
    await page.getByText('Count its clusters').click();
    await page.getByText('Compare it with the active layer').click();
    await page.locator('#differences [role=row]').nth(3).click();
    assert.deepEqual(await violationsInThemes(page), [], 'snapshots');
    await page.getByRole('tab', { name: 'Bitmaps' }).click();
    await page.locator('#bitmap-directory .grid-body [role=row]').first().click();
    await page.locator('#dirty [role=row]').nth(2).click();
    assert.deepEqual(await violationsInThemes(page), [], 'bitmaps');
    await page.getByRole('tab', { name: 'Encryption' }).click();
    await page.locator('#key-slots .grid-body [role=row]').nth(2).click();
    assert.deepEqual(await violationsInThemes(page), [], 'encryption');
  });

  for (const [width, height] of [
    [600, 900],
    [1000, 700],
    [1800, 1000],
  ] as const) {
    it(`fit into ${width} x ${height} pixels without scrolling sideways, with all that can be asked for`, async () => {
      const { page, ready } = await open(answersFor(everything), {
        size: { width, height },
        state: { pane: 'snapshots', selection: 'snapshot:1' },
      });
      const beyond = (): Promise<string[]> =>
        page.evaluate(() =>
          [document.documentElement, ...document.querySelectorAll('.pane, .inspector')]
            .filter((box) => box.scrollWidth > box.clientWidth)
            .map((box) => `${box.className}: ${box.scrollWidth} > ${box.clientWidth}`),
        );
      await ready('snapshots');
      await page.getByText('Count its clusters').click();
      await page.getByText('Compare it with the active layer').click();
      await page.locator('#differences').waitFor();
      assert.deepEqual(await beyond(), []);
      await page.getByRole('tab', { name: 'Bitmaps' }).click();
      await page.locator('#bitmap-directory .grid-body [role=row]').first().click();
      await page.locator('#dirty').waitFor();
      assert.deepEqual(await beyond(), []);
      await page.getByRole('tab', { name: 'Encryption' }).click();
      await ready('encryption');
      assert.deepEqual(await beyond(), []);
    });
  }

  it('say in a sentence that there is nothing', async () => {
    const { page, ready } = await open(answersFor(plain), { state: { pane: 'snapshots' } });
    await ready('snapshots');
    assert.equal(await textOf(page, 'qcow2-snapshots'), 'Snapshots None.');
    await page.getByRole('tab', { name: 'Bitmaps' }).click();
    await ready('bitmaps');
    assert.equal(await textOf(page, 'qcow2-bitmaps'), 'Bitmaps None.');
    await page.getByRole('tab', { name: 'Encryption' }).click();
    await ready('encryption');
    assert.match(await textOf(page, 'qcow2-encryption'), /^The image is not encrypted: [^.]*\.$/);
  });

  it('say so of a file without a header', async () => {
    const { page, ready } = await open(answersFor(foreign), { state: { pane: 'encryption' } });
    await ready('encryption');
    assert.match(await textOf(page, 'qcow2-encryption'), /no header/);
  });

  it('show names of the image as text', async () => {
    const { page, ready } = await open(answersFor(everything), { state: { pane: 'bitmaps', selection: 'bitmap:0' } });
    await ready('bitmaps');
    const shown = hostileName.replace('\u202e', '\\u{202e}');
    assert.equal(await page.locator('#bitmap-directory bdi').innerText(), shown);
    assert.equal(await page.locator('qcow2-bitmaps h2 bdi').innerText(), shown);
  });

  describe('snapshots', () => {
    it('are asked for as they come into view, up to the last of 65536, few of them in the document', async () => {
      const { image, rows } = manySnapshots();
      const asked: number[] = [];
      const { page, ready } = await open(
        {
          ...manyAnswers(image, rows),
          snapshots: async ({ from, count }) => {
            asked.push(from);
            return rows.slice(from, from + count);
          },
        },
        { state: { pane: 'snapshots' } },
      );
      await ready('snapshots');
      assert.deepEqual(asked, []);
      await page.locator('#snapshot-table [role=grid]').focus();
      await page.keyboard.press('End');
      await page.locator('#snapshot-table').getByText('snapshot 65535').waitFor();
      await page.locator('.inspector-title').getByText('snapshot 65535').waitFor();
      assert.equal(asked.length, 1);
      assert.ok((await page.locator('#snapshot-table [role=row]').count()) < 60);
      assert.equal(await page.locator('#snapshot-table [role=grid]').getAttribute('aria-rowcount'), '65537');
    });

    it('are brought into view when they are revealed', async () => {
      const { image, rows } = manySnapshots();
      const { page, ready } = await open(manyAnswers(image, rows), {
        state: { pane: 'snapshots', selection: 'snapshot:40000' },
      });
      await ready('snapshots');
      await page.locator('#snapshot-table [aria-selected=true]').getByText('snapshot 40000').waitFor();
    });

    it('have Retry where the table can’t be read', async () => {
      const { image, rows } = manySnapshots();
      let fails = true;
      const { page, ready } = await open(
        {
          ...manyAnswers(image, rows),
          snapshots: async ({ from, count }) => {
            if (fails) {
              fails = false;
              throw forbidden;
            }
            return rows.slice(from, from + count);
          },
        },
        { state: { pane: 'snapshots', selection: 'snapshot:40000' } },
      );
      await ready('snapshots').catch(() => undefined);
      await page.getByRole('button', { name: 'Retry' }).first().click();
      await page.locator('#snapshot-table').getByText('snapshot 40000').waitFor();
    });

    it('have their clusters counted on demand only, with a way to cancel and to start again', async () => {
      const { promise, release } = held<Awaited<ReturnType<ReturnType<typeof answersFor>['snapshotUse']>>>();
      const answers = answersFor(everything);
      let asked = 0;
      const { page, ready } = await open(
        {
          ...answers,
          snapshotUse: (argument, context) => {
            asked += 1;
            return asked === 1 ? promise : answers.snapshotUse(argument, context);
          },
        },
        { state: { pane: 'snapshots', selection: 'snapshot:0' } },
      );
      await ready('snapshots');
      assert.equal(asked, 0);
      await page.getByText('Count its clusters').click();
      await page.getByRole('button', { name: 'Cancel' }).click();
      await page.getByText('was cancelled').waitFor();
      await page.getByRole('button', { name: 'Start again' }).click();
      await page.locator('.counts').waitFor();
      assert.equal(asked, 2);
      release(
        await answers.snapshotUse(
          { index: 0 },
          { signal: new AbortController().signal, report: () => undefined, progress: { step: async () => undefined } },
        ),
      );
      assert.match(await textOf(page, '.counts tbody tr'), /its own: no other layer has them 19 661 3 19 664 1\.2 GiB/);
      assert.match(await textOf(page, 'qcow2-snapshots .statement'), /Deleting it frees 1\.2 GiB/);
      assert.match(await textOf(page, 'qcow2-snapshots'), /1 cluster of its own would stay allocated/);
    });

    it('can’t be deleted where QEMU refuses the image', async () => {
      const refused: ImageDescription = { ...everything, qemuRefusal: 'Image is corrupt' };
      const { page, ready } = await open(answersFor(refused), {
        state: { pane: 'snapshots', selection: 'snapshot:0' },
      });
      await ready('snapshots');
      await page.getByText('Count its clusters').click();
      await page.getByText('that has to be put right before a snapshot can be deleted').waitFor();
    });

    it('have the ranges that differ as selections in either layer', async () => {
      const { page, ready, messages } = await open(answersFor(everything), {
        state: { pane: 'snapshots', selection: 'snapshot:1' },
      });
      await ready('snapshots');
      await page.getByText('Compare it with the active layer').click();
      const rows = page.locator('#differences .grid-body [role=row]');
      const selection = (): unknown => {
        const state = messages.findLast(({ type }) => type === 'state');
        return state?.type === 'state' && typeof state.state === 'object' && state.state && 'selection' in state.state
          ? state.state.selection
          : undefined;
      };
      await rows.first().click();
      await page.locator('#differences [aria-selected=true]').waitFor();
      assert.equal(selection(), 'guest:0+1048576');
      await page.getByLabel('the snapshot').check();
      await rows.nth(1).click();
      await page.locator('#differences [aria-rowindex="3"][aria-selected=true]').waitFor();
      assert.equal(selection(), 'guest:16777216+1048576@1');
      assert.equal(
        await page.locator('#snapshot-table [aria-selected=true]').count(),
        1,
        'it is still about the snapshot',
      );
    });

    it('have all ranges that differ by scrolling, each page asked for once', async () => {
      const asked: bigint[] = [];
      const answers = answersFor(everything);
      const { page, ready } = await open(
        {
          ...answers,
          differingRanges: (request, context) => {
            asked.push(request.from);
            return answers.differingRanges(request, context);
          },
        },
        { state: { pane: 'snapshots', selection: 'snapshot:1' } },
      );
      await ready('snapshots');
      await page.getByText('Compare it with the active layer').click();
      await page.locator('#differences [role=grid]').focus();
      for (let pages = 0; pages < 30 && !(await page.getByText('to the end of the disk').isVisible()); pages++) {
        await page.keyboard.press('End');
        await page.waitForTimeout(20);
      }
      assert.equal(await page.getByText('1 000 ranges from 0x0 to the end of the disk').count(), 1);
      assert.deepEqual(asked, [0n, 256n << 24n, 512n << 24n, 768n << 24n]);
    });
  });

  it('tell of a real snapshot what the engine counts', async () => {
    const { handlers } = await inspectStorage(oneSnapshot().toStorage());
    const { page, ready } = await open(handlers, { state: { pane: 'snapshots', selection: 'snapshot:0' } });
    await ready('snapshots');
    await page.getByText('Count its clusters').click();
    await page.getByText('Compare it with the active layer').click();
    await page.locator('#differences').waitFor();
    const text = await textOf(page, 'qcow2-snapshots');
    assert.match(text, /Deleting it frees 256 KiB 262 144 bytes/);
    assert.match(text, /its own: no other layer has them 1 2 3 192 KiB shared with the active layer 1 0 1 64 KiB/);
    assert.match(text, /128 KiB in 2 ranges differ/);
    const rows = await page.locator('#differences .grid-body [role=row]').allInnerTexts();
    assert.deepEqual(
      rows.map((row) => row.split(/\s*\n\s*/)),
      [
        ['0x1_0000', '64 KiB', 'removed', 'data', 'unallocated'],
        ['0x2_0000', '64 KiB', 'written', 'unallocated', 'data'],
      ],
    );
  });

  describe('bitmaps', () => {
    it('have their flags in words, the dirty bytes and ranges as selections', async () => {
      const { page, ready } = await open(answersFor(everything), { state: { pane: 'bitmaps', selection: 'bitmap:0' } });
      await ready('bitmaps');
      const text = await textOf(page, 'qcow2-bitmaps');
      assert.match(text, /in use: inconsistent, auto/);
      assert.match(text, /999 MiB are dirty/);
      assert.match(text, /more may be dirty than it says/);
      assert.match(text, /Of 1 MiB it is not known/);
      await page.locator('#dirty .grid-body [role=row]').nth(2).click();
      await page.locator('#dirty [aria-selected=true]').waitFor();
      assert.match(await textOf(page, '#dirty [aria-selected=true]'), /0x200_0000 1 MiB/);
    });

    it('say why nothing can be read of them', async () => {
      const { page, ready } = await open(
        {
          ...answersFor(everything),
          bitmapUse: async () => ({ unreadable: 'Its type is 2.', ranges: 0, dirty: 0n, unknown: 0n }),
        },
        { state: { pane: 'bitmaps', selection: 'bitmap:0' } },
      );
      await ready('bitmaps');
      assert.match(await textOf(page, 'qcow2-bitmaps'), /can’t be read\. Its type is 2\./);
    });
  });

  describe('encryption', () => {
    it('has every part of the LUKS area and every key slot as one selection', async () => {
      const { page, ready } = await open(answersFor(everything), { state: { pane: 'encryption' } });
      await ready('encryption');
      await page.getByRole('button', { name: /key material of slot 3/ }).click();
      await page.locator('#key-slots [aria-selected=true]').waitFor();
      assert.match(await textOf(page, '#key-slots [aria-selected=true]'), /^3 not in use/);
      assert.equal(await page.locator('.inspector-title').innerText(), 'Key slot 3');
      await page.locator('#key-slots [role=grid]').focus();
      await page.keyboard.press('ArrowDown');
      assert.equal(await page.locator('.inspector-title').innerText(), 'Key slot 4');
      assert.match((await page.locator('.luks-part[aria-current=true]').getAttribute('aria-label')) ?? '', /slot 4/);
    });

    it('of the legacy method is told in words', async () => {
      const aes: ImageDescription = { ...plain, encryption: { method: 'AES', fields: [], slots: [] } };
      const { page, ready } = await open(answersFor(aes), { state: { pane: 'encryption', selection: 'encryption' } });
      await ready('encryption');
      assert.match(await textOf(page, 'qcow2-encryption'), /AES, the legacy method Guest data is encrypted/);
      assert.equal(await page.locator('.inspector-title').innerText(), 'AES');
    });
  });
});
