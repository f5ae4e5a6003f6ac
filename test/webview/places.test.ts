import assert from 'node:assert/strict';
import type { Storage } from '../../src/engine/ports.ts';
import { inspectStorage } from '../../src/worker/inspection.ts';
import type { Handlers } from '../../src/worker/server.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { answersFor } from './answers.ts';
import { everything, plain } from './images.ts';
import type { Inspector } from './page.ts';
import { pages } from './pages.ts';

/**
 * A disk of 1 MiB: data, zeros, data that a snapshot shares, compressed data, data past the end of the file. The snapshot
 * has an L1 and an L2 table of its own.
 */
function image(): ImageBuilder {
  const built = new ImageBuilder({ size: 1n << 20n, nb_snapshots: 1, snapshots_offset: 7n << 16n });
  built
    .l1(0, copied | built.at(4))
    .entry(4, 0, copied | built.at(5))
    .entry(4, 1, zero)
    .entry(4, 2, built.at(6));
  built.entry(4, 3, compressed | (1n << 54n) | (built.at(10) + 100n)).entry(4, 4, copied | built.at(40));
  built
    .put64(built.at(7), built.at(8))
    .put32(built.at(7) + 8n, 1)
    .put16(built.at(7) + 14n, 6);
  built
    .put32(built.at(7) + 36n, 16)
    .put64(built.at(7) + 48n, 1n << 20n)
    .put(built.at(7) + 56n, 'before');
  built
    .put64(built.at(8), copied | built.at(9))
    .entry(9, 2, built.at(6))
    .truncate(built.at(11));
  for (const [cluster, refcount] of [4, 5, 6, 7, 8, 9, 10].map((one) => [one, one === 6 ? 2 : 1] as const)) {
    built.refcount(cluster, refcount);
  }
  return built;
}

/** The Inspector's text, with the spaces within numbers as they are typed. */
async function explained({ page }: Inspector): Promise<string> {
  await page.waitForFunction(() => document.querySelector('.inspector qcow2-asked') !== null);
  await page.waitForFunction(() => document.querySelector('.inspector .progress') === null);
  await page
    .locator('.inspector h3')
    .getByText('Belongs to')
    .or(page.locator('.inspector h3').getByText('Copy'))
    .first()
    .waitFor();
  return (await page.locator('.inspector').innerText()).replaceAll('\u202f', ' ').replaceAll(/\s+/g, ' ');
}

/** Presses a link of the Inspector. */
async function follow({ page }: Inspector, name: string): Promise<void> {
  await page.locator('.inspector').getByRole('button', { name, exact: true }).first().click();
}

