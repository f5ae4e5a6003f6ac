import assert from 'node:assert/strict';
import { create, planCreate, withKey } from '../../../src/engine/operations/create.ts';
import { newImage } from '../../../src/engine/operations/newImage.ts';
import { type NewFile, noProgress } from '../../../src/engine/ports.ts';
import { timed } from '../../support/timedCiphers.ts';

const untouched: NewFile = {
  write: () => assert.fail('written'),
  resize: () => assert.fail('resized'),
  allocate: () => assert.fail('allocated'),
  flush: () => assert.fail('flushed'),
};

describe('a new image that is to be encrypted', () => {
  const { ciphers, runs } = timed(1_000_000);

  it('is not written without its key', async () => {
    const plan = planCreate(newImage({ size: 65536n, encryption: { format: 'luks' } }));
    await assert.rejects(create(plan, untouched, undefined, noProgress), {
      code: 'bad-argument',
      message: /pass phrase/,
    });
  });

  it('has the key, and no plan has been changed for it', () => {
    const plan = planCreate(newImage({ size: 65536n, encryption: { format: 'luks', iterTime: 1n } }));
    assert.equal(withKey(plan, new Uint8Array(3), ciphers).luks?.length, 2_068_480);
    assert.equal(plan.luks, undefined);
  });

  it('by QEMU’s old way needs none', () => {
    const plan = planCreate(newImage({ size: 65536n, encryption: { format: 'aes' } }));
    const before = runs.length;
    assert.equal(withKey(plan, new Uint8Array(3), ciphers), plan);
    assert.equal(runs.length, before);
  });
});
