import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { snapshotId } from '../../src/engine/format/snapshots.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { readSnapshots } from '../../src/engine/image/snapshotTable.ts';
import { parseRescueMap } from '../../src/engine/salvage/rescueMap.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { runQcow2 } from '../support/command.ts';
import { follow, img, io } from '../support/imageRecipe.ts';
import { interopImages } from '../support/interopImages.ts';
import { type ListedRange, missingOf } from '../support/missingList.ts';
import { runProgram } from '../support/qemu.ts';
import { random } from '../support/random.ts';
import { everything, sampled } from '../support/sampled.ts';

/** Disks whose raw form is larger are left out. */
const mostBytes = 2n ** 24n;

describe('salvage', function () {
  this.timeout(300_000);
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-salvage-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Saves as qemu-img converts; returns whether qemu-img can. */
  async function same(path: string, where: string, options: readonly string[], name: string): Promise<boolean> {
    const [wanted, ours] = [join(folder, 'wanted.raw'), join(folder, 'ours.raw')];
    const { code } = await runProgram(
      'qemu-img',
      ['convert', '-f', 'qcow2', '-O', 'raw', ...options, path, wanted],
      where,
    );
    const saved = await runQcow2(
      ['salvage', '--force', ...options.map((word) => word.replace('snapshot.id=', '')), path, ours],
      where,
    );
    if (code !== 0) {
      assert.notEqual(saved.code, 0, `${name}: qemu-img can't convert it`);
      return false;
    }
    assert.deepEqual({ code: saved.code, stderr: saved.stderr }, { code: 0, stderr: '' }, name);
    const [theirs, bytes] = [await readFile(wanted), await readFile(ours)];
    if (options.length === 0) {
      assert.equal(bytes.length, theirs.length, name);
    }
    // Of a snapshot qemu-img takes the size that the disk has now, we take the one that it had then.
    const length = Math.min(theirs.length, bytes.length);
    assert(bytes.subarray(0, length).equals(theirs.subarray(0, length)), `${name}: other bytes`);
    const { blocks } = await stat(ours);
    const { blocks: most } = await stat(wanted);
    assert(blocks <= most + 8, `${name}: ${blocks} blocks, qemu-img’s has ${most}`);
    return true;
  }

  it('saves what qemu-img converts: through chains, data files, compression and subclusters, and of each snapshot', async () => {
    const { below } = random(5);
    let disks = 0;
    for (const { name, path, folder: where, options } of sampled(await interopImages(), 36, everything, 4)) {
      const storage = await openFile(resolve(where, path));
      const image = await openImage(storage);
      const { header, backing, dataFile } = image;
      const snapshots = header ? await readSnapshots(storage, header) : [];
      await storage.close();
      const usual = backing === undefined && dataFile === undefined && snapshots.length === 0;
      if (header?.crypt_method !== 0 || header.size > mostBytes || options.length > 0 || (usual && below(4) > 0)) {
        continue;
      }
      for (const layer of [[], ...snapshots.map((entry) => ['-l', `snapshot.id=${snapshotId(entry)}`])]) {
        disks += (await same(path, where, layer, `${name} ${layer.join(' ')}`)) ? 1 : 0;
      }
    }
    const least = everything ? 30 : 10;
    assert(disks >= least, `only ${disks} disks`);
  });

  it('lists what is in a backing file that is not there, and saves the rest', async () => {
    const images = await interopImages();
    const found = images.find(({ name }) => name === 'backing file that is not there');
    assert(found);
    const raw = join(folder, 'out.raw');
    const { code } = await runQcow2(['salvage', found.path, raw], found.folder);
    assert.equal(code, 2);
    const missing = await missingOf(raw);
    assert(missing.length > 0);
    assert(missing.every(({ reason }) => reason === 'backing-not-opened'));
  });

  it('says of an encrypted image that this is not there yet, and leaves nothing', async () => {
    const found = (await interopImages()).find(({ name }) => name === 'LUKS');
    assert(found);
    const { code, stderr } = await runQcow2(['salvage', found.path, join(folder, 'out.raw')], found.folder);
    assert.equal(code, 1);
    assert.match(stderr, /is encrypted.*not there yet/);
    await assert.rejects(stat(join(folder, 'out.raw')), { code: 'ENOENT' });
  });

  describe('of an image that was damaged', () => {
    const size = 4 * 2 ** 20;
    let image: Buffer;
    let raw: Buffer;
    let tables: { l1: number; l2: number[] };

    /** An image of QEMU's with clusters of 4 KiB: eight L2 tables, data, zeros, compressed clusters. */
    beforeEach(async () => {
      const steps = [
        img('create', '-q', '-f', 'qcow2', '-o', 'cluster_size=4k', 'disk.qcow2', String(size)),
        io(
          'disk.qcow2',
          'write -P 1 0 700k',
          'write -c -P 2 1M 64k',
          'write -P 3 1500k 300k',
          'write -z 1600k 20k',
          'write -P 4 3M 1M',
          'write -c -P 5 2M 400k',
        ),
        img('convert', '-O', 'raw', 'disk.qcow2', 'disk.raw'),
      ];
      await follow({ name: 'damaged', steps }, folder);
      image = await readFile(join(folder, 'disk.qcow2'));
      raw = await readFile(join(folder, 'disk.raw'));
      const l1 = Number(image.readBigUInt64BE(40));
      const entries = image.readUInt32BE(36);
      const l2 = Array.from({ length: entries }, (_, index) =>
        Number(image.readBigUInt64BE(l1 + 8 * index) & 0xff_ffff_ffff_fe00n),
      );
      tables = { l1, l2: l2.filter((table) => table > 0) };
    });

    /** Saves it and holds every byte that is not listed as missing against the disk as it was. Returns what is listed. */
    async function check(damaged: Buffer, code: number): Promise<ListedRange[]> {
      const [path, out] = [join(folder, 'damaged.qcow2'), join(folder, 'out.raw')];
      await writeFile(path, damaged);
      const result = await runQcow2(['salvage', '--force', '--output=json', path, out]);
      assert.deepEqual([result.code, result.stderr], [code, '']);
      const [saved, missing] = [await readFile(out), await missingOf(out)];
      assert.equal(saved.length, size);
      const lost = missing.reduce((bytes, { length }) => bytes + length, 0);
      assert.equal(JSON.parse(result.stdout)['missing-bytes'], lost);
      for (const { start, length } of missing) {
        saved.fill(0, start, start + length);
        raw.copy(saved, start, start, start + length);
      }
      assert(saved.equals(raw), 'bytes that are not listed as missing differ');
      const { map } = parseRescueMap(await readFile(`${out}.map`, 'utf8'));
      const bad = [...map.regions()].filter(({ status }) => status === '-');
      assert.equal(
        bad.reduce((bytes, { from, to }) => bytes + to - from, 0),
        lost,
      );
      assert((await readFile(path)).equals(damaged), 'the image was written');
      return missing;
    }

    it('nothing is missing before', async () => {
      assert.deepEqual(await check(image, 0), []);
    });

    it('an L1 entry with a wrong bit costs what its table led to', async () => {
      const [, second = 0] = tables.l2;
      assert(second > 0);
      image.writeBigUInt64BE(BigInt(second + 512) | (1n << 63n), tables.l1 + 8);
      const [range] = await check(image, 2);
      assert.deepEqual([range?.start, range?.length, range?.reason], [2 ** 21, 2 ** 21, 'l1-entry-unaligned']);
    });

    it('an L2 table full of ones costs what it led to, and no more', async () => {
      image.fill(0xff, tables.l2[0], (tables.l2[0] ?? 0) + 4096);
      const missing = await check(image, 2);
      assert.equal(
        missing.reduce((bytes, { length }) => bytes + length, 0),
        2 ** 21,
      );
    });

    it('a file that was cut costs what lay behind', async () => {
      for (const part of [0.9, 0.5, 0.3]) {
        assert((await check(image.subarray(0, Math.floor(image.length * part)), 2)).length > 0);
      }
    });

    it('an L1 table that can’t be found costs all, and is found by its place', async () => {
      image.writeBigUInt64BE(1n << 40n, 40);
      const [range, ...more] = await check(image, 2);
      assert.deepEqual([range?.start, range?.length, range?.reason, more], [0, size, 'l1-table-past-end', []]);
      const out = join(folder, 'found.raw');
      const at = `0x${tables.l1.toString(16)}:2`;
      const { code } = await runQcow2(['salvage', '--l1', at, join(folder, 'damaged.qcow2'), out]);
      assert.equal(code, 0);
      assert((await readFile(out)).equals(raw));
    });

    it('compressed data that was written over costs its clusters', async () => {
      // The clusters of the compressed part: their entries have bit 62.
      const table = tables.l2[0] ?? 0;
      const entry = Array.from({ length: 512 }, (_, index) => image.readBigUInt64BE(table + 8 * index)).find(
        (word) => word & (1n << 62n),
      );
      assert(entry !== undefined);
      const data = Number(entry & ((1n << 58n) - 1n));
      image.fill(0xff, data, data + 8);
      const missing = await check(image, 2);
      assert(missing.some(({ reason }) => reason === 'compressed-broken'));
      assert(missing.every(({ start }) => start >= 2 ** 20 && start < 2 ** 20 + 65536));
    });

    it('any number of entries that are wrong in any way costs theirs alone', async () => {
      const { below } = random(77);
      for (let round = 0; round < 8; round++) {
        const damaged = Buffer.from(image);
        const hit = new Set<number>();
        for (let index = 0; index < 30; index++) {
          const [table, entry] = [below(tables.l2.length), below(512)];
          hit.add(table * 512 + entry);
          const wrong = below(2) === 0 ? (1n << 63n) | 0x5200n : (1n << 63n) | (1n << 50n);
          damaged.writeBigUInt64BE(wrong, (tables.l2[table] ?? 0) + 8 * entry);
        }
        const missing = await check(damaged, 2);
        const listed = missing.flatMap(({ start, length }) =>
          Array.from({ length: length / 4096 }, (_, index) => start / 4096 + index),
        );
        assert.deepEqual(
          listed,
          [...hit].sort((a, b) => a - b),
        );
      }
    });

    it('QEMU refuses to open it, and it is saved all the same', async () => {
      // Unknown incompatible bits, no refcount table, a snapshot table that is none.
      image.writeBigUInt64BE(1n << 40n, 72);
      image.writeUInt32BE(0, 56);
      image.writeUInt32BE(3, 60);
      image.writeBigUInt64BE(77n, 64);
      await writeFile(join(folder, 'refused.qcow2'), image);
      const { code } = await runProgram('qemu-img', ['info', 'refused.qcow2'], folder);
      assert.equal(code, 1);
      assert.deepEqual(await check(image, 0), []);
    });
  });

  describe('through a chain', () => {
    const size = 2 ** 20;

    beforeEach(async () => {
      const steps = [
        img('create', '-q', '-f', 'qcow2', 'base.qcow2', String(size)),
        io('base.qcow2', 'write -P 1 0 512k'),
        img('create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'top.qcow2'),
        io('top.qcow2', 'write -P 2 64k 64k', 'write -P 3 900k 50k'),
        img('convert', '-O', 'raw', 'top.qcow2', 'disk.raw'),
      ];
      await follow({ name: 'chain', steps }, folder);
    });

    /** Saves the top and holds all but what is listed against the disk as it was. Returns what is listed. */
    async function save(): Promise<ListedRange[]> {
      const { code } = await runQcow2(['salvage', '--force', 'top.qcow2', 'out.raw'], folder);
      assert.equal(code, 2);
      const [saved, raw] = [await readFile(join(folder, 'out.raw')), await readFile(join(folder, 'disk.raw'))];
      const missing = await missingOf(join(folder, 'out.raw'));
      for (const { start, length } of missing) {
        raw.copy(saved, start, start, start + length);
      }
      assert(saved.equals(raw), 'bytes that are not listed as missing differ');
      return missing;
    }

    it('names the file in which an entry is wrong, and lists what the files above do not have themselves', async () => {
      const path = join(folder, 'base.qcow2');
      const base = await readFile(path);
      const l2 = Number(base.readBigUInt64BE(Number(base.readBigUInt64BE(40))) & 0xff_ffff_ffff_fe00n);
      for (const entry of [1, 2]) {
        base.writeBigUInt64BE((1n << 63n) | 0x5200n, l2 + 8 * entry);
      }
      await writeFile(path, base);
      assert.deepEqual(
        (await save()).map(({ start, length, reason, file, depth }) => [start, length, reason, file, depth]),
        [[131072, 65536, 'l2-entry-unaligned', 'base.qcow2', 1]],
      );
    });

    it('says why a backing file is not followed: it is encrypted, has no header, or is in the chain already', async () => {
      const path = join(folder, 'base.qcow2');
      const base = await readFile(path);
      for (const [change, text] of [
        [(bytes: Buffer) => bytes.writeUInt32BE(1, 32), /base\.qcow2 is encrypted/],
        [(bytes: Buffer) => bytes.writeUInt32BE(99, 20), /does not say where its tables are/],
      ] as const) {
        const changed = Buffer.from(base);
        change(changed);
        await writeFile(path, changed);
        const missing = await save();
        assert(missing.length > 0);
        assert(missing.every(({ reason, text: told }) => reason === 'backing-not-opened' && text.test(told)));
      }
      await writeFile(path, base);
      await runProgram('qemu-img', ['rebase', '-u', '-b', 'top.qcow2', '-F', 'qcow2', 'base.qcow2'], folder);
      const { code } = await runProgram('qemu-img', ['info', '--backing-chain', 'top.qcow2'], folder);
      assert.equal(code, 1);
      const missing = await save();
      // What neither of them has.
      assert(missing.every(({ text, depth }) => depth === 1 && /is in the chain already/.test(text)));
    });
  });
});
