import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileGate, namedPath } from '../../src/platform/gate.ts';

describe('the path that a name in an image stands for', () => {
  it('is relative to the folder of the image, spelt as QEMU spells it', () => {
    assert.equal(namedPath('base.img', '/images/a.qcow2'), '/images/base.img');
    assert.equal(namedPath('../x/base.img', 'a/b.qcow2'), 'a/../x/base.img');
    assert.equal(namedPath('base.img', 'a.qcow2'), 'base.img');
    assert.equal(namedPath('/abs/base.img', 'a/b.qcow2'), '/abs/base.img');
  });

  it('may have a colon after a slash', () => {
    assert.equal(namedPath('./a:b', 'x.qcow2'), './a:b');
    assert.equal(namedPath('/a:b', 'x.qcow2'), '/a:b');
  });

  it('is never a protocol, json: or nothing', () => {
    for (const name of [
      'json:{"driver":"qcow2"}',
      'nbd://host/x',
      'http://x',
      'file:base.img',
      'a:b',
      ':',
      '',
      'a\0b',
    ]) {
      assert.throws(() => namedPath(name, 'x.qcow2'), { code: 'not-supported' }, name);
    }
  });

  it('is told of as the image’s where it is looked for from the working directory', () => {
    assert.throws(() => namedPath('json:{}', ''), { message: /^The image names "json:\{\}", which/ });
  });

  it('is never a share of another machine or a device on Windows, whose drives are no protocols', () => {
    const real = Object.getOwnPropertyDescriptor(process, 'platform');
    Object.defineProperty(process, 'platform', { ...real, value: 'win32' });
    try {
      for (const name of ['\\\\server\\share\\x', '//server/share/x', '\\\\.\\PhysicalDrive0']) {
        assert.throws(() => namedPath(name, 'C:\\x.qcow2'), { code: 'not-supported' }, name);
      }
      assert.equal(namedPath('D:\\base.img', 'C:\\x.qcow2'), 'D:\\base.img');
      assert.equal(namedPath('base.img', 'C:\\i\\x.qcow2'), 'C:\\i\\base.img');
    } finally {
      Object.defineProperty(process, 'platform', real ?? {});
    }
  });
});

describe('the gate', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-gate-'));
    writeFileSync(join(folder, 'base.img'), 'base');
    symlinkSync('base.img', join(folder, 'link.img'));
    mkdirSync(join(folder, 'dir'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('opens a regular file, also by a link, and says that they are one', async () => {
    const from = join(folder, 'a.qcow2');
    const direct = await fileGate.open('base.img', from);
    const linked = await fileGate.open('link.img', from);
    assert.equal(direct?.path, join(folder, 'base.img'));
    assert.equal(linked?.path, join(folder, 'link.img'));
    assert.equal(direct?.identity, linked?.identity);
    assert.equal(direct?.storage.size, 4n);
    await direct?.storage.close();
    await linked?.storage.close();
  });

  it('opens no folder and no device, and says what is missing', async () => {
    const from = join(folder, 'a.qcow2');
    await assert.rejects(fileGate.open('dir', from), { system: 'EISDIR' });
    await assert.rejects(fileGate.open('/dev/zero', from), { system: 'EINVAL' });
    await assert.rejects(fileGate.open('gone.img', from), { system: 'ENOENT', message: /gone\.img/ });
  });
});
