import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Locator } from 'playwright-core';
import { showOffset } from '../../src/engine/format/show.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { shownPane, showPane, untilPainted } from '../support/vscode/view.ts';
import { until } from '../support/vscode/within.ts';
import { type SharedWindow, sharedWindow } from './windows.ts';

const cluster = 65536;
/** Where the data is on the guest's disk of 4 GiB: in its middle, and so in the middle of the map. */
const dataAt = 2 ** 31;
/** Bytes of which no two clusters are alike. */
const data = Buffer.concat(
  Array.from({ length: (3 * 2 ** 20) / 64 }, (_, index) => createHash('sha512').update(`${index}`).digest()),
);

describe('A person in a VS Code window', function () {
  this.timeout(120_000);
  let window: SharedWindow;
  let image: string;
  /** Where the file has the data, as qemu-img says. */
  let hostAt: number;

  before(async () => {
    window = await sharedWindow();
    image = join(window.folder, 'disk.qcow2');
    const content = join(window.folder, '../content');
    writeFileSync(content, data);
    await qemuImg(['create', '-q', '-f', 'qcow2', image, '4G']);
    await write(`write -s ${content} ${dataAt} ${data.length}`);
    await qemuImg(['snapshot', '-c', 'before', image]);
    const extents: { start: number; offset?: number }[] = JSON.parse(await qemuImg(['map', '--output=json', image]));
    hostAt = extents.find(({ start }) => start === dataAt)?.offset ?? assert.fail('qemu-img has no such extent');
  });
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => assert.deepEqual(window.problems(), []));

  /** Has qemu-io open the image, do something to it and close it. */
  async function write(command: string): Promise<void> {
    const { code, stdout, stderr } = await runProgram('qemu-io', ['-f', 'qcow2', '-c', command, image]);
    assert.equal(code, 0, stdout + stderr);
  }

  async function theView(): Promise<Frame> {
    const [view] = await untilPainted(window.page, 1);
    assert.ok(view);
    return view;
  }

  /** The bytes in view are those that `expected` has from the offset `from` on. */
  async function checkBytes(view: Frame, expected: Uint8Array, from = 0): Promise<void> {
    await view.waitForFunction(() => document.querySelector('.is-loading') === null);
    const painted = await view
      .locator('.bytes-hex [data-byte]')
      .evaluateAll((all) => all.map((cell) => `${cell.getAttribute('data-byte')} ${cell.textContent?.trim()}`));
    assert.ok(painted.length > 100);
    for (const text of painted) {
      const [at = '', hex = ''] = text.split(' ');
      const byte = expected[Number(at) - from];
      if (byte !== undefined) assert.equal(hex, byte.toString(16).padStart(2, '0'), `the byte at ${at}`);
    }
  }

  /** Checks what the Inspector says of a whole cluster of the data, and gives the cluster's offset in the data. */
  async function checkCluster(view: Frame): Promise<number> {
    await title(view).getByText('data', { exact: true }).waitFor();
    const guest = Number((await fact(view, 'guest').innerText()).replaceAll('_', ''));
    const offset = guest - dataAt;
    assert.ok(offset >= 0 && offset < data.length && offset % cluster === 0, String(guest));
    assert.equal(await fact(view, 'length').innerText(), '64 KiB');
    const host = hostAt + offset;
    assert.match(await fact(view, 'host').innerText(), new RegExp(`^${showOffset(BigInt(host))}\\b`));
    // 512 MiB of the disk are an entry of the L1 table.
    const chain = ['header', 'L1[4]', `L2[${offset / cluster}]`, `host ${showOffset(BigInt(host))}`];
    assert.deepEqual(await view.locator('.inspector .chain li').allInnerTexts(), chain);
    // The snapshot has it too.
    await fact(view, 'stored').getByText('2', { exact: true }).waitFor();
    await view.locator('.inspector').getByText('2 references counted, refcount 2').waitFor();
    return offset;
  }

  it('goes from the Explorer over the map to the bytes and back, with the mouse, and reloads the window there', async () => {
    const { page } = window;
    await page
      .locator('.activitybar')
      .getByRole('tab', { name: /^Explorer/ })
      .click();
    await page.getByRole('treeitem', { name: 'disk.qcow2' }).click();
    let view = await theView();
    await showPane(view, 'map');

    // The row in the middle begins with the data.
    const box = await guestMap(view).locator('.cells canvas').first().boundingBox();
    assert.ok(box);
    const at = { x: box.x + 104 + 3, y: box.y + box.height / 2 + 3 };
    await page.mouse.move(at.x, at.y);
    await readout(view)
      .getByText(`${showOffset(BigInt(dataAt))} · 2 GiB + `)
      .waitFor();
    await zoomed(view, () => page.mouse.dblclick(at.x, at.y));
    const close = guestMap(view).getByText('one cell = 1 cluster');
    for (let turns = 0; turns < 10 && !(await close.isVisible()); turns++) {
      await zoomed(view, () => page.mouse.wheel(0, -120));
    }
    await close.waitFor();
    await page.mouse.move(at.x + 1, at.y);
    await readout(view)
      .getByText(/ \+ 64 KiB · data$/)
      .waitFor();
    await page.mouse.click(at.x + 1, at.y);
    const offset = await checkCluster(view);
    const part = await crumb(view).innerText();

    await revealIn(view, 'Hex').click();
    await untilPane(view, 'hex');
    await view.locator(`#byte-${dataAt + offset}.cursor`).waitFor();
    await checkBytes(view, data, dataAt);
    await view.locator('.inspector .chain li').last().getByRole('button').click();
    await title(view)
      .getByText(`Host cluster ${(hostAt + offset) / cluster}`)
      .waitFor();
    await view.locator(`#byte-${hostAt + offset}.cursor`).waitFor();
    await checkBytes(view, readFileSync(image));
    assert.equal(readFileSync(image)[hostAt + offset], data[offset]);
    const top = await topByte(view);

    await window.reload();
    view = await theView();
    assert.equal(await shownPane(view), 'hex');
    await title(view)
      .getByText(`Host cluster ${(hostAt + offset) / cluster}`)
      .waitFor();
    await until(async () => (await topByte(view)) === top || undefined, 'the same bytes are in view');
    await checkBytes(view, readFileSync(image));

    await view.getByRole('button', { name: 'Back', exact: true }).click();
    await view.locator(`#byte-${dataAt + offset}.cursor`).waitFor();
    assert.equal(await checkCluster(view), offset);
    await page.keyboard.press('Alt+ArrowLeft');
    await untilPane(view, 'map');
    await crumb(view).getByText(part, { exact: true }).waitFor();
  });

  it('makes the same journey with the keyboard alone', async () => {
    const { keyboard } = window.page;
    await keyboard.press('Control+Shift+E');
    await window.page.locator('.explorer-folders-view :focus').waitFor();
    // The folders of other tests come first.
    await keyboard.press('End');
    await keyboard.press('Enter');
    const view = await theView();
    await tabTo(view, view.locator('[role=tab][aria-selected=true]'));
    await keyboard.press('Home');
    for (const pane of ['header', 'map']) {
      await keyboard.press('ArrowRight');
      await untilPane(view, pane);
    }
    await tabTo(view, guestMap(view).locator('.cells'));
    await keyboard.press('0');
    await crumb(view).getByText('all of 4 GiB').waitFor();
    await keyboard.press('Home');
    for (const place of [' · 1 GiB + ', ' · 2 GiB + ']) {
      await keyboard.press('PageDown');
      await readout(view).getByText(place).waitFor();
    }
    const close = guestMap(view).getByText('one cell = 1 cluster');
    for (let turns = 0; turns < 10 && !(await close.isVisible()); turns++) {
      await zoomed(view, () => keyboard.press('+'));
    }
    await keyboard.press('ArrowRight');
    await readout(view)
      .getByText(/ \+ 64 KiB · data$/)
      .waitFor();
    await keyboard.press('Enter');
    const offset = await checkCluster(view);
    const part = await crumb(view).innerText();

    await tabTo(view, revealIn(view, 'Hex'));
    await keyboard.press('Enter');
    await untilPane(view, 'hex');
    await view.locator('.bytes-scroll:focus').waitFor();
    await view.locator(`#byte-${dataAt + offset}.cursor`).waitFor();
    await checkBytes(view, data, dataAt);
    await keyboard.press('ArrowRight');
    const value = data[offset + 1] ?? 0;
    const byte = `0x${value.toString(16).padStart(2, '0')} ${value}`;
    await view.locator('.hex-status [role=status]').getByText(byte).waitFor();
    await fact(view, 'guest')
      .getByText(showOffset(BigInt(dataAt + offset + 1)), { exact: true })
      .waitFor();
    // A walk over the bytes is one step.
    await keyboard.press('Alt+ArrowLeft');
    await untilPane(view, 'map');
    await crumb(view).getByText(part, { exact: true }).waitFor();
    assert.equal(await checkCluster(view), offset);
  });

  it('is told what has changed on disk, and sees it marked', async () => {
    const view = await window.open(image, 'overview');
    const notice = view.locator('.notice-words');
    await write('write -P 7 1G 128k');
    await notice.getByText(/changed on disk, and was read again/).waitFor();
    await notice.getByText('+2 clusters').first().waitFor();
    await view.locator('.pane .changed', { hasText: 'MiB' }).first().waitFor();
    await qemuImg(['snapshot', '-c', 'after', image]);
    await notice.getByText('header nb_snapshots 1 → 2').waitFor();
    await showPane(view, 'header');
    const field = view.locator('[data-field=nb_snapshots] .changed');
    assert.match(await field.innerText(), /1\s*→\s*(to\s*)?2/);
    assert.equal(await view.locator('[data-field=version] .changed').count(), 0);
  });

  it('finds a picture in each step of the walkthrough that has one', async () => {
    await window.execute('workbench.action.openWalkthrough', 'qcow2-inspector.qcow2-inspector#start', false);
    const { page } = window;
    // The first step is open already.
    for (const [step, words] of [
      [undefined, /two images in the Explorer/],
      ['Read the Overview', /Overview of a broken image/],
      ['See all of it on the Map', /map of the guest’s disk/],
      ['Go to any byte', /Go to dialog/],
    ] as const) {
      if (step !== undefined) await page.getByText(step, { exact: true }).click();
      const picture = page.getByAltText(words);
      await picture.waitFor();
      const loaded = () => picture.evaluate((image) => 'naturalWidth' in image && Number(image.naturalWidth) > 500);
      await until(async () => (await loaded()) || undefined, `${words} is loaded`);
    }
  });

  /** Presses Tab until it has led the focus to an element of the page. */
  async function tabTo(view: Frame, wanted: Locator): Promise<void> {
    for (let presses = 0; presses < 150; presses++) {
      if (await wanted.evaluate((element) => element === document.activeElement)) return;
      await window.page.keyboard.press('Tab');
    }
    assert.fail(
      `Tab does not lead to ${String(wanted)}, but to ${await view.evaluate(() => document.activeElement?.outerHTML)}`,
    );
  }
});

