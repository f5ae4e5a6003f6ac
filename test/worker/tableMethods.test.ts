import assert from 'node:assert/strict';
import fc from 'fast-check';
import { openImage } from '../../src/engine/image/open.ts';
import { noProgress, type Progress, type Storage } from '../../src/engine/ports.ts';
import type { EntryFilter, TableId, TableRow } from '../../src/protocol/tableApi.ts';
import type { CallContext } from '../../src/worker/server.ts';
import { progressOf } from '../../src/worker/server.ts';
import { tableMethods } from '../../src/worker/tableMethods.ts';
import { compressed, copied, ImageBuilder, zero } from '../support/builder.ts';
import { entryCaseImage, entryCases } from '../support/findings/entryCases.ts';
import { CountingStorage, FailingStorage } from '../support/memoryStorage.ts';

function context(progress: Progress = noProgress, signal = new AbortController().signal): CallContext {
  return { signal, report: () => undefined, progress };
}

/** The methods, as functions of their argument. */
async function tablesOf(storage: Storage) {
  const methods = tableMethods(await openImage(storage));
  return {
    table: (table: TableId, filter: EntryFilter = 'all') => methods.table({ table, filter }, context()),
    rows: (table: TableId, from = 0, count = 1024, filter: EntryFilter = 'all') =>
      methods.tableRows({ table, filter, from, count }, context()),
    position: (table: TableId, index: number, filter: EntryFilter = 'all') =>
      methods.tablePosition({ table, filter, index }, context()),
    methods,
  };
}

const l1: TableId = { kind: 'l1' };
const l2: TableId = { kind: 'l2', l1: 0 };
const refcounts: TableId = { kind: 'refcount-table' };
const block: TableId = { kind: 'refcount-block', index: 0 };

/** A disk of 1 MiB, 16 clusters, with an entry of each kind. */
function small(values: ConstructorParameters<typeof ImageBuilder>[0] = {}): ImageBuilder {
  const image = new ImageBuilder({ size: 1n << 20n, ...values });
  image.l1(0, copied | image.at(4));
  image
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, zero)
    .entry(4, 2, copied | zero | image.at(6))
    .entry(4, 3, compressed | (image.at(7) + 300n))
    .entry(4, 4, copied | (image.at(8) + 512n))
    .entry(4, 5, copied | image.at(4000));
  return image.refcount(4, 1).refcount(5, 1).refcount(6, 3).truncate(image.at(9));
}

/** A row without what is undefined. */
function plain(row: TableRow | undefined): object {
  const { findings = [], ...rest } = row ?? {};
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return { ...given, ...(findings.length > 0 && { findings: findings.map(({ code }) => code) }) };
}

