import assert from 'node:assert/strict';
import type { BitRow } from '../../src/engine/format/bits.ts';
import { openImage } from '../../src/engine/image/open.ts';
import type { Storage } from '../../src/engine/ports.ts';
import { placeMethods } from '../../src/worker/placeMethods.ts';
import { progressOf } from '../../src/worker/server.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { FailingStorage, MemoryStorage } from '../support/memoryStorage.ts';

const signal = new AbortController().signal;
const context = { signal, report: () => undefined, progress: progressOf(signal, () => undefined) };

/** A disk of 1 GiB: data, zeros, compressed data at the start; the rest unallocated. */
function image(): ImageBuilder {
  const built = new ImageBuilder({ size: 1n << 30n });
  built
    .l1(0, copied | built.at(4))
    .entry(4, 0, copied | built.at(5))
    .entry(4, 1, zero);
  built.entry(4, 2, compressed | (1n << 54n) | (built.at(6) + 100n));
  return built.refcount(4, 1).refcount(5, 1).refcount(6, 1).truncate(built.at(7));
}

async function methodsOf(storage: Storage) {
  return placeMethods(await openImage(storage));
}

function shown(rows: readonly BitRow[] | undefined): string {
  return (rows ?? []).map((row) => `${row.name}=${row.shown}`).join(' ');
}

describe('The way from a guest offset', () => {
  it('leads through both tables to the byte in the file', async () => {
    const { explainGuest } = await methodsOf(image().toStorage());
    const place = await explainGuest({ guest: 0x1234n }, context);
    assert.equal(place.kind, 'data');
    assert.equal(place.host, 0x5_1234n);
    assert.deepEqual(place.unit, { offset: 0n, length: 65536n });
    assert.equal(place.l1?.offset, 0x3_0000n);
    assert.deepEqual(place.l1?.target, { offset: 0x4_0000n, length: 65536n });
    assert.deepEqual(place.l1?.guest, { offset: 0n, length: 512n << 20n });
    assert.equal(place.l2?.offset, 0x4_0000n);
    assert.equal(
      shown(place.l2?.rows),
      'zero=0 reserved_low=0x0 host_cluster_offset=0x5_0000 reserved_high=0x0 compressed=0 copied=1',
    );
    assert.equal(place.beyondDisk, false);
  });

  it('has no host offset where nothing is stored', async () => {
    const { explainGuest } = await methodsOf(image().toStorage());
    const zeros = await explainGuest({ guest: 0x1_0000n }, context);
    assert.equal(zeros.kind, 'zero-plain');
    assert.equal('host' in zeros, false);
    const hole = await explainGuest({ guest: 600n << 20n }, context);
    assert.equal(hole.kind, 'unallocated');
    assert.equal(hole.l1?.decoded.index, 1);
    assert.equal(hole.l2, undefined);
  });

  it('has the start of compressed data, for the whole cluster', async () => {
    const { explainGuest } = await methodsOf(image().toStorage());
    const place = await explainGuest({ guest: 0x2_8000n }, context);
    assert.equal(place.kind, 'compressed');
    assert.equal(place.host, 0x6_0064n);
    assert.equal(place.compressedBytes, 2 * 512 - 100);
    assert.deepEqual(place.unit, { offset: 0x2_0000n, length: 65536n });
  });

  it('knows the subcluster where there are some', async () => {
    const built = new ImageBuilder({ size: 1n << 20n, incompatible_features: 0x10n });
    built
      .l1(0, copied | built.at(4))
      .entry(4, 0, copied | built.at(5), 0b1n | (0b10n << 32n))
      .truncate(built.at(6));
    const { explainGuest } = await methodsOf(built.toStorage());
    const [data, zeros, hole] = await Promise.all([0n, 2048n, 4096n].map((guest) => explainGuest({ guest }, context)));
    assert.deepEqual([data?.kind, zeros?.kind, hole?.kind], ['data', 'zero-allocated', 'unallocated']);
    assert.equal(zeros?.subcluster, 1);
    assert.deepEqual(zeros?.unit, { offset: 2048n, length: 2048n });
    assert.equal(shown(data?.l2?.subclusters), 'allocated=0x1 zero=0x2');
    assert.equal(data?.l2?.bytes.length, 16);
  });

  it('ends where the disk does', async () => {
    const { explainGuest } = await methodsOf(new ImageBuilder({ size: 65536n + 512n }).toStorage());
    const last = await explainGuest({ guest: 65536n }, context);
    assert.deepEqual(last.unit, { offset: 65536n, length: 512n });
    const beyond = await explainGuest({ guest: 1n << 40n }, context);
    assert.equal(beyond.kind, 'wrong');
    assert.equal(beyond.beyondDisk, true);
    assert.equal(beyond.l1, undefined);
  });
});

