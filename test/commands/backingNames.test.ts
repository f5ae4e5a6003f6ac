import assert from 'node:assert/strict';
import { backingName, nameRefusal } from '../../src/commands/backingNames.ts';

describe('the name of a backing file in a new image', () => {
  it('is relative to the image’s folder for a file in there, so that both can be moved', () => {
    assert.equal(backingName('/images/disk.qcow2', '/images/base.qcow2'), 'base.qcow2');
    assert.equal(backingName('/images/disk.qcow2', '/images/bases/base.qcow2'), 'bases/base.qcow2');
    assert.equal(backingName('/images/disk.qcow2', '/images/..base'), '..base');
  });

  it('is the whole path for a file elsewhere', () => {
    assert.equal(backingName('/images/new/disk.qcow2', '/images/base.qcow2'), '/images/base.qcow2');
    assert.equal(backingName('/images/disk.qcow2', '/images2/base.qcow2'), '/images2/base.qcow2');
  });

  it('is never taken for a protocol', () => {
    assert.equal(backingName('/images/disk.qcow2', '/images/nbd:localhost'), './nbd:localhost');
    assert.equal(backingName('/images/disk.qcow2', '/images/a/b:c'), 'a/b:c');
  });

  it('is refused beyond the 1023 bytes of the format', () => {
    assert.equal(nameRefusal('ä'.repeat(511)), undefined);
    assert.equal(nameRefusal('ä'.repeat(512)), 'The name has 1024 bytes: at most 1023 can be stored.');
  });
});