describe('the rows of a table', () => {
  it('have each entry of the L1 table: raw, its kind, its place, and both addresses', async () => {
    const { table, rows } = await tablesOf(small().toStorage());
    assert.deepEqual(await table(l1), {
      place: { id: l1, state: 'present', offset: 0x3_0000n, entries: 1, named: 1, entryBits: 64, diskSize: 1n << 20n },
      matching: 1,
    });
    assert.deepEqual((await rows(l1)).map(plain), [
      { index: 0, at: 0x3_0000n, raw: '8000000000040000', kind: 'table', host: 0x4_0000, guest: 0, copied: true },
    ]);
  });

  it('have each kind of L2 entry, and what is wrong with it as a scan says it', async () => {
    const { rows } = await tablesOf(small().toStorage());
    assert.deepEqual((await rows(l2, 0, 7)).map(plain), [
      { index: 0, at: 0x4_0000n, raw: '8000000000050000', kind: 'normal', host: 0x5_0000, guest: 0, copied: true },
      { index: 1, at: 0x4_0008n, raw: '0000000000000001', kind: 'zero-plain', guest: 0x1_0000 },
      {
        index: 2,
        at: 0x4_0010n,
        raw: '8000000000060001',
        kind: 'zero-allocated',
        host: 0x6_0000,
        guest: 0x2_0000,
        copied: true,
      },
      {
        index: 3,
        at: 0x4_0018n,
        raw: '400000000007012c',
        kind: 'compressed',
        host: 0x7_012cn,
        guest: 0x3_0000,
        length: 212,
      },
      {
        index: 4,
        at: 0x4_0020n,
        raw: '8000000000080200',
        kind: 'normal',
        host: 0x8_0200,
        guest: 0x4_0000,
        copied: true,
        wrong: 'not the start of a cluster',
        findings: ['l2-entry-unaligned'],
      },
      {
        index: 5,
        at: 0x4_0028n,
        raw: '800000000fa00000',
        kind: 'normal',
        host: 0xfa0_0000,
        guest: 0x5_0000,
        copied: true,
        wrong: 'past the end of the file',
        findings: ['data-past-end'],
      },
      { index: 6, at: 0x4_0030n, raw: '0000000000000000', kind: 'unallocated', guest: 0x6_0000 },
    ]);
  });

  it('have the subclusters of extended entries', async () => {
    const image = new ImageBuilder({ size: 1 << 20, incompatible_features: 0x10 });
    image.l1(0, copied | image.at(4)).entry(4, 1, copied | image.at(5), 0x2_0000_0001n);
    const { rows, table } = await tablesOf(image.truncate(image.at(6)).toStorage());
    assert.equal((await table(l2)).place.entries, 4096);
    const [row] = await rows(l2, 1, 1);
    assert.deepEqual(row?.subclusters, { allocated: '00000001', zero: '00000002' });
    assert.equal(row?.raw, '80000000000500000000000200000001');
    assert.equal(row?.kind, 'mixed');
    assert.equal(row?.at, 0x4_0010n);
  });

  it('have the refcount table and the refcounts of its blocks', async () => {
    const { rows, table } = await tablesOf(small().toStorage());
    assert.deepEqual((await rows(refcounts, 0, 1)).map(plain), [
      { index: 0, at: 0x1_0000n, raw: '0000000000020000', kind: 'block', host: 0x2_0000 },
    ]);
    assert.equal((await table(block)).place.entries, 32768);
    assert.deepEqual((await rows(block, 5, 3)).map(plain), [
      { index: 5, at: 0x2_000an, raw: '0001', kind: 'single', host: 0x5_0000, refcount: 1 },
      { index: 6, at: 0x2_000cn, raw: '0003', kind: 'multiple', host: 0x6_0000, refcount: 3 },
      { index: 7, at: 0x2_000en, raw: '0000', kind: 'free', host: 0x7_0000, refcount: 0 },
    ]);
  });

  it('say which entries can’t be read and which lie past the end of the file, and show the rest', async () => {
    const image = small();
    image.l1(0, copied | image.at(9)).truncate(image.at(9) + 4096n);
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(9) / 512n + 1n }]);
    const { rows } = await tablesOf(storage);
    const all = await rows(l2);
    assert.equal(all[63]?.kind, 'unallocated');
    assert.deepEqual(plain(all[64]), {
      index: 64,
      at: image.at(9) + 512n,
      kind: 'unreadable',
      wrong: 'Input/output error',
      findings: ['l2-entry-unreadable'],
    });
    assert.equal(all[127]?.kind, 'unreadable');
    assert.equal(all[128]?.raw, '0000000000000000');
    assert.deepEqual(plain(all[512]), {
      index: 512,
      at: image.at(9) + 4096n,
      kind: 'past-end',
      wrong: 'past the end of the file',
    });
  });

  it('have the findings of a scan, for everything that can be wrong with an entry', async () => {
    for (const entryCase of entryCases) {
      const wanted = entryCase.finds.filter((text) => !/^(clusters-overlap|bitmap)/.test(text));
      const { rows, table } = await tablesOf(entryCaseImage(entryCase, 'has').toStorage());
      const found: string[] = [];
      for (const id of [l1, l2, refcounts]) {
        const { place, matching } = await table(id, 'wrong');
        const wrong = place.state === 'present' && place.offset < 32n * 65536n ? await rows(id, 0, 1024, 'wrong') : [];
        assert.ok(place.offset >= 32n * 65536n || wrong.length === matching, entryCase.what);
        found.push(...wrong.flatMap(({ findings }) => findings.map(({ code }) => code)));
      }
      const codes = wanted.flatMap((text) => text.split(' ')[0] ?? []);
      if (!/overlap/.test(entryCase.finds.join())) {
        assert.deepEqual([...new Set(found)], [...new Set(codes)], entryCase.what);
      }
    }
  });

  it('are the bytes of the file, whatever is in them', async () => {
    const words = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 64 });
    const shapes = fc.record({
      cluster_bits: fc.constantFrom(9, 12, 16),
      incompatible_features: fc.constantFrom(0, 0x10),
      refcount_order: fc.integer({ min: 0, max: 6 }),
      cut: fc.nat(512),
      from: fc.nat(40),
      count: fc.integer({ min: 1, max: 70 }),
    });
    await fc.assert(
      fc.asyncProperty(words, words, words, shapes, async (first, second, third, shape) => {
        const { cut, from, count, ...values } = shape;
        const extended = values.incompatible_features !== 0;
        const image = new ImageBuilder({ size: 1 << 20, ...(extended ? { ...values, cluster_bits: 16 } : values) });
        image.header({ l1_size: 64 });
        const write = (at: bigint, list: readonly bigint[]): void => {
          for (const [index, word] of list.entries()) {
            image.put64(at + BigInt(index) * 8n, word);
          }
        };
        write(image.get64(40), first);
        image.l1(0, image.at(20));
        write(image.at(20), second);
        write(image.at(2), third);
        image.truncate(image.at(20) + BigInt(cut));
        const storage = image.toStorage();
        const { rows } = await tablesOf(storage);
        for (const id of [l1, l2, refcounts, block]) {
          for (const row of await rows(id, from, count)) {
            assert.equal(row.raw, rawInFile(row, bitsOf(id, shape, extended)), `${JSON.stringify(id)} ${row.index}`);
          }
        }

        function rawInFile({ at, index }: TableRow, bits: number): string | undefined {
          const bytes = [...storage.slice(at, Math.max(1, bits / 8))];
          if (bytes.length === 0) {
            return undefined;
          }
          const padded = [...bytes, ...new Array<number>(Math.max(1, bits / 8) - bytes.length).fill(0)];
          if (bits >= 8) {
            return padded.map((byte) => byte.toString(16).padStart(2, '0')).join('');
          }
          const place = (index * bits) % 8;
          const digits = (padded[0] ?? 0).toString(2).padStart(8, '0');
          return digits.slice(8 - place - bits, 8 - place);
        }
      }),
      { numRuns: 150 },
    );
  });
});

