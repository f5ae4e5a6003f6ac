import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import { copyFile, mkdtemp, open, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runQcow2 } from '../support/command.ts';
import { follow, img, io } from '../support/imageRecipe.ts';
import { missingOf } from '../support/missingList.ts';
import { runProgram } from '../support/qemu.ts';

describe('salvage writes', function () {
  this.timeout(300_000);
  let folder = '';
  const files = { image: '', raw: '' };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-salvage-'));
    const steps = [
      img('create', '-q', '-f', 'raw', 'base.raw', '2M'),
      img('create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'top.qcow2'),
      io('top.qcow2', 'write -P 7 1M 128k'),
    ];
    await follow({ name: 'writes', steps }, folder);
    await runProgram('qemu-io', ['-f', 'raw', '-c', 'write -P 6 0 64k', 'base.raw'], folder);
    files.image = join(folder, 'top.qcow2');
    files.raw = join(folder, 'out.raw');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('never the image or a file of its chain, by any name, opened or not', async () => {
    const before = [await readFile(files.image), await readFile(join(folder, 'base.raw'))];
    for (const options of [[], ['--force'], ['--force', '--no-backing']]) {
      for (const target of ['top.qcow2', 'base.raw', `../${basename(folder)}/base.raw`]) {
        const { code, stderr } = await runQcow2(['salvage', ...options, 'top.qcow2', target], folder);
        assert.equal(code, 1);
        assert.match(stderr, /is the image, or a file that it is based on/);
      }
    }
    assert.deepEqual([await readFile(files.image), await readFile(join(folder, 'base.raw'))], before);
  });

  it('over no file that is there, unless told to', async () => {
    await writeFile(files.raw, 'mine');
    const refused = await runQcow2(['salvage', files.image, files.raw]);
    assert.deepEqual([refused.code, await readFile(files.raw, 'utf8')], [1, 'mine']);
    assert.match(refused.stderr, /is there already, and it has no map file.*--force/);
    assert.equal((await runQcow2(['salvage', '--force', files.image, files.raw])).code, 0);
    assert.equal((await readFile(files.raw)).length, 2 ** 21);
    await rm(files.raw);
    await writeFile(`${files.raw}.map`, '0x0 + 1\n0x0 0x200 +\n');
    const other = await runQcow2(['salvage', files.image, files.raw]);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /out\.raw\.map is there already/);
  });

  it('what an earlier run could not, once the backing file may be opened', async () => {
    const first = await runQcow2(['salvage', '--no-backing', '--output=json', files.image, files.raw]);
    assert.equal(first.code, 2);
    assert.equal(JSON.parse(first.stdout)['missing-bytes'], 2 ** 21 - 2 ** 17);
    const second = await runQcow2(['salvage', '--output=json', files.image, files.raw]);
    assert.equal(second.code, 0);
    const { 'saved-before': before, 'missing-bytes': missing } = JSON.parse(second.stdout);
    assert.deepEqual([before, missing], [2 ** 17, 0]);
    assert.deepEqual(await missingOf(files.raw), []);
    await runProgram('qemu-img', ['convert', '-O', 'raw', 'top.qcow2', 'wanted.raw'], folder);
    assert((await readFile(files.raw)).equals(await readFile(join(folder, 'wanted.raw'))));
  });

  it('nothing to the output of an earlier run once the image has changed', async () => {
    assert.equal((await runQcow2(['salvage', files.image, files.raw])).code, 0);
    await copyFile(files.image, join(folder, 'copy'));
    const handle = await open(files.image, 'r+');
    await handle.write(Buffer.from([1]), 0, 1, 4 * 65536 + 100);
    await handle.close();
    const { code, stderr } = await runQcow2(['salvage', files.image, files.raw]);
    assert.equal(code, 1);
    assert.match(stderr, /the image was changed since/);
  });

  it('nothing to the output of an earlier run once a backing file or a data file has changed, which leaves the image as it was', async () => {
    const changing = [
      { image: 'over.qcow2', below: 'under.raw', options: ['-b', 'under.raw', '-F', 'raw'] },
      { image: 'split.qcow2', below: 'split.data', options: ['-o', 'data_file=split.data'] },
    ];
    await runProgram('qemu-img', ['create', '-q', '-f', 'raw', 'under.raw', '1M'], folder);
    for (const { image, below, options } of changing) {
      await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', ...options, image, '1M'], folder);
      await runProgram('qemu-io', ['-c', 'write -P 1 0 512', image], folder);
      assert.equal((await runQcow2(['salvage', image, `${image}.raw`], folder)).code, 0);
      assert.equal((await runQcow2(['salvage', image, `${image}.raw`], folder)).code, 0, 'nothing has changed');
      await utimes(join(folder, below), 1, 1);
      // What was read of the file is known also after a run that does not open it.
      assert.equal((await runQcow2(['salvage', '--no-backing', image, `${image}.raw`], folder)).code, 0);
      const { code, stderr } = await runQcow2(['salvage', image, `${image}.raw`], folder);
      assert.equal(code, 1, `${below} has changed`);
      assert.match(stderr, /was changed since, or a file that it is based on/);
    }
  });

  it('down how far it has come when it is interrupted, and the same command goes on', async () => {
    const clusters = 2048;
    await follow(
      {
        name: 'long',
        steps: [img('create', '-q', '-f', 'qcow2', 'long.qcow2', '128M'), io('long.qcow2', 'write -P 3 0 128M')],
      },
      folder,
    );
    const running = runQcow2(['salvage', 'long.qcow2', 'long.raw'], folder);
    const signalling = setInterval(() => process.emit('SIGTERM'), 1);
    const { code, stderr } = await running.finally(() => clearInterval(signalling));
    assert.equal(code, 1);
    assert.match(stderr, /interrupted.*same command goes on/);
    assert.equal(JSON.parse(await readFile(join(folder, 'long.raw.missing.json'), 'utf8')).finished, false);
    const again = await runQcow2(['salvage', '--output=json', 'long.qcow2', 'long.raw'], folder);
    assert.equal(again.code, 0);
    const { 'saved-before': before, data } = JSON.parse(again.stdout);
    assert.equal(before + data, clusters * 65536);
    assert((await readFile(join(folder, 'long.raw'))).equals(Buffer.alloc(clusters * 65536, 3)));
  });

  it('no success for an image that was cut off while it was read, since that reads as zeros', async () => {
    const long = {
      name: 'long',
      steps: [img('create', '-q', '-f', 'qcow2', 'cut.qcow2', '64M'), io('cut.qcow2', 'write -P 3 0 64M')],
    };
    await follow(long, folder);
    const running = runQcow2(['salvage', '-p', 'cut.qcow2', 'cut.raw'], folder);
    const cut = setInterval(
      () =>
        statSync(join(folder, 'cut.raw'), { throwIfNoEntry: false }) &&
        truncateSync(join(folder, 'cut.qcow2'), 2 ** 20),
      0,
    );
    const { code, stderr } = await running.finally(() => clearInterval(cut));
    assert.equal(code, 2);
    assert.match(stderr, /cut\.qcow2 was written to while it was read/);
  });

  it('help that says what the exit codes mean', async () => {
    const { code, stdout } = await runQcow2(['salvage', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /Exit status: 0 .* 1 .* 2 /);
  });
});
