import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame } from 'playwright-core';
import { copied, ImageBuilder } from '../support/builder.ts';
import { openFiles } from '../support/vscode/openFiles.ts';
import { shownPane, untilPainted } from '../support/vscode/view.ts';
import { until } from '../support/vscode/within.ts';
import { folderIn, type SharedWindow, sharedWindow } from './windows.ts';

const mib = 2n ** 20n;

/** An image of so many MiB, whose first `data` clusters are there. */
function image(size: bigint, data = 1): Uint8Array {
  const builder = new ImageBuilder({ size: size * mib }).l1(0, copied | (4n * 65536n)).refcount(4, 1);
  for (let cluster = 0; cluster < data; cluster++) {
    builder.entry(4, cluster, copied | (BigInt(5 + cluster) * 65536n)).refcount(5 + cluster, 1);
  }
  return builder.truncate(BigInt(5 + data) * 65536n).toBytes();
}

describe('an image that lives, in a window of VS Code', function () {
  this.timeout(300_000);
  let window: SharedWindow;
  let folder: string;
  const running: ChildProcess[] = [];

  const write = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const body = async (view: Frame): Promise<string> => (await view.locator('body').innerText()).replaceAll(/\s+/g, ' ');
  const untilSays = (view: Frame, words: RegExp) =>
    until(async () => ((await body(view).catch(() => '')).match(words) ? true : undefined), `the page says ${words}`);

  before(async () => {
    window = await sharedWindow();
    folder = folderIn(window, 'live');
  });
  beforeEach(() => window.execute('workbench.action.closeAllEditors'));
  afterEach(() => {
    for (const child of running.splice(0)) {
      child.stdin?.end();
      child.kill();
    }
    assert.deepEqual(window.problems(), []);
  });

  it('is read again in place when its file changes, and says what has changed', async () => {
    const view = await window.open(write('change.qcow2', image(1n)), 'header');
    await view.locator('[data-field=cluster_bits]').click();
    renameSync(write('new.qcow2', image(3n, 2)), join(folder, 'change.qcow2'));
    await untilSays(
      view,
      /The image changed on disk, and was read again.*header size 1 MiB → 3 MiB.*guest data \+1 cluster/,
    );
    await untilSays(view, /1 L2 table changed/);
    assert.equal(await shownPane(view), 'header');
    assert.equal(await view.locator('[data-field][aria-selected=true]').getAttribute('data-field'), 'cluster_bits');
    await view.getByRole('button', { name: 'Dismiss' }).click();
    assert.doesNotMatch(await body(view), /changed on disk/);
  });

  it('is read again in place by "Reload Image"', async () => {
    const view = await window.open(write('reload.qcow2', image(1n)), 'map');
    await window.execute('qcow2.inspector.reload');
    await untilSays(
      view,
      /Read again at \d\d:\d\d:\d\d\. Since \d\d:\d\d:\d\d: header, tables and counts are as before/,
    );
    assert.equal(await shownPane(view), 'map');
  });

  it('says that its file has gone, and comes back with it', async () => {
    const path = write('gone.qcow2', image(1n));
    const view = await window.open(path);
    rmSync(path);
    await untilSays(view, /gone\.qcow2: ENOENT/);
    assert.match(await body(view), /1 MiB virtual/);
    write('gone.qcow2', image(2n));
    await untilSays(view, /2 MiB virtual/);
    assert.doesNotMatch(await body(view), /ENOENT/);
  });

  it('says which process has it open, and that it may be out of date', async () => {
    const path = write('held.qcow2', image(1n));
    const view = await window.open(path);
    const child = spawn('qemu-io', [path], { stdio: ['pipe', 'ignore', 'inherit'] });
    running.push(child);
    await untilSays(view, new RegExp(`qemu-io \\(pid ${child.pid}\\) has it open for writing`));
    assert.match(await body(view), /may be out of date/);
    child.stdin?.write('write -P 1 512k 64k\nflush\n');
    await untilSays(view, /was read again at .*guest data \+1 cluster/);
    child.stdin?.end();
    await until(async () => (/qemu-io/.test(await body(view)) ? undefined : true), 'nobody has it open any more');
  });

  it('is not read all the time when it changes all the time, and can be paused', async () => {
    const path = write('busy.qcow2', image(1n));
    const view = await window.open(path);
    let size = 1n;
    const writing = setInterval(() => writeFileSync(path, image(++size)), 250);
    try {
      await untilSays(view, /The image is changing all the time/);
      await view.getByRole('button', { name: 'Pause' }).click();
      await untilSays(view, /The image changed on disk at .*Resume/);
      const shown = /([\d.]+ [MG]iB) virtual/.exec(await body(view))?.[1];
      assert.ok(shown);
      const later = size + 20n;
      await until(() => size > later || undefined, 'it has changed many times more');
      assert.ok((await body(view)).includes(`${shown} virtual`));
      clearInterval(writing);
      await view.getByRole('button', { name: 'Resume' }).click();
      await untilSays(view, new RegExp(`${size} MiB virtual`));
    } finally {
      clearInterval(writing);
    }
  });

  it('gives its file back while its tab is hidden', async () => {
    const path = write('hidden.qcow2', image(1n));
    await window.open(path);
    assert.equal(openFiles(window.server, path).length, 1);
    await window.open(write('front.qcow2', image(1n)));
    const closed = () => openFiles(window.server, path).length === 0 || undefined;
    await until(closed, 'the image in the hidden tab is closed');
    await window.execute('vscode.openWith', { file: path }, 'qcow2.inspector');
    await until(() => openFiles(window.server, path).length === 1 || undefined, 'it is opened again');
  });

  it('follows the settings at once', async () => {
    const path = write('settings.qcow2', image(1n));
    const view = await window.open(path, 'header');
    await untilSays(view, /0x3_0000/);
    await window.execute('qcow2-test.set', 'qcow2.inspector.addresses', 'decimal');
    await untilSays(view, /196 608/);
    assert.doesNotMatch(await body(view), /0x3_0000/);
    await window.execute('qcow2-test.set', 'qcow2.inspector.refreshOnChange', 'ask');
    write('settings.qcow2', image(2n));
    await untilSays(view, /The image changed on disk at/);
    assert.match(await body(view), /1 MiB virtual/);
    await view.getByRole('button', { name: 'Reload' }).click();
    await untilSays(view, /2 MiB virtual/);
    await window.execute('qcow2-test.set', 'qcow2.inspector.openPane', 'header');
    await window.execute('qcow2-test.set', 'qcow2.inspector.scanOnOpen', false);
    const other = await window.open(write('other.qcow2', image(1n)));
    assert.equal(await shownPane(other), 'header');
    assert.match(await body(other), /tables not read/);
    for (const name of ['addresses', 'refreshOnChange', 'openPane', 'scanOnOpen']) {
      await window.execute('qcow2-test.set', `qcow2.inspector.${name}`, null);
    }
  });

  it('is read from a virtual file system, up to the size that is set', async () => {
    const path = write('virtual.qcow2', image(1n));
    await window.execute('vscode.openWith', { uri: `qcow2-test:${path}` }, 'qcow2.inspector');
    const [view] = await untilPainted(window.page, 1);
    assert.ok(view);
    await untilSays(view, /1 MiB virtual/);
    await untilSays(view, /in use not known here/);
    write('virtual.qcow2', image(2n));
    await untilSays(view, /2 MiB virtual/);
    const big = write('big.qcow2', new Uint8Array(2 * 2 ** 20));
    await window.execute('qcow2-test.set', 'qcow2.inspector.virtualFileLimit', 1);
    await window.execute('workbench.action.closeAllEditors');
    await window.execute('vscode.openWith', { uri: `qcow2-test:${big}` }, 'qcow2.inspector');
    const [refused] = await untilPainted(window.page, 1);
    assert.ok(refused);
    await untilSays(refused, /big\.qcow2 has 2 MiB.*up to 1 MiB.*virtualFileLimit/);
    await window.execute('qcow2-test.set', 'qcow2.inspector.virtualFileLimit', 4);
    // It is tried again by itself; a file of zeros is no image.
    await untilSays(refused, /QEMU refuses: Image is not in qcow2 format/);
    await window.execute('qcow2-test.set', 'qcow2.inspector.virtualFileLimit', null);
  });

  it('is opened as a sample by the walkthrough', async () => {
    await window.execute('qcow2.inspector.openSample');
    const [view] = await untilPainted(window.page, 1);
    assert.ok(view);
    await untilSays(view, /4 MiB virtual/);
  });
});
