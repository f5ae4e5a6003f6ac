import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { difference } from '../interop/sameFile.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { type QuickInput, quickInput } from '../support/vscode/quickInput.ts';
import { untilPainted } from '../support/vscode/view.ts';
import { folderIn, type SharedWindow, sharedWindow } from './windows.ts';

/** QEMU takes the image, of 2 GiB, and its disk is opened by the pass phrase alone. */
async function assertMade(image: string, data: string): Promise<void> {
  const info = JSON.parse(await qemuImg(['info', '--output=json', image]));
  assert.equal(info['virtual-size'], 2 ** 31);
  assert.equal(info['backing-filename'], 'base.qcow2');
  assert.equal(info['backing-filename-format'], 'qcow2');
  const specific = info['format-specific'].data;
  assert.equal(specific['data-file'], data);
  assert.equal(specific['data-file-raw'], false);
  assert.equal(specific.encrypt.format, 'luks');
  const read = (phrase: string) => {
    const named = ['--image-opts', `driver=qcow2,encrypt.key-secret=s,file.filename=${image}`];
    return runProgram('qemu-io', ['--object', `secret,id=s,data=${phrase}`, ...named, '-c', 'read 0 512'], tmpdir());
  };
  assert.equal((await read('open sesame')).code, 0);
  assert.match((await read('open')).stderr, /Invalid password/);
}

describe('Create qcow2, in a window of VS Code', function () {
  this.timeout(180_000);
  let folder: string;
  let window: SharedWindow;
  let input: QuickInput;

  before(async () => {
    window = await sharedWindow();
    folder = folderIn(window, 'create');
    input = quickInput(window.page);
  });

  it('asks for size, options and place, makes the image that qemu-img makes, and opens it', async () => {
    const made = join(folder, 'made.qcow2');
    await input.palette('Create qcow2 (compat 1.1)');
    await input.enter('Create qcow2 (compat 1.1)', 'nonsense');
    await window.page.locator('.quick-input-message', { hasText: 'A number of bytes' }).waitFor();
    await input.enter('Create qcow2 (compat 1.1)', '3G');
    await input.choose('Cluster size');
    await input.choose('128K');
    await input.choose('Lazy refcounts');
    await input.choose('on');
    await input.choose('Create');
    await input.place('disk.qcow2', made);
    const [view] = await untilPainted(window.page, 1);
    assert.match((await view?.locator('.strip').innerText()) ?? '', /3\sGiB/);
    const theirs = join(folder, 'theirs.qcow2');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=128k,lazy_refcounts=on', theirs, '3G']);
    assert.equal(await difference(made, theirs), undefined);
    assert.deepEqual(readdirSync(folder).sort(), ['made.qcow2', 'theirs.qcow2']);
    assert.deepEqual(window.problems(), []);
  });

  it('asks for a backing file, a data file and a pass phrase, each with what can’t be, and makes the image', async () => {
    await window.execute('workbench.action.closeAllEditors');
    const title = 'Create qcow2 (compat 1.1)';
    const [base, data, made] = ['base.qcow2', 'made.data', 'all.qcow2'].map((name) => join(folder, name));
    assert.ok(base && data && made);
    await qemuImg(['create', '-q', '-f', 'qcow2', base, '2G']);
    const row = (words: string) => window.page.locator('.quick-input-list .monaco-list-row', { hasText: words });
    const message = (words: string) => window.page.locator('.quick-input-message', { hasText: words }).waitFor();
    const typed = window.page.locator('.quick-input-widget input[type=password]');

    await input.palette(title);
    await input.enter(title);
    await input.choose('Backing file');
    await input.choose('Choose a file…');
    await input.place('workspace/', base);
    assert.match(await row('what the file looks like').innerText(), /^qcow2/);
    await input.choose('qcow2');
    await message('The backing file’s has 2G.');
    await input.enter(`${title}: Backing file`, 'as large');
    await message('A number of bytes');
    await input.enter(`${title}: Backing file`, '2G');
    await row('base.qcow2, qcow2').waitFor();

    await input.choose('External data file');
    await input.choose('Choose a place…');
    await input.place('disk.data', data);
    await input.choose('A valid raw image');
    await row('This can’t be created').waitFor();
    assert.match(await row('This can’t be created').innerText(), /Backing file and data-file-raw cannot be used/);
    await input.choose('External data file');
    await input.choose(data);
    await input.choose('Read through the image only');

    await input.choose('Encryption');
    await input.choose('LUKS');
    await message('The pass phrase that opens the disk');
    await typed.fill('open sesame');
    await typed.press('Enter');
    await message('The same pass phrase again');
    await typed.fill('open');
    await message('This is not the pass phrase that was typed before.');
    await typed.fill('open sesame');
    await typed.press('Enter');
    await row('LUKS').waitFor();

    await input.choose('Create');
    await input.place('disk.qcow2', made);
    const [view] = await untilPainted(window.page, 1);
    assert.match((await view?.locator('.strip').innerText()) ?? '', /2\sGiB/);
    await assertMade(made, data);
    assert.deepEqual(window.problems(), []);
  });

  it('makes nothing when it is given up', async () => {
    await window.execute('workbench.action.closeAllEditors');
    const asked = window.execute('qcow2.inspector.createCompat010');
    await input.enter('Create qcow2 (compat 0.10)', '1M');
    await window.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Preallocation' }).waitFor();
    assert.equal(await window.page.locator('.monaco-list-row', { hasText: 'Lazy refcounts' }).count(), 0);
    await window.page.keyboard.press('Escape');
    await asked;
    assert.ok(!existsSync(join(folder, 'disk.qcow2')));
  });
});
