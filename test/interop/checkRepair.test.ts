import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copied, ImageBuilder } from '../support/builder.ts';
import { runQcow2 } from '../support/command.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { writeImage } from '../support/writeImage.ts';
import { checkedByQemu, checkedByUs } from './checkRuns.ts';

const cluster = 65536;

describe('qcow2 check -r', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-check-repair-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A disk of 4 MiB with 1 MiB of data: its refcount block is at cluster 2, its L1 table at 3, its L2 table at 4. */
  async function written(name: string, ...options: string[]): Promise<string> {
    const path = join(folder, name);
    await qemuImg(['create', '-q', '-f', 'qcow2', ...options, path, '4M']);
    assert.equal((await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 1M', path])).code, 0);
    return path;
  }

  async function patch(path: string, at: number, ...bytes: number[]): Promise<void> {
    const file = await open(path, 'r+');
    await file.write(Uint8Array.from(bytes), 0, bytes.length, at);
    await file.close();
  }

  /** Counts cluster 30, which nothing uses, once, and cluster 5, which is used once, three times. */
  async function leaking(name: string, ...options: string[]): Promise<string> {
    const path = await written(name, ...options);
    await patch(path, 2 * cluster + 2 * 30, 0, 1);
    await patch(path, 2 * cluster + 2 * 5, 0, 3);
    const file = await open(path, 'r+');
    await file.truncate(40 * cluster);
    await file.close();
    return path;
  }

  for (const [options, ...args] of [
    ['compat=1.1', '-r', 'leaks'],
    ['compat=0.10', '-r', 'all', '--output=json'],
    ['compat=1.1,lazy_refcounts=on', '-q', '-r', 'leaks'],
  ] as const) {
    it(`frees leaked clusters as qemu-img does: ${options}, ${args.join(' ')}`, async () => {
      const ours = await leaking('disk.qcow2', '-o', options);
      const theirs = join(folder, 'theirs.qcow2');
      copyFileSync(ours, theirs);
      const mine = await checkedByUs([...args, 'disk.qcow2'], folder);
      const qemus = await checkedByQemu([...args, 'theirs.qcow2'], folder);
      const rename = (text: string): string => text.replaceAll('theirs.qcow2', 'disk.qcow2');
      // QEMU looks at COPIED between the two, and tells of what it is about to repair.
      const told = qemus.stderr.replace(/^ERROR OFLAG_COPIED.*\n/gm, '');
      assert.deepEqual(mine, { ...qemus, stdout: rename(qemus.stdout), stderr: told });
      const length = 30 * cluster;
      assert.ok(readFileSync(ours).subarray(0, length).equals(readFileSync(theirs).subarray(0, length)));
    });
  }

  it('leaves what it frees in the file, and takes it back by undo', async () => {
    const path = await leaking('disk.qcow2');
    await patch(path, 30 * cluster, ...Array.from({ length: 512 }, () => 0x5a));
    const before = readFileSync(path);
    const blocks = statSync(path).blocks;
    assert.equal((await runQcow2(['check', '-r', 'leaks', '--keep-undo', path])).code, 0);
    assert.equal(readFileSync(path)[30 * cluster], 0x5a);
    assert.ok(statSync(path).blocks >= blocks, 'no hole is punched, other than by qemu-img');
    assert.equal((await runQcow2(['undo', path])).code, 0);
    assert.ok(readFileSync(path).equals(before));
  });

  it('shows with --dry-run what it would write, and writes nothing', async () => {
    const path = await leaking('disk.qcow2');
    const before = readFileSync(path);
    const { code, stdout } = await runQcow2(['check', '-r', 'leaks', '--dry-run', path]);
    assert.equal(code, 0);
    assert.match(stdout, /^Lower 1 refcount, free 1 leaked cluster\n/);
    assert.match(stdout, /refcount block 0/);
    assert.ok(readFileSync(path).equals(before));
  });

  it('clears the dirty and the corrupt bit where nothing is wrong', async () => {
    const path = await written('disk.qcow2');
    await patch(path, 79, 3);
    assert.equal((await runQcow2(['check', '-r', 'all', path])).code, 0);
    assert.equal(readFileSync(path)[79], 0);
  });

  it('does nothing to an image in order', async () => {
    const path = await written('disk.qcow2');
    const before = readFileSync(path);
    assert.equal((await runQcow2(['check', '-r', 'all', path])).code, 0);
    assert.ok(readFileSync(path).equals(before));
  });

  it('of leaks only leaves a refcount block be that is said to lie as far out as an entry can say', async () => {
    const path = await leaking('disk.qcow2');
    await patch(path, cluster + 8 * 100, 0xff, 0, 0, 0, 0, 0, 0, 0);
    const { code, stderr } = await runQcow2(['check', '-r', 'leaks', path]);
    assert.equal(code, 2);
    assert.match(stderr, /^ERROR refcount block 100 is outside image$/m);
  });

  it('is not the end of it: qcow2 repair does not exit with 0 where something is left that qemu-img does not count', async () => {
    const path = await written('disk.qcow2');
    // Autoclear bit 1: there is an external data file that is raw. Nothing tells of one.
    await patch(path, 95, 2);
    const { code, stdout } = await runQcow2(['repair', path]);
    assert.match(stdout, /Left: findings that qemu-img does not count/);
    assert.equal(code, 2);
  });

  it('tells nothing of a repair that has no place for its journal', async () => {
    const path = await leaking('disk.qcow2');
    const before = readFileSync(path);
    const journal = join(folder, 'no such folder', 'journal');
    const { code, stdout, stderr } = await runQcow2(['check', '-r', 'all', '--journal', journal, path]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^qcow2: Can't open the rollback journal [^\n]*\n$/);
    assert.ok(readFileSync(path).equals(before));
  });

  it('repairs no image of another format, and no other repair than leaks and all', async () => {
    const raw = join(folder, 'disk.raw');
    await qemuImg(['create', '-q', '-f', 'raw', raw, '1M']);
    assert.equal((await runQcow2(['check', '-f', 'raw', '-r', 'all', raw])).code, 63);
    await sayTheSame('-r', 'foo', raw);
  });

  it('takes QEMU’s cache modes and no others, and no -U', async () => {
    const path = await written('disk.qcow2');
    await sayTheSame('-T', 'none', path);
    await sayTheSame('-T', 'foo', path);
    await sayTheSame('-U', '-r', 'all', path);
    await sayTheSame('-U', '-r', 'all', join(folder, 'nothing'));
  });

  async function sayTheSame(...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await checkedByUs(args, folder);
    const qemus = await checkedByQemu(args, folder);
    assert.deepEqual(
      [code, stdout, stderr.trimEnd().replace("'qcow2 --", "'qemu-img --")],
      [qemus.code, qemus.stdout, qemus.stderr.trimEnd()],
    );
  }

  const guest = async (path: string): Promise<string> =>
    (await runProgram('qemu-io', ['-r', '-f', 'qcow2', '-c', 'read -P 7 0 1M', path])).stdout;

  // What qemu-img destroys or launders, and ours leaves as it is.
  describe('changes nothing, where qemu-img', () => {
    /** Has ours refuse to change the image, and qemu-img change it. Returns the image that qemu-img has made of it. */
    async function refused(path: string, repair: 'leaks' | 'all'): Promise<string> {
      const before = readFileSync(path);
      const theirs = `${path}.theirs`;
      copyFileSync(path, theirs);
      await runProgram('qemu-img', ['check', '-r', repair, theirs]);
      const { code, stderr } = await runQcow2(['check', '-r', repair, path]);
      assert.ok(code !== 0, 'the image is not called clean');
      assert.match(stderr, /nothing is repaired|Check failed/);
      assert.ok(readFileSync(path).equals(before));
      return theirs;
    }

    it('frees and punches out all live data, since the offset of the L1 table is wrong', async () => {
      const path = await written('disk.qcow2');
      const right = readFileSync(path).subarray(40, 48);
      // Cluster 21 is one of zeros: an empty L1 table.
      assert.equal((await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0 1M 64k', path])).code, 0);
      await patch(path, 40, 0, 0, 0, 0, 0, 0x15, 0, 0);
      const theirs = await refused(path, 'leaks');
      for (const one of [path, theirs]) await patch(one, 40, ...right);
      assert.doesNotMatch(await guest(path), /failed|error/i);
      assert.match(await guest(theirs), /Pattern verification failed|error/i);
    });

    it('wipes the data of a snapshot, since the offset of its L1 table is wrong', async () => {
      const path = await written('disk.qcow2');
      await qemuImg(['snapshot', '-c', 'one', path]);
      assert.equal((await runProgram('qemu-io', ['-f', 'qcow2', '-c', 'write -P 8 0 64k', path])).code, 0);
      const table = Number(readFileSync(path).readBigUInt64BE(64));
      const offset = readFileSync(path).subarray(table, table + 8);
      await patch(path, table + 6, 2);
      const theirs = await refused(path, 'leaks');
      for (const one of [path, theirs]) await patch(one, table, ...offset);
      const first = async (image: string): Promise<number | undefined> => {
        const out = join(folder, 'snapshot.raw');
        await runProgram('qemu-img', ['convert', '-O', 'raw', '-l', 'snapshot.name=one', image, out]);
        return readFileSync(out)[0];
      };
      assert.equal(await first(path), 7);
      assert.notEqual(await first(theirs), 7);
    });

    it('blesses two guest clusters on one host cluster with refcount 2', async () => {
      const image = new ImageBuilder();
      image
        .l1(0, copied | image.at(4))
        .entry(4, 0, copied | image.at(5))
        .entry(4, 1, copied | image.at(5));
      image
        .refcount(4, 1)
        .refcount(5, 1)
        .truncate(6 * cluster);
      const path = join(folder, 'disk.qcow2');
      writeImage(image, path);
      const theirs = await refused(path, 'all');
      assert.equal((await runProgram('qemu-img', ['check', theirs])).code, 0);
    });

    it('blesses a data cluster that is the L1 table', async () => {
      const image = new ImageBuilder();
      image.l1(0, copied | image.at(4)).entry(4, 0, copied | image.at(3));
      image.refcount(4, 1).truncate(6 * cluster);
      const path = join(folder, 'disk.qcow2');
      writeImage(image, path);
      const theirs = await refused(path, 'all');
      assert.equal((await runProgram('qemu-img', ['check', theirs])).code, 0);
    });
  });

  describe('repairs, where qemu-img', () => {
    it('makes the names of snapshots empty, since one length is wrong', async () => {
      const path = await written('disk.qcow2');
      await qemuImg(['snapshot', '-c', 'one', path]);
      const table = Number(readFileSync(path).readBigUInt64BE(64));
      await patch(path, table + 36, 0, 0, 0x13, 0x88);
      const theirs = `${path}.theirs`;
      copyFileSync(path, theirs);
      await runProgram('qemu-img', ['check', '-r', 'all', theirs]);
      assert.equal((await runQcow2(['check', '-r', 'all', path])).code, 0);
      const nameIn = async (image: string): Promise<string | undefined> =>
        (JSON.parse(await qemuImg(['info', '--output=json', image])) as { snapshots: { name: string }[] }).snapshots[0]
          ?.name;
      assert.deepEqual([await nameIn(path), await nameIn(theirs)], ['one', '']);
    });

    /** Damages of the refcounts and COPIED: by the bytes that are written where. */
    const damages: readonly (readonly [name: string, at: number, ...bytes: number[]])[] = [
      ['a refcount of 0 of a cluster in use', 2 * cluster + 2 * 5, 0, 0],
      ['a refcount that is too high, and COPIED', 2 * cluster + 2 * 6, 0, 2],
      ['an entry of the refcount table with reserved bits', cluster + 7, 1],
      ['an entry of the refcount table that is not of a cluster', cluster + 6, 2],
      ['an entry of the refcount table past the end of the file', cluster + 4, 1],
      ['no refcount block', cluster, 0, 0, 0, 0, 0, 0, 0, 0],
      ['a second refcount block past the end of the file', cluster + 8, 0, 0, 0, 0, 0, 0x40, 0, 0],
      ['one that no file can reach', cluster + 8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
      ['one beyond what a signed number holds', cluster + 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
      ['COPIED that is missing', 4 * cluster, 0],
      ['COPIED of an L2 table that is missing', 3 * cluster, 0],
    ];
    for (const [name, at, ...bytes] of damages) {
      it(`does too: ${name}`, async () => {
        const path = await written('disk.qcow2');
        await patch(path, at, ...bytes);
        const theirs = join(folder, 'theirs.qcow2');
        copyFileSync(path, theirs);
        const mine = await checkedByUs(['-r', 'all', 'disk.qcow2'], folder);
        const qemus = await checkedByQemu(['-r', 'all', 'theirs.qcow2'], folder);
        assert.equal(mine.code, 0);
        assert.equal((await runProgram('qemu-img', ['check', path])).code, 0);
        assert.doesNotMatch(await guest(path), /failed|error/i);
        // QEMU fails to write through an entry that leads to no block.
        if (qemus.code === 0) {
          // It has made the file longer first, up to the block; ours has not.
          assert.deepEqual(mine, { ...qemus, stdout: atEndOf(mine.stdout, qemus.stdout) });
        }
      });
    }

    it('does too: COPIED that is missing where the data is in an external file', async () => {
      const path = await written('disk.qcow2', '-o', `data_file=${join(folder, 'data.raw')}`);
      await patch(path, 4 * cluster + 8, 0);
      const theirs = join(folder, 'theirs.qcow2');
      copyFileSync(path, theirs);
      const mine = await checkedByUs(['-r', 'all', 'disk.qcow2'], folder);
      assert.deepEqual(mine, await checkedByQemu(['-r', 'all', 'theirs.qcow2'], folder));
      assert.equal(mine.code, 0);
    });

    /** What QEMU said, with the end of the image that ours has, where that is not behind its own. */
    function atEndOf(ours: string, theirs: string): string {
      const end = /Image end offset: (\d+)/;
      const [mine, its] = [ours, theirs].map((text) => Number(end.exec(text)?.[1]));
      assert.ok(mine !== undefined && its !== undefined && mine <= its);
      return theirs.replace(end, `Image end offset: ${mine}`);
    }

    it('builds them anew in the same clusters as qemu-img, so that the file gets no longer', async () => {
      const path = await written('disk.qcow2');
      const file = await open(path, 'r+');
      await file.truncate(40 * cluster);
      await file.close();
      await patch(path, 2 * cluster + 2 * 5, 0, 0);
      const theirs = join(folder, 'theirs.qcow2');
      copyFileSync(path, theirs);
      assert.deepEqual(
        await checkedByUs(['-r', 'all', 'disk.qcow2'], folder),
        await checkedByQemu(['-r', 'all', 'theirs.qcow2'], folder),
      );
      assert.equal(statSync(path).size, 40 * cluster);
      assert.doesNotMatch(await guest(path), /failed|error/i);
    });
  });
});
