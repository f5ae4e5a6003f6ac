import assert from 'node:assert/strict';
import { choices, type Draft, forgetPassphrase, optionsOf } from '../../src/commands/createChoices.ts';
import { refusalOf } from '../../src/worker/createThread.ts';

const draft = (more: Partial<Draft> = {}): Draft => ({ compat: '1.1', size: '10G', chosen: new Map(), ...more });
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

describe('the options of an image that is asked for', () => {
  it('are qemu-img’s defaults where nothing is chosen', () => {
    assert.deepEqual(optionsOf(draft()), {
      ...{ size: 10n << 30n, compat: '1.1', clusterSize: 65536n, refcountBits: 16n, lazyRefcounts: false },
      ...{ extendedL2: false, compressionType: 'zlib', preallocation: 'off' },
    });
  });

  it('name a backing file as the image is to, once its place is known', () => {
    const wanted = draft({ backing: { path: '/images/base.img', format: 'raw' } });
    assert.deepEqual(optionsOf(wanted).backing, { name: bytes('/images/base.img'), format: 'raw' });
    assert.deepEqual(optionsOf(wanted, '/images/disk.qcow2').backing, { name: bytes('base.img'), format: 'raw' });
  });

  it('name an external data file by its whole path, which QEMU finds from every folder', () => {
    const wanted = optionsOf(draft({ dataFile: { path: '/images/disk.data', raw: true } }), '/images/disk.qcow2');
    assert.deepEqual(wanted.dataFile, bytes('/images/disk.data'));
    assert.equal(wanted.dataFileRaw, true);
  });

  it('say that the disk is encrypted, and not by what', () => {
    const wanted = optionsOf(draft({ passphrase: bytes('secret') }));
    assert.deepEqual(wanted.encryption, { format: 'luks' });
    const words = JSON.stringify(wanted, (_, value) => (typeof value === 'bigint' ? String(value) : value));
    assert.doesNotMatch(words, /secret|115,101,99/);
  });

  it('are refused with the reason where they exclude each other', () => {
    const backing = { path: '/base.img', format: 'raw' };
    const dataFile = { path: '/disk.data', raw: true };
    const full = new Map([['preallocation', 'full']] as const);
    const small = new Map([
      ['extended L2', 'on'],
      ['cluster size', '8K'],
    ] as const);
    assert.equal(
      refusalOf(optionsOf(draft({ backing, dataFile }))),
      'Backing file and data-file-raw cannot be used at the same time',
    );
    assert.match(refusalOf(optionsOf(draft({ backing, chosen: full }))) ?? '', /only be used .* if extended_l2 is on/);
    assert.match(refusalOf(optionsOf(draft({ chosen: small }))) ?? '', /at least 16384 bytes/);
    assert.equal(refusalOf(optionsOf(draft({ backing, dataFile: { ...dataFile, raw: false } }))), undefined);
    assert.equal(refusalOf(optionsOf(draft({ compat: '0.10', backing, passphrase: bytes('x') }))), undefined);
  });

  it('offer only what there is in compat 0.10', () => {
    assert.deepEqual(
      choices('0.10').map(({ name }) => name),
      ['cluster size', 'preallocation'],
    );
  });

  it('have their pass phrase overwritten when they are forgotten', () => {
    const passphrase = bytes('secret');
    const wanted = draft({ passphrase });
    forgetPassphrase(wanted);
    assert.deepEqual(passphrase, new Uint8Array(6));
    assert.equal(wanted.passphrase, undefined);
  });
});
