import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { ChainPicture, OpenChainRequest } from '../../src/protocol/chainApi.ts';
import type { Handlers } from '../../src/worker/server.ts';
import { answersFor, held } from './answers.ts';
import { chainWith, closedChain, oddNames, openedChain, untrustedChain } from './chainPictures.ts';
import { everything, foreign, hostileName, plain } from './images.ts';
import { pages } from './pages.ts';
import { violationsInThemes } from './violations.ts';

/** A worker whose chain is opened and closed as it is asked; notes what it was asked. */
function worker(closed: ChainPicture, opened: ChainPicture = openedChain) {
  const asked: (string | OpenChainRequest)[] = [];
  let now = closed;
  const handlers: Partial<Handlers> = {
    ...answersFor(everything),
    chain: async () => now,
    openChain: async (request) => {
      asked.push(request);
      now = opened;
      return now;
    },
    closeChain: async () => {
      asked.push('close');
      now = { ...closed, generation: opened.generation + 1 };
      return now;
    },
  };
  return { handlers, asked };
}

const state = { pane: 'chain' };

describe('the pane of the chain', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('shows what the image names, and opens nothing by itself', async () => {
    const { handlers, asked } = worker(closedChain);
    const { page, ready } = await open(handlers, { state });
    await ready('chain');
    const cards = await page
      .getByRole('list', { name: 'Files, from the image down' })
      .getByRole('region')
      .allInnerTexts();
    assert.equal(cards.length, 3);
    assert.match(cards[0] ?? '', /this image[\s\S]*open[\s\S]*web-01\.qcow2[\s\S]*1\sGiB/);
    assert.match(cards[1] ?? '', /external data file[\s\S]*not opened[\s\S]*web-01\.raw[\s\S]*yes/);
    assert.match(cards[2] ?? '', /backing file[\s\S]*not opened[\s\S]*\.\.\/base\/debian-12\.qcow2[\s\S]*qcow2/);
    assert.doesNotMatch(cards[2] ?? '', /bytes|MiB/);
    assert.deepEqual(asked, []);
  });

  it('opens the chain when the user says so, says what is missing and why, and closes it again', async () => {
    const { handlers, asked } = worker(closedChain);
    const { page, ready } = await open(handlers, { state });
    await ready('chain');
    await page.getByText('Open backing chain…').click();
    await page.getByText('ENOENT').waitFor();
    const text = await page.locator('.pane').innerText();
    assert.match(text, /debian-12\.qcow2[\s\S]*800\sMiB/);
    assert.match(text, /depth 2[\s\S]*missing[\s\S]*\/srv\/golden\.img[\s\S]*ENOENT/);
    assert.match(text, /Ends 224\sMiB before the disk above/);
    await page.getByText('Close backing chain').click();
    await page.getByText('Open backing chain…').waitFor();
    assert.deepEqual(asked, [{ guess: false }, 'close']);
  });

  it('works by the keyboard alone', async () => {
    const { handlers, asked } = worker(closedChain);
    const { page, ready } = await open(handlers, { state });
    await ready('chain');
    await page.getByRole('tab', { name: 'Chain' }).focus();
    for (let presses = 0; presses < 5 && asked.length === 0; presses++) {
      await page.keyboard.press('Tab');
      const here = await page.evaluate(() => document.activeElement?.textContent?.trim());
      if (here === 'Open backing chain…') {
        await page.keyboard.press('Enter');
        await page.getByText('ENOENT').waitFor();
      }
    }
    assert.deepEqual(asked, [{ guess: false }]);
  });

  it('can’t be opened in Restricted Mode, and says why', async () => {
    const { handlers, asked } = worker(untrustedChain);
    const { page, ready } = await open(handlers, { state });
    await ready('chain');
    const button = page.locator('vscode-button', { hasText: 'Open backing chain…' });
    assert.equal(await button.getAttribute('disabled'), '');
    await button.click({ force: true });
    assert.match(await page.locator('.pane').innerText(), /Restricted Mode: no file that an image names is opened/);
    assert.equal(await page.getByText('Open in its own tab').count(), 0);
    assert.deepEqual(asked, []);
  });

  it('follows the trust that the user grants', async () => {
    let now = untrustedChain;
    const { page, ready } = await open({ ...answersFor(everything), chain: async () => now }, { state });
    await ready('chain');
    now = { ...closedChain, generation: 7 };
    await page.evaluate(() => window.postMessage({ type: 'chain' }, '*'));
    await page.getByText('Nothing that the image names was opened').waitFor();
  });

  it('says what the worker refuses, and tries again', async () => {
    const { handlers } = worker(closedChain);
    let refused = true;
    const { page, ready } = await open(
      {
        ...handlers,
        openChain: async (request, context) => {
          if (refused) {
            throw new Qcow2Error('not-allowed', 'In Restricted Mode no file is opened.');
          }
          return handlers.openChain?.(request, context) ?? openedChain;
        },
      },
      { state },
    );
    await ready('chain');
    await page.getByText('Open backing chain…').click();
    assert.match(await page.locator('[role=alert]').innerText(), /In Restricted Mode no file is opened/);
    refused = false;
    await page.getByText('Retry').click();
    await page.getByText('ENOENT').waitFor();
  });

  it('asks the host for a file’s own tab by its place, never by a path', async () => {
    const { handlers } = worker(openedChain);
    const { page, ready, messages } = await open(handlers, { state });
    await ready('chain');
    assert.equal(await page.getByText('Open in its own tab').count(), 1);
    await page.getByText('Open in its own tab').click();
    assert.deepEqual(
      messages.filter(({ type }) => type === 'open-file'),
      [{ type: 'open-file', file: { depth: 1, role: 'backing' } }],
    );
  });

  for (const [name, words] of oddNames) {
    it(`flags the name ${JSON.stringify(name)}, and shows each character of it`, async () => {
      const { page, ready } = await open(
        { ...answersFor(everything), chain: async () => chainWith({ name }, false) },
        { state },
      );
      await ready('chain');
      const card = page.getByRole('region', { name: 'backing file', exact: true });
      const text = await card.innerText();
      assert.match(text, words);
      assert.ok(text.includes(name.replace('\u202e', '\\u{202e}')), text);
      assert.doesNotMatch(text, /\u202e/);
      assert.equal(await card.locator('img, script').count(), 0);
    });
  }

  it('offers nothing where the name is never followed', async () => {
    const never = chainWith(
      { name: 'json:{}', path: undefined, state: 'refused-name', message: 'never followed' },
      false,
    );
    const { page, ready } = await open({ ...answersFor(everything), chain: async () => never }, { state });
    await ready('chain');
    assert.equal(await page.locator('vscode-button', { hasText: 'Open backing chain…' }).getAttribute('disabled'), '');
    assert.match(await page.locator('.pane').innerText(), /no plain path, and is never followed/);
  });

  it('guesses a format only when asked, and says that it did', async () => {
    const unnamed = chainWith({ state: 'no-format', format: undefined, formatSource: undefined });
    const { handlers, asked } = worker(unnamed, chainWith({ state: 'open', format: 'raw', formatSource: 'probed' }));
    const { page, ready } = await open(handlers, { state });
    await ready('chain');
    assert.match(await page.locator('.pane').innerText(), /QEMU would guess it/);
    await page.getByText('Open, guessing formats').click();
    await page.getByText('it was guessed from the first bytes').waitFor();
    assert.deepEqual(asked, [{ guess: true }]);
  });

  it('says where the chain comes back to itself', async () => {
    const { page, ready } = await open(
      { ...answersFor(everything), chain: async () => chainWith({ state: 'loop' }) },
      { state },
    );
    await ready('chain');
    assert.match(await page.locator('.pane').innerText(), /in the chain already: QEMU refuses/);
  });

  it('shows the selection, and selects', async () => {
    const { handlers } = worker(openedChain);
    const { page, ready } = await open(handlers, { state: { ...state, selection: 'backing' } });
    await ready('chain');
    assert.match(await page.locator('.pane [aria-current=true]').innerText(), /debian-12/);
    assert.match(await page.locator('.inspector').innerText(), /open, 700\sMiB/);
    await page.getByRole('button', { name: 'web-01.raw' }).click();
    assert.match(await page.locator('.inspector').innerText(), /External data file[\s\S]*open, 1\sGiB/);
  });

  it('has the map asked again when the chain was opened, here or in another view, and only then', async () => {
    let now = closedChain;
    let asked = 0;
    let pictures = 0;
    const answers = answersFor(everything);
    const { page, ready } = await open(
      {
        ...answers,
        chain: async () => {
          asked++;
          return now;
        },
        picture: (request, context) => {
          pictures++;
          return answers.picture(request, context);
        },
      },
      { state: { pane: 'map' } },
    );
    await ready('map');
    const tell = async (): Promise<void> => {
      const before = asked;
      await page.evaluate(() => window.postMessage({ type: 'chain' }, '*'));
      while (asked === before) {
        await page.waitForTimeout(20);
      }
      await page.waitForTimeout(200);
    };
    await tell();
    const before = pictures;
    await tell();
    assert.equal(pictures, before);
    now = openedChain;
    await tell();
    assert.ok(pictures > before);
  });

  it('says that an image stands alone, and that another file names nothing', async () => {
    const [top] = closedChain.files;
    assert(top);
    const alone = { ...closedChain, files: [{ ...top, dataFile: undefined }] } as unknown as ChainPicture;
    const first = await open({ ...answersFor(plain), chain: async () => alone }, { state });
    await first.ready('chain');
    assert.match(await first.page.locator('.pane').innerText(), /stands alone/);
    const other = await open({ ...answersFor(foreign), chain: async () => alone }, { state });
    await other.ready('chain');
    assert.match(await other.page.locator('.pane').innerText(), /no header that could name/);
  });

  it('shows nothing before it is known, and says what failed', async () => {
    const answer = held<ChainPicture>();
    let failing = true;
    const { page, ready } = await open(
      {
        ...answersFor(everything),
        chain: async () => {
          if (failing) {
            throw new Qcow2Error('read-failed', 'The disk is gone.');
          }
          return answer.promise;
        },
      },
      { state },
    );
    await ready('chain');
    assert.match(await page.locator('[role=alert]').innerText(), /The disk is gone/);
    failing = false;
    await page.getByText('Retry').click();
    await page.getByText('Asking what the image names').waitFor();
    assert.equal(await page.locator('.chain-file').count(), 0);
    answer.release(closedChain);
    await page.getByText('Open backing chain…').waitFor();
  });

  it('has no violations for axe in any theme, closed, open, untrusted, narrow and wide', async () => {
    for (const [picture, width] of [
      [closedChain, 1400],
      [openedChain, 600],
      [untrustedChain, 1800],
      [chainWith({ name: hostileName, state: 'loop' }), 1000],
    ] as const) {
      const { page, ready, close } = await open(
        { ...answersFor(everything), chain: async () => picture },
        { state: { ...state, selection: 'backing' }, size: { width, height: 900 } },
      );
      await ready('chain');
      assert.deepEqual(await violationsInThemes(page), []);
      const wide = await page.evaluate(() => {
        const pane = document.querySelector('.pane-content');
        return pane !== null && pane.scrollWidth > pane.clientWidth;
      });
      assert.equal(wide, false, `${width} px`);
      await close();
    }
  });
});
