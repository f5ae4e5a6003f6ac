import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Qcow2Error } from '../../src/engine/error.ts';
import { ImageBuilder, zero } from '../support/builder.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { amendFile } from './amendFile.ts';

describe('where an amend is not as qemu-img’s, on purpose', function () {
  this.timeout(60_000);
  let folder: string;
  let ours: string;
  let theirs: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-amend-'));
    ours = join(folder, 'ours');
    theirs = join(folder, 'theirs');
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const create = (...args: readonly string[]): Promise<string> =>
    qemuImg(['create', '-q', '-f', 'qcow2', ...args.slice(0, -1), ours, ...args.slice(-1)]);
  const io = (image: string, ...commands: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    runProgram('qemu-io', ['-f', 'qcow2', ...commands.flatMap((command) => ['-c', command]), image]);
  const checkOf = async (image: string): Promise<number> => (await runProgram('qemu-img', ['check', image])).code;

  // QEMU writes zeros over the data that the snapshot shares, and leaves COPIED wrong.
  it('keeps the data of a snapshot that a zero cluster of the disk shares', async () => {
    await create('1M');
    await io(ours, 'write -P 7 0 128k');
    await qemuImg(['snapshot', '-c', 's', ours]);
    await io(ours, 'write -z 0 64k');
    copyFileSync(ours, theirs);
    await amendFile(ours, 'compat=0.10');
    await qemuImg(['amend', '-o', 'compat=0.10', theirs]);
    assert.deepEqual([await checkOf(ours), await checkOf(theirs)], [0, 2]);
    for (const image of [ours, theirs]) {
      await qemuImg(['snapshot', '-a', 's', image]);
    }
    assert.doesNotMatch((await io(ours, 'read -P 7 0 64k')).stdout, /failed/);
    assert.match((await io(theirs, 'read -P 7 0 64k')).stdout, /Pattern verification failed/);
  });

  // QEMU looks at the disk alone, and the snapshot can't be read afterwards.
  it('refuses where clusters that only a snapshot has are compressed with zstd', async () => {
    await create('-o', 'compression_type=zstd', '1M');
    await io(ours, 'write -c -P 1 0 64k');
    await qemuImg(['snapshot', '-c', 's', ours]);
    await io(ours, 'write -P 2 0 64k');
    copyFileSync(ours, theirs);
    await assert.rejects(amendFile(ours, 'compat=0.10'), refused(/compressed with zstd/));
    await qemuImg(['amend', '-o', 'compat=0.10', theirs]);
    await qemuImg(['snapshot', '-a', 's', theirs]);
    const { stdout, stderr } = await io(theirs, 'read -P 1 0 64k');
    assert.match(stdout + stderr, /read failed/);
  });

  // QEMU writes zeros as they are, and the guest reads what they decrypt to.
  it('leaves encrypted zero clusters zeros', async () => {
    const secret = ['--object', 'secret,id=s,data=qcow2'];
    const options = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
    await create(...secret, '-o', options, '1M');
    const opened = (path: string): string => `driver=qcow2,encrypt.key-secret=s,file.filename=${path}`;
    const encrypted = async (path: string, ...commands: readonly string[]): Promise<string> => {
      const words = commands.flatMap((command) => ['-c', command]);
      return (await runProgram('qemu-io', [...secret, '--image-opts', ...words, opened(path)])).stdout;
    };
    await encrypted(ours, 'write -P 1 0 128k', 'write -z 0 64k', 'write -z 512k 64k');
    copyFileSync(ours, theirs);
    await amendFile(ours, 'compat=0.10');
    await qemuImg(['amend', ...secret, '--image-opts', '-o', 'compat=0.10', opened(theirs)]);
    const read = ['read -P 0 0 64k', 'read -P 1 64k 64k', 'read -P 0 512k 64k'];
    assert.doesNotMatch(await encrypted(ours, ...read), /failed/);
    assert.match(await encrypted(theirs, ...read), /Pattern verification failed at offset 0,/);
    assert.equal((await runProgram('qemu-img', ['check', ...secret, '--image-opts', opened(ours)])).code, 0);
  });

  // QEMU writes zeros as they are in place of zero clusters, and the guest reads what they decrypt to.
  it('refuses where encrypted zero clusters hide a backing file', async () => {
    const base = join(folder, 'base');
    await qemuImg(['create', '-q', '-f', 'raw', base, '1M']);
    await runProgram('qemu-io', ['-f', 'raw', '-c', 'write -P 9 0 1M', base]);
    const secret = ['--object', 'secret,id=s,data=qcow2'];
    const options = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
    await create(...secret, '-o', options, '-b', base, '-F', 'raw', '1M');
    const opened = (path: string): string => `driver=qcow2,encrypt.key-secret=s,file.filename=${path}`;
    const encrypted = async (path: string, command: string): Promise<string> =>
      (await runProgram('qemu-io', [...secret, '--image-opts', '-c', command, opened(path)])).stdout;
    await encrypted(ours, 'write -z 0 64k');
    copyFileSync(ours, theirs);
    const before = readFileSync(ours);
    await assert.rejects(
      amendFile(ours, 'compat=0.10'),
      refused(/It is encrypted, and 1 cluster hides the backing file by reading as zeros.*L1\[0\] -> L2\[0\]/),
    );
    assert.ok(readFileSync(ours).equals(before));
    await qemuImg(['amend', ...secret, '--image-opts', '-o', 'compat=0.10', opened(theirs)]);
    assert.match(await encrypted(theirs, 'read -P 0 0 64k'), /Pattern verification failed/);
  });

  // QEMU leaves their clusters behind as leaks, and the extension in the header, where it means nothing.
  it('gives the clusters of bitmaps back', async () => {
    await create('1M');
    await qemuImg(['bitmap', '--add', ours, 'one']);
    await io(ours, 'write 0 64k');
    copyFileSync(ours, theirs);
    await amendFile(ours, 'compat=0.10');
    await qemuImg(['amend', '-o', 'compat=0.10', theirs]);
    assert.deepEqual([await checkOf(ours), await checkOf(theirs)], [0, 3]);
  });

  // QEMU makes them zero clusters without a word.
  it('lists entries with bit 0 set in compat 0.10, and does not upgrade', async () => {
    const image = new ImageBuilder({ version: 2 });
    image.l1(0, (1n << 63n) | image.at(4)).entry(4, 3, (1n << 63n) | image.at(5) | zero);
    image.refcount(4, 1).refcount(5, 1).truncate(image.at(6));
    for (const path of [ours, theirs]) {
      writeFileSync(path, image.toBytes());
    }
    await assert.rejects(
      amendFile(ours, 'compat=1.1'),
      refused(/1 L2 entry has bit 0 set.*L1\[0\] -> L2\[3\] \(entry at 0x4_0018, guest offset 0x3_0000\)/),
    );
    assert.deepEqual(readFileSync(ours), Buffer.from(image.toBytes()));
    await qemuImg(['amend', '-o', 'compat=1.1', theirs]);
    assert.match(await qemuImg(['map', '--output=json', theirs]), /"start": 196608, .*"zero": true/);
  });

  // QEMU writes them where a version 2 reader looks for the extensions.
  it('refuses to downgrade an image with unknown header fields', async () => {
    const image = new ImageBuilder({ header_length: 120 }).put(112, 'unknown!');
    writeFileSync(ours, image.toBytes());
    await assert.rejects(amendFile(ours, 'compat=0.10'), refused(/fields past those that are known \(75 6e 6b/));
  });

  // QEMU puts unknown extensions in the opposite order.
  it('keeps the order of unknown extensions', async () => {
    const image = new ImageBuilder().extension(0x11111111, 'first').extension(0x22222222, 'second');
    for (const path of [ours, theirs]) {
      writeFileSync(path, image.toBytes());
    }
    await amendFile(ours, 'compat=0.10');
    await qemuImg(['amend', '-o', 'compat=0.10', theirs]);
    const order = (path: string): boolean => {
      const start = readFileSync(path).subarray(0, 512);
      return start.indexOf('first') < start.indexOf('second');
    };
    assert.deepEqual([order(ours), order(theirs)], [true, false]);
  });
});

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Qcow2Error && error.code === 'refused' && message.test(error.message);
}
