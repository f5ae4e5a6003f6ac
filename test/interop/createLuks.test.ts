import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteRange } from '../../src/engine/finding.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { runQcow2 } from '../support/command.ts';
import type { ProgramResult } from '../support/programs.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { difference } from './sameFile.ts';

const passphrase = 'correct horse, battery staple';

/** `-o` for qemu-img and for us, and the size: every algorithm, every mode of preallocation, clusters of all kinds. */
const cases: readonly (readonly [options: string, size: string])[] = [
  ['', '1M'],
  ['cluster_size=512,compat=0.10,encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain', '1M'],
  ['cluster_size=512,preallocation=metadata,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv', '10M'],
  ['cluster_size=512,preallocation=falloc,refcount_bits=1,encrypt.cipher-alg=aes-128', '20M'],
  ['cluster_size=512,preallocation=full,refcount_bits=64,encrypt.cipher-mode=ctr,encrypt.hash-alg=sha512', '3M'],
  ['cluster_size=512,refcount_bits=64', '1M'],
  ['cluster_size=1k,lazy_refcounts=on,encrypt.cipher-alg=aes-192,encrypt.hash-alg=sha1', '100M'],
  [
    'cluster_size=2k,compat=v2,preallocation=metadata,encrypt.cipher-alg=aes-128,encrypt.cipher-mode=ecb,encrypt.hash-alg=md5',
    '3M',
  ],
  ['cluster_size=4k,preallocation=falloc,encrypt.cipher-mode=cbc,encrypt.ivgen-hash-alg=sha1', '5000000'],
  ['cluster_size=16k,extended_l2=on,preallocation=metadata,encrypt.hash-alg=ripemd160', '33M'],
  ['preallocation=metadata,compression_type=zstd,encrypt.hash-alg=sha224', '5000001'],
  ['preallocation=full,encrypt.hash-alg=sha384', '3M'],
  [
    'cluster_size=256k,compat=v2,preallocation=falloc,encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=md5',
    '3M',
  ],
  ['cluster_size=2M,preallocation=metadata,refcount_bits=8,encrypt.ivgen-alg=essiv', '3M'],
  ['cluster_size=2M,preallocation=full,encrypt.cipher-alg=aes-192', '3M'],
  ['data_file=disk.data,data_file_raw=on', '3M'],
  ['preallocation=falloc', '0'],
];

/** Fields of a LUKS header that are another each time: byte from its start, bytes. The key material is added. */
const random: readonly (readonly [number, number])[] = [
  // mk_digest, its salt, its iterations, uuid
  [112, 96],
  // Iterations and salt of slot 0.
  [212, 36],
];

describe('a new image with LUKS', function () {
  this.timeout(120_000);
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-luks-'));
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, [options, size]] of sampled(cases, 3).entries()) {
    describe(`of ${size} with ${options || 'no other options'}`, () => {
      let ours: string;
      let theirs: string;

      before(async () => {
        [ours, theirs] = [join(root, `${index}-ours`), join(root, `${index}-theirs`)];
        for (const folder of [ours, theirs]) {
          mkdirSync(folder);
          writeFileSync(join(folder, 'phrase'), passphrase);
        }
      });

      after(() => {
        rmSync(ours, { recursive: true });
        rmSync(theirs, { recursive: true });
      });

      it('is qemu-img’s but for what is random, and opens with the pass phrase alone', async () => {
        const encryption = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
        const words = options === '' ? encryption : `${encryption},${options}`;
        const args = ['create', '--object', 'secret,id=s,file=phrase', '-f', 'qcow2', '-o', words, 'disk', size];
        const mine = runQcow2(args, ours);
        const qemus = untilMeasured(args, theirs);
        assert.deepEqual(await mine, await qemus);
        const except = await randomRanges(join(ours, 'disk'));
        assert.equal(await difference(join(ours, 'disk'), join(theirs, 'disk'), except), undefined);
        assert.notEqual(await difference(join(ours, 'disk'), join(theirs, 'disk')), undefined);
        assert.deepEqual(await info(ours), await info(theirs));
        await assertOpens(ours, size);
      });
    });
  }

  it('has other keys, salts and another UUID each time', async () => {
    const args = ['create', '-q', '--object', 'secret,id=s,data=x', '-f', 'qcow2'];
    const options = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=0';
    const names = ['one', 'two'].map((name) => join(root, name));
    for (const name of names) {
      assert.equal((await runQcow2([...args, '-o', options, name, '1M'])).code, 0);
    }
    const [a, b] = names.map((name) => readFileSync(name));
    assert.ok(a && b);
    const luks = 4 * 65536;
    for (const [from, length] of [
      [112, 20],
      [132, 32],
      [168, 36],
      [216, 32],
      [4096, 64],
      [4096 + 128_000, 64],
      [4096 + 256_000 - 64, 64],
    ] as const) {
      const at = luks + from;
      assert.notDeepEqual(a.subarray(at, at + length), b.subarray(at, at + length), `at ${from}`);
    }
  });
});

/** QEMU's clock is too coarse now and then. */
async function untilMeasured(args: readonly string[], folder: string): Promise<ProgramResult> {
  for (;;) {
    const result = await runProgram('qemu-img', args, folder);
    if (!result.stderr.includes('Unable to get accurate CPU usage')) {
      return result;
    }
  }
}

async function randomRanges(path: string): Promise<ByteRange[]> {
  const storage = await openFile(path);
  try {
    const { luksArea, luks, findings } = await openImage(storage);
    assert.ok(luksArea && luks);
    assert.deepEqual(findings, []);
    const material: readonly [number, number] = [4096, luks.fields.key_bytes * 4000];
    return [...random, material].map(([at, length]) => ({
      offset: luksArea.offset + BigInt(at),
      length: BigInt(length),
    }));
  } finally {
    await storage.close();
  }
}

/** What `qemu-img info` says, but for what is another each time, or is the file system's. */
async function info(folder: string): Promise<unknown> {
  const told = JSON.parse(await qemuImg(['info', '--output=json', 'disk'], folder));
  const { encrypt } = told['format-specific'].data;
  assert.equal(encrypt.slots[0].active, true);
  delete told['actual-size'];
  delete encrypt.uuid;
  delete encrypt['master-key-iters'];
  delete encrypt.slots[0].iters;
  return told;
}

/** `qemu-io` and `qemu-img check` open the image with the pass phrase, and not with another. */
async function assertOpens(folder: string, size: string): Promise<void> {
  const image = ['--image-opts', 'driver=qcow2,encrypt.key-secret=s,file.filename=disk'];
  const secret = ['--object', 'secret,id=s,file=phrase'];
  const io = size === '0' ? ['-c', 'length'] : ['-c', 'write -P 0x5a 3k 200k', '-c', 'read -P 0x5a 3k 200k'];
  const used = await runProgram('qemu-io', [...secret, ...image, ...io], folder);
  assert.equal(used.code, 0, used.stdout + used.stderr);
  assert.doesNotMatch(used.stdout, /failed/);
  const again = await runProgram('qemu-io', [...secret, ...image, ...io.slice(2)], folder);
  assert.equal(again.code, 0, again.stdout + again.stderr);
  assert.match(await qemuImg(['check', ...secret, ...image], folder), /No errors were found/);
  const wrong = ['--object', `secret,id=s,data=${passphrase.replaceAll(',', ',,')}!`];
  const refused = await runProgram('qemu-io', [...wrong, ...image, '-c', 'length'], folder);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /Invalid password, cannot unlock any keyslot/);
}