describe('the Inspector, with the engine behind it', function () {
  this.timeout(60_000);
  const { open } = pages();

  const select = async (selection: string, storage: Storage = image().toStorage()): Promise<Inspector> => {
    const inspector = await open((await inspectStorage(storage)).handlers, { state: { pane: 'header', selection } });
    await inspector.ready('header');
    return inspector;
  };

  const belongs = (inspector: Inspector) => inspector.page.locator('.inspector h3').getByText('Belongs to').waitFor();

  it('explains a guest cluster: both addresses, the chain, the bits, the refcount, the owner', async () => {
    const inspector = await select('guest:0+65536');
    await belongs(inspector);
    const text = await explained(inspector);
    for (const part of [
      /^.*data Stored in the file as it is/,
      /guest 0x0 length 64 KiB cluster 0 host 0x5_0000 cluster 5/,
      /header L1\[0\] L2\[0\] host 0x5_0000/i,
      /0x8000000000050000/,
      /bit 63 copied: 1 refcount is 1/,
      /bits 9–55 host cluster offset: 0x5_0000 cluster 5/,
      /stored 1 in refcount_table\[0\] → refcount\[5\]/,
      /data: L1\[0\] → L2\[0\] guest 0x0 \+ 64 KiB/,
      /1 reference counted, refcount 1/,
    ]) {
      assert.match(text, part);
    }
  });

  it('shows the first bytes of a range, and never zeros for what is not known', async () => {
    const data = await select(
      'guest:0+65536',
      image()
        .put(5n << 16n, 'guest data')
        .toStorage(),
    );
    await data.page.getByText('First 64 bytes').waitFor();
    assert.match(await explained(data), /67 75 65 73 74 20 64 61 guest da 74 61 00 00 00 00 00 00 ta/);
    const zeros = await select('guest:65536+4');
    await zeros.page.getByText('zero: reads as zeros').waitFor();
    assert.match(await explained(zeros), /BYTES 00 00 00 00 .... zero: reads as zeros/i);
    const broken = await select('guest:196608+8');
    await broken.page.getByText('does not decompress').waitFor();
    assert.doesNotMatch(await broken.page.locator('.inspector').innerText(), /00 00 00 00 00 00 00 00/);
  });

  it('names the structures in a range of the file, each a link', async () => {
    const header = await select('host:40+8');
    await header.page.locator('.inspector').getByRole('button', { name: 'header.l1_table_offset' }).click();
    assert.equal(await header.page.locator('.inspector-title').innerText(), 'l1_table_offset');
    const table = await select('host:262160+8');
    await table.page.locator('.inspector').getByRole('button', { name: 'L1[0] → L2[2]' }).click();
    await table.page.locator('.inspector-title').getByText('L2[2]').waitFor();
  });

  it('finds both layers that share a cluster', async () => {
    const inspector = await select('guest:131072+1');
    await belongs(inspector);
    const text = await explained(inspector);
    assert.match(text, /stored 2/);
    assert.match(text, /data: L1\[0\] → L2\[2\]/);
    assert.match(text, /data: snapshot\[0\] → L1\[0\] → L2\[2\]/);
    assert.match(text, /kept: 2 references counted, refcount 2/);
    assert.match(text, /kept: COPIED is set if the refcount is 1, and only then/);
  });

  it('explains zeros, compressed data, what is past the end of the file, and a range of several', async () => {
    assert.match(await explained(await select('guest:65536+1')), /zero Reads as zeros and takes no place/);
    const packed = await explained(await select('guest:196608+65536'));
    assert.match(packed, /compressed at most 924 bytes/);
    assert.match(packed, /host 0xa_0064 cluster 10/);
    const beyond = await explained(await select('guest:262144+65536'));
    assert.match(beyond, /wrong past the end of the file/);
    const range = await explained(await select('guest:0+1048576'));
    assert.match(range, /Guest range a part of the guest’s disk/);
    assert.match(range, /0x0 \+ 64 KiB data at host 0x5_0000.*0x1_0000 \+ 64 KiB zero/);
  });

  it('explains a snapshot’s guest cluster by the snapshot’s tables', async () => {
    const inspector = await select('guest:131072+65536@0');
    const text = await explained(inspector);
    assert.match(text, /layer snapshot\[0\]/);
    assert.match(text, /header snapshot\[0\] L1\[0\] L2\[2\] host 0x6_0000/);
    await follow(inspector, 'L2[2]');
    assert.match(await explained(inspector), /entry of the L2 table of L1\[0\], snapshot\[0\]/);
  });

  it('follows the chain from the header to the file and back, each step a selection', async () => {
    const inspector = await select('guest:0+65536');
    await belongs(inspector);
    await follow(inspector, 'cluster 5');
    assert.match(await explained(inspector), /Host cluster 5 bytes of the file/);
    await inspector.page.getByRole('button', { name: 'Back', exact: true }).click();
    await belongs(inspector);
    await follow(inspector, 'L1[0]');
    const l1 = await explained(inspector);
    assert.match(l1, /L1\[0\] entry of the L1 table/);
    assert.match(l1, /entry 0x3_0000 host guest 0x0 \+ 1 MiB leads to host 0x4_0000/);
    await follow(inspector, 'header');
    assert.equal(await inspector.page.locator('.inspector-title').innerText(), 'l1_table_offset');
    await inspector.page.getByRole('button', { name: 'Back', exact: true }).click();
    assert.match(await explained(inspector), /L1\[0\] entry of the L1 table/);
    await inspector.page.getByRole('button', { name: 'Back', exact: true }).click();
    await belongs(inspector);
    assert.match(await explained(inspector), /guest 0x0 length 64 KiB/);
    assert.equal(await inspector.page.getByRole('button', { name: 'Back', exact: true }).isEnabled(), false);
    await inspector.page.getByRole('button', { name: 'Forward' }).click();
    assert.match(await explained(inspector), /L1\[0\] entry of the L1 table/);
  });

  it('explains host clusters by what refers to them', async () => {
    const owners: Readonly<Record<string, RegExp>> = {
      'host:0+1': /header: header/,
      'host:65536+65536': /refcount table: header/,
      'host:131072+65536': /refcount block: refcount_table\[0\]/,
      'host:262144+8': /L2 table: L1\[0\] guest 0x0 \+ 1 MiB/,
      'host:458752+65536': /snapshot table/,
      'host:524288+65536': /L1 table: snapshot\[0\]/,
      'host:655360+65536': /compressed data: L1\[0\] → L2\[3\]/,
    };
    for (const [address, words] of Object.entries(owners)) {
      const inspector = await select(address);
      await belongs(inspector);
      const text = await explained(inspector);
      assert.match(text, words, `${address}: ${text}`);
    }
    const range = await select('host:262144+131072');
    await belongs(range);
    assert.match(await explained(range), /Host range.*cluster 4 to 5.*L2 table.*data: L1\[0\] → L2\[0\]/);
  });

  it('explains refcounts and the table that leads to them', async () => {
    const inspector = await select('refcount-entry:0.6');
    await belongs(inspector);
    const text = await explained(inspector);
    assert.match(text, /Refcount of cluster 6 entry 6 of refcount block 0/);
    assert.match(text, /refcount 2 bytes 00 02 width 16 bits/);
    assert.match(text, /Several references, mostly by snapshots/);
    await follow(inspector, 'refcount_table[0]');
    assert.match(await explained(inspector), /entry of the refcount table.*leads to host 0x2_0000/);
  });

  it('says what is wrong where COPIED and the refcount contradict each other, and where references are missing', async () => {
    const broken = image().refcount(5, 3);
    const inspector = await select('l2-entry:0.0', broken.toStorage());
    await belongs(inspector);
    const text = await explained(inspector);
    assert.match(text, /broken: COPIED is set if the refcount is 1/);
    assert.match(text, /broken: 1 reference counted, refcount 3/);
  });

  it('says which entries there are when one is asked for that there is not', async () => {
    const { page } = await select('l1-entry:7');
    await page.getByText('There is no entry 7: the L1 table has the entries 0 to 0.').waitFor();
    await page.locator('.inspector').getByRole('button', { name: 'Retry' }).waitFor();
  });
});

