import assert from 'node:assert/strict';
import { nameOddities, protocolOf } from '../../../src/engine/format/fileName.ts';

describe('the name of a backing or data file', () => {
  it('is nothing special where it is a plain path beside the image', () => {
    for (const name of ['base.img', './a:b', 'images/base.qcow2', '..base', 'a..b', 'ü.qcow2']) {
      assert.deepEqual(nameOddities(name), [], name);
    }
  });

  const odd: readonly (readonly [name: string, oddities: readonly string[]])[] = [
    ['', ['empty']],
    ['  ', ['empty']],
    ['json:{"driver":"nbd"}', ['json']],
    ['JSON:{}', ['json']],
    ['nbd://host:10809/x', ['protocol']],
    ['file:base.img', ['protocol']],
    [':x', ['protocol']],
    ['/var/lib/base.img', ['absolute']],
    ['C:\\images\\base.img', ['absolute']],
    ['C:/images/base.img', ['absolute']],
    ['\\\\server\\share\\base.img', ['network']],
    ['/dev/sda', ['device', 'absolute']],
    ['\\\\.\\PhysicalDrive0', ['network', 'device']],
    ['../base.img', ['parent']],
    ['a/../../base.img', ['parent']],
    ['..', ['parent']],
    ['a\nb', ['control']],
    ['gnp.\u202eexe', ['control']],
    ['a\u200bb', ['control']],
    ['\ufffd.img', ['not-text']],
    ['/../\u0007', ['absolute', 'parent', 'control']],
  ];
  for (const [name, oddities] of odd) {
    it(`is told as ${oddities.join(', ')}: ${JSON.stringify(name)}`, () => {
      assert.deepEqual(nameOddities(name), oddities);
    });
  }

  it('has a protocol only before the first slash, as for QEMU', () => {
    assert.equal(protocolOf('nbd+unix:///x'), 'nbd+unix');
    assert.equal(protocolOf('a/b:c'), undefined);
    assert.equal(protocolOf('C:\\x'), undefined);
    assert.equal(protocolOf('C:x'), 'c');
  });
});
