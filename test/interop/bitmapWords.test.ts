import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { qemuImg } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { BitmapPair } from './bitmapPair.ts';

/** Where the data of the bitmaps extension is in an image without other extensions than the feature names. */
const extensionAt = 512;

/** Marks the bitmap of an index as in use, as a VM leaves it that dies. Entries have names of up to 8 bytes. */
function markInUse(file: Buffer, index: number): void {
  const directory = Number(file.readBigUInt64BE(extensionAt + 16));
  const flags = directory + index * 32 + 12;
  file.writeUInt32BE(file.readUInt32BE(flags) | 1, flags);
}

describe('qcow2 bitmap says what qemu-img bitmap says', function () {
  this.timeout(120_000);
  let pair: BitmapPair;

  before(async () => {
    pair = new BitmapPair();
    await pair.create('', '10M');
    await qemuImg(['create', '-q', '-f', 'qcow2', pair.other, '20M']);
    await qemuImg(['bitmap', '--add', pair.other, 'large']);
    await pair.same('--add', 'FILE', 'old');
    await pair.same('--add', 'FILE', 'stale');
    pair.patch((file) => markInUse(file, 1));
  });

  after(() => pair.remove());

  const commands: readonly string[] = [
    '',
    '--add FILE',
    'FILE b',
    'FILE',
    '--add FILE b c',
    '-g 64k FILE b',
    '--clear -g 64k FILE b',
    '--clear -g 0 FILE nope',
    '-F qcow2 --add FILE b',
    '-b OTHER --add FILE b',
    '--add -g 3 FILE b',
    '--add -g 256 FILE b',
    '--add -g 1000 FILE b',
    '--add -g 4G FILE b',
    '--add -g 1.5k FILE b',
    '--add -g foo FILE b',
    '--add -g -1 FILE b',
    '--add -g 99999999999999999999 FILE b',
    '--add -g 8E FILE b',
    '--add FILE old',
    '--add -g 3 FILE old',
    '--add FILE stale',
    '--remove FILE nope',
    '--clear FILE nope',
    '--enable FILE nope',
    '--disable FILE nope',
    '--merge old FILE nope',
    '--merge nope FILE old',
    '--merge nope FILE nope',
    '--clear FILE stale',
    '--enable FILE stale',
    '--disable FILE stale',
    '--merge old FILE stale',
    '--merge stale FILE old',
    '--merge stale FILE stale',
    '--merge nope FILE stale',
    '--merge large -b OTHER FILE stale',
    '--merge large -b OTHER FILE old',
    '--merge nope -b OTHER FILE old',
    '--merge large -b OTHER -F raw FILE old',
    '--merge large -b OTHER -F foo FILE old',
    '--merge old -b nosuch FILE old',
    '--merge old -b FILE FILE old',
    '--add nosuch b',
    '--add -f foo FILE b',
    '--add -f raw FILE b',
    '--add -g 3k -f raw FILE b',
    '--clear -f raw FILE b',
    '--merge old -f raw FILE b',
    '--bogus FILE b',
    '--merge',
  ];
  for (const command of sampled(commands, 12)) {
    it(`bitmap ${command}`, async () => {
      const [ours, theirs] = await pair.both(...command.split(' ').filter((word) => word !== ''));
      assert.deepEqual(ours, theirs);
    });
  }
});