describe('the Inspector', function () {
  this.timeout(60_000);
  const { open } = pages();

  it('shows the rest while it looks for the owners, how far it is, and stops on Cancel', async () => {
    let aborted = false;
    const handlers: Partial<Handlers> = {
      ...answersFor(plain),
      ownersAt: (_, { report, signal }) =>
        new Promise((_resolve, reject) => {
          report(1, 4);
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('aborted'));
          });
        }),
    };
    const { page, ready, errors } = await open(handlers, { state: { pane: 'header', selection: 'guest:0+65536' } });
    await ready('header');
    await page.getByText('Looking for what refers to it 25 %').waitFor();
    assert.match(await page.locator('.inspector').innerText(), /stored\s+1/);
    await page.locator('.inspector').getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Looking for what refers to it was cancelled').waitFor();
    await page.waitForFunction(() => true);
    assert.ok(aborted);
    errors.splice(0);
  });

  it('keeps the focus when a link in it is followed by keyboard', async () => {
    const { page, ready } = await open(answersFor(plain), { state: { pane: 'header', selection: 'l1-entry:3' } });
    await ready('header');
    const link = page.locator('.inspector .chain').getByRole('button', { name: 'header' });
    await link.focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.inspector-title').innerText(), 'l1_table_offset');
    assert.equal(await page.evaluate(() => document.activeElement?.className), 'inspector');
  });

  it('says so when what was selected is not there any more', async () => {
    const { page, ready } = await open(answersFor(plain), { state: { pane: 'header', selection: 'extension:77' } });
    await ready('header');
    await page.getByText('There is no extension[77] in this image.').waitFor();
  });

  it('keeps the history across a reload', async () => {
    const first = await open(answersFor(everything), { state: { pane: 'header' } });
    await first.ready('header');
    await first.page.locator('[data-field=version]').click();
    await first.page.locator('[data-field=size]').click();
    const kept = first.messages.findLast(({ type }) => type === 'state');
    assert.ok(kept?.type === 'state');
    const second = await open(answersFor(everything), { state: structuredClone(kept.state) });
    await second.ready('header');
    await second.page.getByRole('button', { name: 'Back', exact: true }).click();
    assert.equal(await second.page.locator('.inspector-title').innerText(), 'version');
    await second.page.getByRole('button', { name: 'Forward' }).click();
    assert.equal(await second.page.locator('.inspector-title').innerText(), 'size');
  });

  it('goes back over a walk with the arrow keys in one step, to the pane it was in', async () => {
    const { page, ready } = await open(answersFor(everything), { state: { pane: 'header' } });
    await ready('header');
    await page.locator('[data-field=version]').click();
    for (let presses = 0; presses < 4; presses++) {
      await page.keyboard.press('ArrowDown');
    }
    await page.getByRole('tab', { name: 'Overview' }).click();
    await ready('overview');
    await page.evaluate(() => window.postMessage({ type: 'command', command: 'back' }, '*'));
    await ready('overview');
    assert.equal(await page.getByRole('button', { name: 'Back', exact: true }).isEnabled(), false);
  });

  it('copies a value, hex, the offset, JSON and a command, for the path of this image', async () => {
    const { page, ready } = await open(answersFor(plain), {
      name: "it's.qcow2",
      state: { pane: 'header', selection: 'field:l1_table_offset' },
    });
    await ready('header');
    await page.evaluate(() => {
      const texts: string[] = [];
      Object.defineProperty(navigator, 'clipboard', {
        value: { writeText: async (text: string) => void texts.push(text) },
      });
      Object.assign(window, { texts });
    });
    const row = plain.header?.fields.find(({ name }) => name === 'l1_table_offset');
    for (const name of ['Value', 'Value in hex', 'Offset', 'Place', 'od']) {
      await page.locator('.inspector').getByRole('button', { name, exact: true }).click();
      await page.getByText(`${name} copied`).waitFor();
    }
    assert.deepEqual(await page.evaluate('texts'), [
      String(row?.value),
      `0x${row?.value.toString(16)}`,
      '40',
      'header.l1_table_offset',
      "od -A x -t x1 -v -j 40 -N 8 '/images/it'\\''s.qcow2'",
    ]);
  });
});