function bitsOf(
  id: TableId,
  { refcount_order: order }: { readonly refcount_order: number },
  extended: boolean,
): number {
  return id.kind === 'refcount-block' ? 2 ** order : id.kind === 'l2' && extended ? 128 : 64;
}

describe('a table', () => {
  it('says why there is none', async () => {
    const image = new ImageBuilder({ size: 3n << 29n });
    image
      .l1(1, copied | (image.at(4) + 512n))
      .l1(2, copied | image.at(900))
      .put64(image.at(1) + 8n, image.at(2) + 512n);
    const { table, rows } = await tablesOf(image.truncate(image.at(5)).toStorage());
    assert.equal((await table(l2)).place.state, 'unallocated');
    assert.deepEqual(await rows(l2), []);
    const { place } = await table({ kind: 'l2', l1: 1 });
    assert.deepEqual([place.state, place.offset, place.entries], ['unaligned', image.at(4) + 512n, 0]);
    assert.equal((await rows({ kind: 'l2', l1: 2 }, 8191, 9)).map(({ kind }) => kind).join(), 'past-end');
    assert.equal((await table({ kind: 'refcount-block', index: 1 })).place.state, 'unaligned');
    assert.equal((await table({ kind: 'refcount-block', index: 2 })).place.state, 'unallocated');
    await assert.rejects(table({ kind: 'l2', l1: 3 }), { code: 'not-found', message: /has 3 entries/ });
    await assert.rejects(table({ kind: 'refcount-block', index: -1 }), { code: 'not-found' });
    await assert.rejects(table({ kind: 'l1', snapshot: 0 }), { code: 'not-found', message: /no entry 0/ });
  });

  it('says that the entry that leads to it can’t be read', async () => {
    const image = small();
    const storage = new FailingStorage(image.toStorage(), [{ sector: image.at(3) / 512n }]);
    const { place } = await (await tablesOf(storage)).table(l2);
    assert.deepEqual([place.state, place.system], ['unreadable', 'EIO']);
  });

  it('is not followed further than QEMU’s limits, and says how many entries it is given', async () => {
    const image = new ImageBuilder({ size: 1 << 20, l1_size: 0xffff_ffff, refcount_table_clusters: 0xffff_ffff });
    const { table, rows } = await tablesOf(image.toStorage());
    const { place } = await table(l1);
    assert.deepEqual([place.entries, place.named], [2 ** 22, 0xffff_ffff]);
    assert.equal((await rows(l1, 2 ** 22 - 3)).length, 3);
    const table2 = await table(refcounts);
    assert.deepEqual([table2.place.entries, table2.place.named], [2 ** 20, 0xffff_ffff * 8192]);
  });

  it('is that of a snapshot', async () => {
    const image = small({ nb_snapshots: 1, snapshots_offset: 10 * 65536 });
    image
      .put64(image.at(10), image.at(11))
      .put32(image.at(10) + 8n, 2)
      .put32(image.at(10) + 36n, 16)
      .put64(image.at(10) + 48n, 3n << 29n)
      .put64(image.at(11) + 8n, image.at(12))
      .entry(12, 7, image.at(5));
    const { table, rows } = await tablesOf(image.toStorage());
    const { place } = await table({ kind: 'l1', snapshot: 0 });
    assert.deepEqual([place.offset, place.entries, place.diskSize], [image.at(11), 2, 3n << 29n]);
    const [row] = await rows({ kind: 'l2', l1: 1, snapshot: 0 }, 7, 1);
    assert.deepEqual([row?.guest, row?.host, row?.at], [(8192 + 7) * 65536, 0x5_0000, image.at(12) + 56n]);
  });

  it('has no place in a file without a header', async () => {
    const { table } = await tablesOf(new ImageBuilder({ magic: 0 }).toStorage());
    await assert.rejects(table(l1), { code: 'damaged' });
  });
});

