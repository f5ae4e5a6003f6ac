import assert from 'node:assert/strict';
import type { FileNews } from '../../src/protocol/news.ts';
import { answersFor } from './answers.ts';
import { plain } from './images.ts';
import { pages } from './pages.ts';
import { violations } from './violations.ts';

const news: FileNews = {
  opened: 1,
  cause: 'first',
  openedAt: 0,
  file: { state: 'same' },
  paused: false,
  locks: { state: 'free' },
  journal: { state: 'interrupted', title: 'Upgrade to compat 1.1 <b>' },
};
const node = { pid: 812, name: 'node', use: 'writes' } as const;
const held = { state: 'held', holders: [node], unseen: undefined } as const;

describe('the page of an image of which a change was interrupted', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('says so, and leads to the roll back', async () => {
    const { page, send, messages, ready } = await open(answersFor(plain));
    await ready();
    send({ type: 'news', news });
    const notice = page.locator('.notice');
    await notice.waitFor();
    const said = (await notice.innerText()).replaceAll(/\s+/g, ' ');
    assert.match(said, /was interrupted: “Upgrade to compat 1\.1 <b>”\. A part of it may be written/);
    assert.deepEqual(await violations(page), []);
    await page.getByRole('button', { name: 'Roll Back…' }).click();
    assert.deepEqual(messages.at(-1), { type: 'roll-back' });
  });

  it('does not take a change that is being applied for an interrupted one', async () => {
    const { page, send, ready } = await open(answersFor(plain));
    await ready();
    send({ type: 'news', news: { ...news, locks: held } });
    await page.getByText('node (pid 812) has it open for writing').first().waitFor();
    assert.equal(await page.getByText('was interrupted').count(), 0);
    send({ type: 'news', news: { ...news, locks: held, journal: { state: 'running' } } });
    await page.locator('.notice', { hasText: 'This image is being changed' }).waitFor();
    assert.equal(await page.locator('.notice').count(), 1);
  });

  it('says nothing of a change that can be undone', async () => {
    const { page, send, ready } = await open(answersFor(plain));
    await ready();
    send({ type: 'news', news: { ...news, journal: { state: 'finished', title: 'Resize' } } });
    send({ type: 'news', news: { ...news, paused: true, journal: { state: 'finished', title: 'Resize' } } });
    await page.locator('.notice', { hasText: 'Changes on disk are not read' }).waitFor();
    assert.equal(await page.locator('.notice').count(), 1);
  });
});