function guestMap(view: Frame): Locator {
  return view.locator('[data-space=guest]');
}

/** What the map says of the cell that is pointed at. */
function readout(view: Frame): Locator {
  return guestMap(view).locator('.readout');
}

/** Which part of the disk the map shows. */
function crumb(view: Frame): Locator {
  return guestMap(view).locator('.crumbs [aria-current]');
}

/** Does what makes the map show another part, and waits until that is painted. */
async function zoomed(view: Frame, act: () => Promise<void>): Promise<void> {
  const before = await crumb(view).innerText();
  await act();
  await until(async () => (await crumb(view).innerText()) !== before || undefined, 'the map shows another part');
  await guestMap(view).locator('.cells[data-exact=true]').waitFor();
}

function title(view: Frame): Locator {
  return view.locator('.inspector-title');
}

/** What the Inspector says beside a name. */
function fact(view: Frame, name: string): Locator {
  const named = view.locator('dt').getByText(name, { exact: true });
  return view.locator('.inspector .pairs > div', { has: named }).locator('dd').first();
}

function revealIn(view: Frame, pane: string): Locator {
  return view.locator('.inspector').getByRole('button', { name: pane, exact: true });
}

async function untilPane(view: Frame, pane: string): Promise<void> {
  await view.locator(`body[data-pane=${pane}][data-ready=true]`).waitFor();
}

/** The offset of the first byte in view. */
function topByte(view: Frame): Promise<string | null> {
  return view.locator('.bytes-hex [data-byte]').first().getAttribute('data-byte');
}