describe('a filter', () => {
  it('leaves the entries that match, exactly, wherever a page of them starts', async () => {
    const image = new ImageBuilder({ size: 1n << 29n });
    image.l1(0, copied | image.at(4));
    const wanted = Array.from({ length: 8192 }, (_, index) => index).filter((index) => (index * 7919) % 37 === 5);
    for (const index of wanted) {
      image.entry(4, index, copied | image.at(5));
    }
    const { table, rows, position } = await tablesOf(image.truncate(image.at(6)).toStorage());
    assert.equal((await table(l2, 'allocated')).matching, wanted.length);
    for (const [from, count] of [
      [0, 1024],
      [1, 1],
      [100, 100],
      [wanted.length - 1, 10],
      [wanted.length, 10],
    ] as const) {
      const found = await rows(l2, from, count, 'allocated');
      assert.deepEqual(
        found.map(({ index }) => index),
        wanted.slice(from, from + count),
      );
    }
    assert.equal(await position(l2, wanted[77] ?? -1, 'allocated'), 77);
    assert.equal(await position(l2, (wanted[77] ?? 0) + 1, 'allocated'), undefined);
    assert.equal(await position(l2, 8192, 'allocated'), undefined);
    assert.equal((await table(l2, 'unallocated')).matching, 8192 - wanted.length);
  });

  it('counts each kind, and all kinds together make the table', async () => {
    const { table } = await tablesOf(small().toStorage());
    const count = async (id: TableId, filter: EntryFilter) => (await table(id, filter)).matching;
    const kinds = ['normal', 'compressed', 'zero-plain', 'zero-allocated', 'unallocated'] as const;
    const counts = await Promise.all(kinds.map((kind) => count(l2, kind)));
    assert.deepEqual(counts, [3, 1, 1, 1, 8186]);
    assert.equal(await count(l2, 'wrong'), 2);
    assert.equal(await count(l2, 'allocated'), 5);
    assert.deepEqual(
      [await count(block, 'free'), await count(block, 'single'), await count(block, 'multiple')],
      [32768 - 7, 6, 1],
    );
    assert.equal(await count(block, 'allocated'), 7);
  });

  it('knows what is past the end of the file and what can’t be read', async () => {
    const image = small();
    image.l1(0, copied | image.at(9)).truncate(image.at(9) + 4096n);
    const { table } = await tablesOf(new FailingStorage(image.toStorage(), [{ sector: image.at(9) / 512n + 1n }]));
    assert.equal((await table(l2, 'unreadable')).matching, 64);
    assert.equal((await table(l2, 'past-end')).matching, 8192 - 512);
    assert.equal((await table(l2, 'wrong')).matching, 8192 - 512 + 64);
    assert.equal((await table(l2, 'unallocated')).matching, 512 - 64);
  });

  it('of a walk that is cancelled gives nothing, and the next one walks anew', async () => {
    const { methods } = await tablesOf(new ImageBuilder({ size: 1 << 20, l1_size: 2 ** 22 }).toStorage());
    const abort = new AbortController();
    const request = { table: l1, filter: 'allocated' } as const;
    const walk = methods.table(
      request,
      context(
        progressOf(abort.signal, () => undefined),
        abort.signal,
      ),
    );
    abort.abort();
    await assert.rejects(walk, { code: 'cancelled' });
    assert.equal((await methods.table(request, context())).matching, 0);
  });
});