describe('qcow2 bitmap on other images', function () {
  this.timeout(120_000);
  let pair: BitmapPair;

  beforeEach(() => {
    pair = new BitmapPair();
  });

  afterEach(() => pair.remove());

  it('takes names up to 1023 bytes', async () => {
    await pair.create('', '10M');
    await pair.same('--add', 'FILE', '');
    await pair.same('--remove', 'FILE', '');
    await pair.same('--add', 'FILE', 'n'.repeat(1024));
    await pair.same('--add', 'FILE', 'n'.repeat(1023));
    await pair.same('--add', 'FILE', 'é'.repeat(511));
    await pair.same('--remove', 'FILE', 'n'.repeat(1023));
  });

  it('leaves a bitmap in use alone until it is removed', async () => {
    await pair.create('', '10M');
    await pair.same('--add', 'FILE', 'old');
    await pair.same('--add', 'FILE', 'stale');
    pair.patch((file) => markInUse(file, 1));
    await pair.same('--disable', 'FILE', 'old');
    await pair.same('--add', '--merge', 'old', 'FILE', 'new');
    await pair.same('--remove', 'FILE', 'stale');
    await pair.same('--add', 'FILE', 'stale');
    await pair.requireAlike('after all');
  });

  it('says what qemu-img says of a version 2 image', async () => {
    await pair.create('compat=0.10', '10M');
    await pair.same('--add', 'FILE', 'b');
    await pair.same('--add', 'FILE', 'n'.repeat(2000));
    await pair.same('--clear', 'FILE', 'b');
  });

  it('says what qemu-img says of a disk that is too large for the granularity, and goes as far as it does', async () => {
    await pair.create('', '2P');
    await pair.same('--add', '-g', '256k', 'FILE', 'b');
    await pair.same('--add', 'FILE', 'b');
    await pair.same('--add', '-g', '512k', 'FILE', 'b');
  });

  it('merges a bitmap of another image, of another granularity and cluster size, and none of that is written', async () => {
    await pair.create('', '10M');
    await qemuImg(['create', '-q', '-f', 'qcow2', '-o', 'cluster_size=512', pair.other, '10M']);
    await qemuImg(['bitmap', '--add', '-g', '512', pair.other, 'small']);
    await pair.ioOther('write 0 3M', 'write 9M 1k');
    const before = readFileSync(pair.other);
    await pair.same('--add', '--merge', 'small', '-b', 'OTHER', '-F', 'qcow2', 'FILE', 'b');
    await pair.same('--add', '-g', '512', '--merge', 'small', '-b', 'OTHER', 'FILE', 'c');
    await pair.requireAlike('after all');
    // QEMU opens it for reading, and so do we.
    assert.ok(readFileSync(pair.other).equals(before));
  });

  it('only in-use bitmaps: removing one leaves the other where it is', async () => {
    await pair.create('', '10M');
    await pair.same('--add', 'FILE', 'one');
    await pair.same('--add', 'FILE', 'two');
    pair.patch((file) => markInUse(file, 0));
    pair.patch((file) => markInUse(file, 1));
    await pair.same('--remove', 'FILE', 'one');
    await pair.same('--add', '--remove', 'FILE', 'three');
    await pair.same('--remove', 'FILE', 'two');
    await pair.requireAlike('after all');
  });

  it('stores bitmaps of all ones and of zeros as QEMU does, whatever they were stored as', async () => {
    await pair.create('cluster_size=4k', '256M');
    await pair.same('--add', '-g', '512', 'FILE', 'b');
    pair.patch((file) => {
      const table = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(bitmapsDataAt(file) + 16))));
      // Entries 0 and 3 of 16: all ones, without data.
      file.writeBigUInt64BE(1n, table);
      file.writeBigUInt64BE(1n, table + 24);
    });
    await pair.same('--disable', 'FILE', 'b');
    await pair.requireAlike('after all');
  });
});

/** Where the data of the bitmaps extension is: after the header, or after the feature names. */
function bitmapsDataAt(file: Buffer): number {
  return file.indexOf(Buffer.from('2385287500000018', 'hex')) + 8;
}