describe('Go to…, in the page', function () {
  this.timeout(60_000);
  const { open } = pages();
  const goTo = async ({ page }: Inspector): Promise<void> => {
    await page.evaluate(() => window.postMessage({ type: 'command', command: 'go-to' }, '*'));
    await page.locator('#go-to-text:focus').waitFor();
  };

  it('opens by the command, says at once what it would select, and selects it on Enter', async () => {
    const inspector = await open(answersFor(plain), { state: { pane: 'header' } });
    const { page, ready } = inspector;
    await ready('header');
    await goTo(inspector);
    await page.keyboard.type('1.5G');
    assert.deepEqual(
      (await page.locator('.go-to [role=option]').allInnerTexts()).map((text) => text.replace(/\s+/g, ' ').trim()),
      [
        'guest 0x6000_0000 + 1 1.5 GiB from the start of the disk, in cluster 24 576',
        'host 0x6000_0000 + 1 1.5 GiB from the start of the file, in cluster 24 576',
      ],
    );
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('dialog[open]').count(), 0);
    await ready('map');
    await page.locator('.inspector').getByText('0x6000_0000', { exact: true }).first().waitFor();
  });

  it('walks the destinations with the arrows, and closes on Escape without selecting', async () => {
    const inspector = await open(answersFor(plain), { state: { pane: 'header', selection: 'field:size' } });
    const { page, ready } = inspector;
    await ready('header');
    await page.getByRole('button', { name: /^Go to…/ }).click();
    await page.keyboard.type('size');
    const active = () => page.locator('.go-to [aria-selected=true]').innerText();
    const first = await active();
    await page.keyboard.press('ArrowDown');
    const second = await active();
    assert.notEqual(first, second);
    await page.keyboard.press('ArrowUp');
    assert.equal(await active(), first);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowDown');
    assert.equal(await active(), first);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('dialog[open]').count(), 0);
    assert.equal(await page.locator('.inspector-title').innerText(), 'size');
    assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ''), /Go to…/);
  });

  it('says what was not understood, and stays open on Enter', async () => {
    const inspector = await open(answersFor(plain), { state: { pane: 'header' } });
    const { page, ready } = inspector;
    await ready('header');
    await goTo(inspector);
    await page.keyboard.type('L1[9999]');
    await page.getByText('There is no entry 9 999').waitFor();
    assert.equal(await page.locator('#go-to-text').getAttribute('aria-invalid'), 'true');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('dialog[open]').count(), 1);
  });

  it('does not go back while it is open', async () => {
    const inspector = await open(answersFor(plain), { state: { pane: 'header' } });
    const { page, ready } = inspector;
    await ready('header');
    await page.locator('[data-field=version]').click();
    await page.locator('[data-field=size]').click();
    await goTo(inspector);
    await page.evaluate(() => {
      const arrived = new Promise((resolve) => window.addEventListener('message', resolve, { once: true }));
      window.postMessage({ type: 'command', command: 'back' }, '*');
      return arrived.then(() => undefined);
    });
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.inspector-title').innerText(), 'size');
  });

  it('finds names past the ends of the lists in the worker', async () => {
    const long = { ...everything, snapshots: { ...everything.snapshots, count: 5000 } };
    const asked: string[] = [];
    const inspector = await open(
      {
        ...answersFor(long),
        findNames: async ({ text }) => {
          asked.push(text);
          return { snapshots: [{ index: 4321, id: '4322', name: 'nightly' }], bitmaps: [] };
        },
      },
      { state: { pane: 'header' } },
    );
    const { page, ready } = inspector;
    await ready('header');
    await goTo(inspector);
    await page.keyboard.type('nightly');
    await page.locator('.go-to [role=option]').getByText('snapshot 4322').waitFor();
    assert.equal(asked.at(-1), 'nightly');
  });
});