describe('the work for a page of rows', () => {
  it('is to read these rows, of a table of any size', async () => {
    const image = new ImageBuilder({ size: 1 << 20, l1_size: 2 ** 22 });
    image.l1(2 ** 21, copied | image.at(4)).truncate(1n << 26n);
    const storage = new CountingStorage(image.toStorage());
    const { rows } = await tablesOf(storage);
    storage.reset();
    const page = await rows(l1, 2 ** 21 - 50, 100);
    assert.equal(page[50]?.kind, 'table');
    assert.deepEqual([storage.calls, storage.bytes], [1, 800]);
    storage.reset();
    await rows({ kind: 'l2', l1: 2 ** 21 }, 8000, 100);
    assert.deepEqual([storage.calls, storage.bytes], [2, 808]);
    storage.reset();
    await rows(block, 30000, 128);
    assert.deepEqual([storage.calls, storage.bytes], [2, 264]);
  });

  it('is as small with the largest clusters and the narrowest refcounts', async () => {
    const image = new ImageBuilder({ size: 1n << 40n, cluster_bits: 21, refcount_order: 0, header_length: 104 });
    image
      .l1(0, copied | image.at(4))
      .entry(4, 262_143, copied | image.at(5))
      .refcount(16_777_215, 1);
    const storage = new CountingStorage(image.truncate(image.at(6)).toStorage());
    const { table, rows } = await tablesOf(storage);
    assert.equal((await table(l2)).place.entries, 262_144);
    assert.equal((await table(block)).place.entries, 16_777_216);
    assert.equal((await table(block, 'allocated')).matching, 5);
    storage.reset();
    const refcounts = await rows(block, 16_777_216 - 128, 128);
    assert.deepEqual(
      refcounts.map(({ raw }) => raw),
      [...new Array<string>(127).fill('0'), '1'],
    );
    assert.deepEqual([storage.calls, storage.bytes], [2, 24]);
    storage.reset();
    assert.equal((await rows(l2, 262_143, 1))[0]?.raw, '8000000000a00000');
    assert.deepEqual([storage.calls, storage.bytes], [2, 16]);
  });

  it('of a filtered table is to read it once, then the parts that have matches', async () => {
    const image = new ImageBuilder({ size: 1 << 20, l1_size: 2 ** 22 });
    for (let index = 0; index < 8; index++) {
      image.l1(index * 2 ** 19 + 7, copied | image.at(4));
    }
    const storage = new CountingStorage(image.truncate(1n << 26n).toStorage());
    const { table, rows, position } = await tablesOf(storage);
    storage.reset();
    assert.equal((await table(l1, 'allocated')).matching, 8);
    assert.equal(storage.bytes, 2 ** 25);
    storage.reset();
    assert.deepEqual(
      (await rows(l1, 2, 3, 'allocated')).map(({ index }) => index),
      [2, 3, 4].map((index) => index * 2 ** 19 + 7),
    );
    assert.equal(storage.bytes, 3 * 512 * 8);
    storage.reset();
    assert.equal(await position(l1, 5 * 2 ** 19 + 7, 'allocated'), 5);
    assert.equal(storage.bytes, 512 * 8);
  });

  it('has a bound, and no page may ask for more', async () => {
    const { rows } = await tablesOf(small().toStorage());
    await assert.rejects(rows(l2, 0, 1025), { code: 'bad-argument' });
    await assert.rejects(rows(l2, -1, 10), { code: 'bad-argument' });
    await assert.rejects(rows(l2, 0, 0), { code: 'bad-argument' });
    await assert.rejects(rows(l2, 0.5, 10), { code: 'bad-argument' });
  });
});