describe('A table entry', () => {
  it('is refused with the entries that there are', async () => {
    const { explainEntry } = await methodsOf(image().toStorage());
    const refused: readonly [Parameters<typeof explainEntry>[0], RegExp][] = [
      [{ table: 'l1', index: 2 }, /no entry 2: the L1 table has the entries 0 to 1/],
      [{ table: 'l1', index: -1 }, /no entry -1/],
      [{ table: 'l1', index: 0.5 }, /no entry 0\.5/],
      [{ table: 'l2', l1: 0, index: 8192 }, /the L2 table has the entries 0 to 8.191/],
      [{ table: 'l2', l1: 1, index: 0 }, /L1\[1\] leads to no L2 table/],
      [{ table: 'refcount-table', index: 8192 }, /the refcount table has the entries 0 to 8.191/],
      [{ table: 'l1', index: 0, snapshot: 0 }, /no entry 0 that can be read/],
    ];
    for (const [request, words] of refused) {
      await assert.rejects(explainEntry(request, context), words);
    }
  });

  it('tells when the system fails to read it', async () => {
    const built = image();
    const storage = new FailingStorage(built.toStorage(), [{ sector: built.at(4) / 512n }]);
    const { explainEntry } = await methodsOf(storage);
    const entry = await explainEntry({ table: 'l2', l1: 0, index: 1 }, context);
    assert.equal(entry.decoded.kind, 'unreadable');
    assert.deepEqual(entry.rows, []);
    assert.match(entry.decoded.wrong ?? '', /Input\/output error/);
  });

  it('tells when it lies past the end of the file', async () => {
    const built = image();
    const { explainEntry } = await methodsOf(built.l1(1, copied | built.at(90)).toStorage());
    const l1 = await explainEntry({ table: 'l1', index: 1 }, context);
    assert.match(l1.decoded.wrong ?? '', /past the end of the file/);
    const entry = await explainEntry({ table: 'l2', l1: 1, index: 3 }, context);
    assert.equal(entry.decoded.kind, 'past-end');
    assert.deepEqual(entry.guest, { offset: (512n << 20n) + 3n * 65536n, length: 65536n });
  });
});

describe('The refcount of a cluster', () => {
  it('is found in its block, whatever its width', async () => {
    for (const order of [0, 1, 2, 3, 4, 5, 6]) {
      const built = new ImageBuilder({ refcount_order: order });
      const most = Number((1n << BigInt(Math.min(2 ** order, 40))) - 1n);
      const { explainRefcount } = await methodsOf(
        built.refcount(3, 1).refcount(5, most).truncate(built.at(6)).toStorage(),
      );
      const found = await explainRefcount({ host: 5n * 65536n + 9n }, context);
      assert.equal(BigInt(found.refcount ?? -1), BigInt(most), `order ${order}`);
      assert.equal(found.bits, 2 ** order);
      assert.equal(found.place?.offset, built.at(2) + BigInt(Math.floor((5 * 2 ** order) / 8)));
      assert.equal(BigInt((await explainRefcount({ host: 4n * 65536n }, context)).refcount ?? -1), 0n);
    }
  });

  it('is 0 without a block, and not known where it can’t be read', async () => {
    const built = image();
    const { explainRefcount } = await methodsOf(built.toStorage());
    const far = await explainRefcount({ host: 3n << 31n }, context);
    assert.deepEqual([far.refcount, far.block, far.place], [0, 3, undefined]);
    assert.match(far.note ?? '', /refcount_table\[3\] leads to no block/);
    const farther = await explainRefcount({ host: 1n << 60n }, context);
    assert.match(farther.note ?? '', /does not reach/);
    const failing = await methodsOf(new FailingStorage(built.toStorage(), [{ sector: built.at(2) / 512n }]));
    const lost = await failing.explainRefcount({ host: 0n }, context);
    assert.equal(lost.refcount, undefined);
    assert.match(lost.note ?? '', /can’t be read: Input\/output error/);
    await assert.rejects(explainRefcount({ host: -1n }, context), /No file has a byte -1/);
  });
});

describe('An image without a header', () => {
  it('has no places', async () => {
    const methods = await methodsOf(new MemoryStorage());
    await assert.rejects(methods.explainGuest({ guest: 0n }, context), /does not say where the tables are/);
    await assert.rejects(methods.explainRefcount({ host: 0n }, context), /does not say where the tables are/);
    assert.deepEqual(await methods.findNames({ text: 'x', count: 5 }, context), { snapshots: [], bitmaps: [] });
  });
});

describe('Names', () => {
  it('are found in the whole snapshot table, whole ones first', async () => {
    const names = ['daily-1', 'weekly', 'daily', 'DAILY-2', 'x'];
    const built = new ImageBuilder({ size: 1 << 20, nb_snapshots: names.length, snapshots_offset: 8n * 65536n });
    let at = built.at(8);
    for (const [index, name] of names.entries()) {
      built
        .put16(at + 12n, 1)
        .put16(at + 14n, name.length)
        .put(at + 40n, `${index + 1}${name}`);
      at += BigInt(Math.ceil((41 + name.length) / 8) * 8);
    }
    const { findNames } = await methodsOf(built.truncate(built.at(9)).toStorage());
    const found = async (text: string, count: number): Promise<string[]> =>
      (await findNames({ text, count }, context)).snapshots.map(({ index, id, name }) => `${index} ${id} ${name}`);
    assert.deepEqual(await found('daily', 10), ['2 3 daily', '0 1 daily-1', '3 4 DAILY-2']);
    assert.deepEqual(await found('ly', 10), ['0 1 daily-1', '1 2 weekly', '2 3 daily', '3 4 DAILY-2']);
    assert.deepEqual(await found('daily', 2), ['2 3 daily', '0 1 daily-1']);
    assert.deepEqual(await found('5', 10), ['4 5 x']);
    await assert.rejects(findNames({ text: 'x', count: 101 }, context), /1 to 100 names/);
  });
});