describe('where qcow2 bitmap differs from qemu-img bitmap on purpose', function () {
  this.timeout(120_000);
  let pair: BitmapPair;

  beforeEach(async () => {
    pair = new BitmapPair();
    await pair.create('', '10M');
  });

  afterEach(() => pair.remove());

  it('does nothing where one action of several can’t be done; QEMU does those before it', async () => {
    const before = readFileSync(pair.ours);
    const [ours, theirs] = await pair.both('--add', '--merge', 'nope', 'FILE', 'b');
    assert.deepEqual(ours, theirs);
    assert.ok(readFileSync(pair.ours).equals(before));
    assert.match(await qemuImg(['info', pair.theirs]), /name: b/);
  });

  it('leaves the image alone when it fails; QEMU has stored all bitmaps anew by then', async () => {
    await pair.same('--add', 'FILE', 'b');
    const [before, qemus] = [readFileSync(pair.ours), readFileSync(pair.theirs)];
    const [ours, theirs] = await pair.both('--remove', 'FILE', 'nope');
    assert.deepEqual(ours, theirs);
    assert.ok(readFileSync(pair.ours).equals(before));
    assert.ok(!readFileSync(pair.theirs).equals(qemus));
  });

  it('refuses a bitmap on a disk of size 0; QEMU loses it on closing, and exits with 0', async () => {
    await pair.create('', '0');
    const [ours, theirs] = await pair.both('--add', 'FILE', 'b');
    assert.equal(ours.code, 1);
    assert.match(ours.said, /Operation add on bitmap b failed: .*The disk has a size of 0/);
    assert.equal(theirs.code, 0);
    assert.match(theirs.said, /Lost persistent bitmaps/);
  });

  it('refuses a granularity of more than 32 bits; QEMU takes its lower half', async () => {
    const [ours, theirs] = await pair.both('--add', '-g', '5G', 'FILE', 'b');
    assert.equal(theirs.code, 0);
    assert.match(await qemuImg(['info', pair.theirs]), /granularity: 1073741824/);
    assert.equal(ours.said, 'Operation add on bitmap b failed: Granularity must be power of 2 and at least 512\n');
  });

  it('clears bits past the end of the disk, as the format wants it; QEMU keeps them', async () => {
    await pair.same('--add', 'FILE', 'b');
    await pair.io('write 0 64k');
    pair.patch((file) => {
      const table = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(extensionAt + 16))));
      // The disk has 160 granules of 64 KiB.
      file[Number(file.readBigUInt64BE(table)) + 20] = 0xff;
    });
    await pair.both('--disable', 'FILE', 'b');
    const bytes = [pair.ours, pair.theirs].map((path) => {
      const file = readFileSync(path);
      const table = Number(file.readBigUInt64BE(Number(file.readBigUInt64BE(extensionAt + 16))));
      return file[Number(file.readBigUInt64BE(table)) + 20];
    });
    assert.deepEqual(bytes, [0, 0xff]);
    await pair.requireAlike('but for them');
  });

  it('keeps a header of 104 bytes, and its extensions without feature names; QEMU writes both as for a new image', async () => {
    await pair.same('--add', 'FILE', 'b');
    pair.patch((file) => {
      const bitmaps = file.subarray(504, 536);
      const moved = Buffer.from(bitmaps);
      file.fill(0, 104, 536);
      moved.copy(file, 104);
      file.writeUInt32BE(104, 100);
    });
    await pair.both('--disable', 'FILE', 'b');
    const [ours, theirs] = [readFileSync(pair.ours), readFileSync(pair.theirs)];
    assert.equal(ours.readUInt32BE(100), 104);
    assert.equal(theirs.readUInt32BE(100), 112);
    theirs.copy(ours, 100, 100, 536);
    writeFileSync(pair.ours, ours);
    await pair.requireSame('but for the header');
  });

  it('keeps unknown extensions in their order; QEMU turns it round', async () => {
    const unknown = Buffer.from('0badf00d00000004aaaaaaaa000000000badf11d00000004bbbbbbbb00000000', 'hex');
    pair.patch((file) => unknown.copy(file, 504));
    await pair.both('--add', 'FILE', 'b');
    const [ours, theirs] = [readFileSync(pair.ours), readFileSync(pair.theirs)];
    assert.ok(ours.subarray(536, 568).equals(unknown));
    assert.ok(theirs.subarray(536, 568).equals(Buffer.concat([unknown.subarray(16), unknown.subarray(0, 16)])));
    unknown.copy(theirs, 536);
    writeFileSync(pair.theirs, theirs);
    await pair.requireSame('but for the order');
  });
});
