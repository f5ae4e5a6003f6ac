import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '../../src/engine/limits.ts';
import { copied, ImageBuilder } from '../support/builder.ts';
import { runCli } from './runCli.ts';

describe('qcow2 map: where it goes its own way', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-map-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  /** An image of one data cluster over a backing file. */
  async function over(file: string, backing: string, format: string | undefined): Promise<string> {
    const image = new ImageBuilder({ size: 2 * 65536 }).backing(backing, format);
    image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(5));
    const storage = image.truncate(image.at(6)).toStorage();
    const path = join(folder, file);
    await writeFile(path, storage.slice(0n, Number(storage.size)));
    return path;
  }

  it('says that a chain is a loop, also through a link', async () => {
    const path = await over('a', 'b', 'qcow2');
    await over('b', 'link', 'qcow2');
    await symlink('a', join(folder, 'link'));
    assert.deepEqual(runCli(['map', path]), {
      code: 1,
      out: '',
      err:
        `qcow2: Could not open '${path}': Could not open backing file: Could not open backing file: ` +
        "Backing file 'link' creates an infinite loop.\n",
    });
  });

  it('follows no chain of more than 64 files', async () => {
    for (let index = 0; index < limits.chainDepth; index++) {
      await over(`deep${index}`, `deep${index + 1}`, 'qcow2');
    }
    const { code, err } = runCli(['map', join(folder, 'deep0')]);
    assert.equal(code, 1);
    assert.match(err, /the backing chain has more than 64 files\n$/);
  });

  for (const name of ['json:{"driver":"raw"}', 'nbd://localhost/disk', 'file:base', '/dev/null']) {
    it(`does not follow ${name}`, async () => {
      const { code, out, err } = runCli(['map', await over('odd', name, 'raw')]);
      assert.deepEqual({ code, out }, { code: 1, out: '' });
      assert.match(err, /^qcow2: Could not open '.*odd': Could not open backing file: ./);
    });
  }

  it('does not take an image of another format for raw where nobody says what it is', async () => {
    await writeFile(join(folder, 'other'), 'KDMV'.padEnd(4096, '\0'));
    const { code, err } = runCli(['map', await over('on-other', 'other', undefined)]);
    assert.equal(code, 1);
    assert.match(err, /Could not open backing file: format 'vmdk' is not supported yet\n$/);
  });

  it('opens no backing file with --no-backing, and says that it does not know what is there', async () => {
    const path = await over('alone', 'missing', 'qcow2');
    assert.deepEqual(runCli(['map', '--no-backing', '--output=json', path]), {
      code: 0,
      out:
        '[{ "start": 0, "length": 65536, "depth": 0, "present": true, "zero": false, "data": true, "offset": 327680},\n' +
        '{ "start": 65536, "length": 65536, "depth": 0, "present": false, "zero": false, "data": false}]\n',
      err: '',
    });
  });

  it('refuses --object by name', () => {
    const { code, err } = runCli(['map', '--object', 'secret,id=s', 'image']);
    assert.equal(code, 1);
    assert.match(err, /^qcow2: option '--object' is not supported yet\n/);
  });

  // qemu-img knows them: they change how it reads, or where from.
  for (const option of ['backing.file.filename=b', 'l2-cache-size=1M', 'file.locking=off', 'data-file.filename=d']) {
    it(`refuses ${option} of --image-opts by name`, () => {
      const text = `driver=qcow2,file.filename=image,${option}`;
      const { code, err } = runCli(['map', '--image-opts', text]);
      assert.equal(code, 1);
      const reason = `option '${option.split('=')[0]}' is not supported yet: only driver, file.driver, file.filename`;
      assert.equal(err, `qcow2: Could not open '${text}': ${reason}\n`);
    });
  }

  it('shows its options with -h', () => {
    const { code, out } = runCli(['map', '-h']);
    assert.equal(code, 0);
    assert.match(out, /--output=human\|json/);
  });
});
