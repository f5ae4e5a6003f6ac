import assert from 'node:assert/strict';
import { copyFile, link, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { brokenImageFiles } from '../support/brokenImages.ts';
import { runQcow2 } from '../support/command.ts';
import type { MadeImage } from '../support/imageRecipe.ts';
import { interopImages } from '../support/interopImages.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';

/** Images with more on their disk are left out. */
const mostBytes = 2 ** 20;

/** Images that have a header, with little in them. */
async function qcow2Images(images: readonly MadeImage[], count: number): Promise<readonly MadeImage[]> {
  const found: MadeImage[] = [];
  for (const image of images) {
    const path = resolve(image.folder, image.path);
    const storage = await openFile(path);
    const { header } = await openImage(storage);
    await storage.close();
    if (header && image.options.length === 0 && (await stat(path)).blocks * 512 <= mostBytes) {
      found.push(image);
    }
  }
  return sampled(found, count);
}

describe('metadata-copy', function () {
  this.timeout(300_000);
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-metadata-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Ours and qemu-img's check, and the dump, say the same of the image and of its copy. */
  async function same({ name, path, folder: where }: MadeImage): Promise<void> {
    const [image, copy] = [join(folder, 'image.qcow2'), join(folder, 'copy.qcow2')];
    await copyFile(resolve(where, path), image);
    const made = await runQcow2(['metadata-copy', '--force', image, copy]);
    assert.deepEqual({ code: made.code, stderr: made.stderr }, { code: 0, stderr: '' }, name);
    assert.equal((await stat(copy)).size, (await stat(image)).size, name);
    const results = await Promise.all(
      [image, copy].map(async (file) => {
        const { code, stdout, stderr } = await runQcow2(['check', file]);
        const theirs = await runProgram('qemu-img', ['check', '-f', 'qcow2', file]);
        const dump = (await runQcow2(['dump', '--tables', file])).stdout.split('\n');
        const text = JSON.stringify({ ours: { code, stdout, stderr }, theirs, dump: dump.slice(1) });
        // The size on disk is what is saved.
        return text.replaceAll(file, 'FILE').replaceAll(/"[^"]*on (the )?disk[^"]*",/g, '');
      }),
    );
    assert.equal(results[1], results[0], name);
  }

  it('has the same findings, tables and answer of qemu-img check as an image that qemu-img made', async () => {
    const images = await qcow2Images(await interopImages(), 8);
    assert.ok(images.length >= 8);
    for (const image of images) {
      await same(image);
    }
  });

  it('has the same findings, tables and answer of qemu-img check as a broken image', async () => {
    for (const image of await qcow2Images(await brokenImageFiles(), 12)) {
      await same(image);
    }
  });

  it('has a LUKS header without the key material, so that no pass phrase opens it', async () => {
    const luks = (await interopImages()).find(({ name }) => name === 'LUKS');
    assert.ok(luks);
    const [image, copy] = [resolve(luks.folder, luks.path), join(folder, 'copy.qcow2')];
    const { stdout } = await runQcow2(['metadata-copy', image, copy]);
    assert.match(stdout, /LUKS key material: .*; no pass phrase can be tried on the copy/);
    const open = (file: string): Promise<{ code: number; stderr: string }> =>
      runProgram('qemu-io', [
        ...['--object', 'secret,id=s,data=qcow2', '-c', 'read 0 512', '--image-opts'],
        `driver=qcow2,file.filename=${file},encrypt.key-secret=s`,
      ]);
    assert.equal((await open(image)).code, 0);
    const { code, stderr } = await open(copy);
    assert.equal(code, 1);
    assert.match(stderr, /Invalid password, cannot unlock any keyslot/);
    await same(luks);
  });

  it('replaces neither the image, by whatever name, nor a file that is there', async () => {
    const [broken] = await brokenImageFiles();
    assert.ok(broken);
    const [image, other, link1] = ['image', 'other', 'link'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await copyFile(resolve(broken.folder, broken.path), image);
    await link(image, link1);
    await writeFile(other, 'mine');
    const before = await readFile(image);
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await runQcow2(['metadata-copy', ...args]);
      assert.equal(code, 1);
      return stderr;
    };
    assert.match(await refused(image, other), /other is there already\. .* --force\./);
    assert.match(await refused('--force', image, image), /is the image/);
    assert.match(await refused('--force', image, link1), /is the image/);
    assert.match(await refused('--force', image, folder), /is no regular file/);
    assert.match(await refused(other, join(folder, 'new')), /there is no metadata that could be copied/);
    assert.equal(await readFile(other, 'utf8'), 'mine');
    assert.deepEqual(await readFile(image), before);
    await assert.rejects(stat(join(folder, 'new')), { code: 'ENOENT' });
  });

  it('overwrites no file that the image names', async () => {
    const [base, data, over, split] = ['base', 'data', 'over', 'split'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    await writeFile(base, new Uint8Array(2 ** 20).fill(1));
    await qemuImg(['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', over]);
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', `data_file=${data}`, split, '1M']);
    for (const [image, named] of [
      [over, base],
      [split, data],
    ] as const) {
      const before = await readFile(named);
      const { code, stderr } = await runQcow2(['metadata-copy', '--force', image, named]);
      assert.deepEqual([code, /or a file that it is based on/.test(stderr)], [1, true], stderr);
      assert.deepEqual(await readFile(named), before);
    }
  });

  it('says what it has left out, for people and for programs', async () => {
    const found = (await interopImages()).find(({ name }) => name === 'snapshot with VM state');
    assert.ok(found);
    const image = resolve(found.folder, found.path);
    const { stdout } = await runQcow2(['metadata-copy', image, join(folder, 'a')]);
    assert.match(stdout, /guest data: .*, with the machine’s state of 1 snapshot\n/);
    assert.match(stdout, /Names inside, kept \(--anonymous replaces them\): of 1 snapshot\n/);
    const json = await runQcow2(['metadata-copy', '--anonymous', '--output=json', image, join(folder, 'b')]);
    const said = JSON.parse(json.stdout);
    assert.deepEqual([said.anonymous, said.names.snapshots, said['vm-states']], [true, 1, 1]);
    assert.equal(said.size, (await stat(join(folder, 'b'))).size);
    const listed = await runQcow2(['snapshot', '-l', join(folder, 'b')]);
    assert.match(listed.stdout, /\n1 +x+ /);
  });
});
