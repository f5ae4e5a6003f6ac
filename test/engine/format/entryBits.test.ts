import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bitmapHasReserved,
  bitmapPlace,
  bitmapTableEntryBits,
  explainBitmapTableEntry,
} from '../../../src/engine/format/bitmapTable.ts';
import {
  type BitField,
  type BitRow,
  decodeBits,
  encodeBits,
  joinWords,
  maskOf,
  splitWords,
} from '../../../src/engine/format/bits.ts';
import {
  compressedByte,
  compressedCluster,
  compressedSectors,
  encodeCompressedEntry,
} from '../../../src/engine/format/compressed.ts';
import { explainL1Entry, l1Copied, l1EntryBits, l1HasReserved, l1Place } from '../../../src/engine/format/l1.ts';
import { type L2Format, l2Copied, l2HasReserved, l2HostOffset } from '../../../src/engine/format/l2.ts';
import {
  encodeL2Entry,
  explainL2Entry,
  l2CompressedBits,
  l2StandardBits,
  l2SubclusterBits,
} from '../../../src/engine/format/l2Entry.ts';
import {
  encodeRefcountTableEntry,
  explainRefcountTableEntry,
  refcountTableEntry,
  refcountTableEntryBits,
  refcountTableReserved,
} from '../../../src/engine/format/refcounts.ts';

const bit = fc.nat(63).map((index) => 1n << BigInt(index));
const entry = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  bit,
  fc.tuple(bit, bit).map(([one, other]) => one | other),
);
const word = fc.integer({ min: 0, max: 0xffff_ffff });
const clusterBits = fc.integer({ min: 9, max: 21 });
const standard: L2Format = { clusterBits: 16, version: 3, extended: false, dataFile: false };

const tables: readonly (readonly [string, readonly BitField[]])[] = [
  ['an L1 entry', l1EntryBits],
  ['a standard L2 entry', l2StandardBits],
  ...[9, 16, 21].map((bits) => [`a compressed L2 entry with clusters of 2^${bits}`, l2CompressedBits(bits)] as const),
  ['the bitmap of an extended L2 entry', l2SubclusterBits],
  ['a refcount table entry', refcountTableEntryBits],
  ['a bitmap table entry', bitmapTableEntryBits],
];

describe('the bit table of', () => {
  for (const [what, table] of tables) {
    it(`${what} has every bit once, and is encoded to what it was decoded from`, () => {
      assert.equal(
        table.reduce((sum, field) => sum + maskOf(field), 0n),
        (1n << 64n) - 1n,
      );
      fc.assert(fc.property(entry, (value) => assert.equal(encodeBits(table, decodeBits(table, value)), value)));
    });
  }
});

describe('the functions of the walks', () => {
  it('read an L1 entry as its bit table does', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const { hi, lo } = splitWords(value);
        const bits = decodeBits(l1EntryBits, value);
        assert.equal(BigInt(l1Place(hi, lo)), bits.l2_table_offset);
        assert.equal(l1Copied(hi), bits.copied === 1n);
        assert.equal(l1HasReserved(hi, lo), (bits.reserved_low | bits.reserved_high) !== 0n);
      }),
    );
  });

  it('read a standard L2 entry as its bit table does', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const { hi, lo } = splitWords(value);
        const bits = decodeBits(l2StandardBits, value);
        assert.equal(BigInt(l2HostOffset(hi, lo)), bits.host_cluster_offset);
        assert.equal(l2Copied(hi), bits.copied === 1n);
        assert.equal(l2HasReserved(hi, lo), (bits.reserved_low | bits.reserved_high) !== 0n);
      }),
    );
  });

  it('read a compressed L2 entry as its bit table does', () => {
    fc.assert(
      fc.property(entry, clusterBits, (value, size) => {
        const { hi, lo } = splitWords(value);
        const bits = decodeBits(l2CompressedBits(size), value);
        const place = (BigInt(compressedCluster(hi, lo, size)) << BigInt(size)) + BigInt(compressedByte(lo, size));
        assert.equal(place, bits.host_offset);
        assert.equal(BigInt(compressedSectors(hi, size)), bits.additional_sectors + 1n);
        const encoded = encodeCompressedEntry(bits.host_offset, Number(bits.additional_sectors) + 1, size);
        const plain = { ...bits, compressed: 1n, copied: 0n };
        assert.equal(joinWords(encoded.hi, encoded.lo), encodeBits(l2CompressedBits(size), plain));
      }),
    );
  });

  it('read a refcount table entry and a bitmap table entry as their bit tables do', () => {
    fc.assert(
      fc.property(entry, (value) => {
        const { hi, lo } = splitWords(value);
        const { refcount_block_offset: offset, reserved } = decodeBits(refcountTableEntryBits, value);
        assert.equal(refcountTableEntry(hi, lo), Number(offset));
        assert.equal(refcountTableReserved(lo), reserved !== 0n);
        const again = encodeRefcountTableEntry(offset);
        assert.equal(joinWords(again.hi, again.lo), offset);
        const bitmap = decodeBits(bitmapTableEntryBits, value);
        assert.equal(BigInt(bitmapPlace(hi, lo)), bitmap.offset);
        const wrong = bitmap.reserved_low !== 0n || bitmap.reserved_high !== 0n;
        assert.equal(bitmapHasReserved(hi, lo), wrong || (bitmap.all_ones === 1n && bitmap.offset !== 0n));
      }),
    );
  });
});

/** The meaning of a row, and the rules that it breaks. */
function told(rows: readonly BitRow[] | undefined, name: string): [string, ...string[]] {
  const row = rows?.find((one) => one.name === name);
  assert(row);
  return [row.meaning, ...row.rules.filter(({ kept }) => !kept).map(({ text }) => text)];
}

describe('an explained entry', () => {
  it('of L1 tells its L2 table, and the rules that it breaks', () => {
    const rows = explainL1Entry(0x8000_0000, 0x5_0200, 16);
    assert.deepEqual(told(rows, 'l2_table_offset'), ['cluster 5', 'aligned to a cluster']);
    assert.deepEqual(told(rows, 'copied'), ['refcount is 1']);
    assert.equal(rows.find(({ name }) => name === 'l2_table_offset')?.shown, '0x5_0200');
    assert.deepEqual(told(explainL1Entry(0x8000_0000, 1, 16), 'copied')[1], 'clear without an L2 table');
    assert.deepEqual(told(explainL1Entry(0x8000_0000, 1, 16), 'reserved_low'), ['', 'zero']);
  });

  it('of L2 tells its cluster and what ZERO means', () => {
    const { hi, lo } = encodeL2Entry({ offset: 0x5_0000n, copied: true, zero: true });
    const { descriptor, subclusters } = explainL2Entry(hi, lo, 0, 0, standard);
    assert.equal(subclusters, undefined);
    assert.deepEqual(told(descriptor, 'host_cluster_offset'), ['cluster 5']);
    assert.deepEqual(told(descriptor, 'zero'), ['reads as zeros; the host cluster is kept for later writes']);
    const v2 = explainL2Entry(0, 1, 0, 0, { ...standard, version: 2 }).descriptor;
    assert.deepEqual(told(v2, 'zero'), ['reads as zeros', 'clear in version 2']);
    assert.deepEqual(told(v2, 'host_cluster_offset'), ['no cluster']);
    const first = explainL2Entry(0x8000_0000, 0, 0, 0, { ...standard, dataFile: true }).descriptor;
    assert.deepEqual(told(first, 'host_cluster_offset'), ['cluster 0']);
  });

  it('of L2 tells where compressed data is, and how long it can be', () => {
    const { hi, lo } = encodeCompressedEntry(0x5_0064n, 3, 16);
    const { descriptor } = explainL2Entry(hi, lo, 0, 0, { ...standard, dataFile: true });
    assert.deepEqual(told(descriptor, 'host_offset'), ['byte 100 of cluster 5']);
    assert.deepEqual(told(descriptor, 'additional_sectors'), ['at most 1436 bytes of compressed data']);
    assert.deepEqual(told(descriptor, 'compressed'), ['a compressed cluster', 'clear with an external data file']);
  });

  it('of extended L2 tells its subclusters', () => {
    const extended = { ...standard, extended: true };
    const { subclusters } = explainL2Entry(0, 0x5_0000, 0x8000_008f, 0xffff_0000, extended);
    const both = 'no subcluster both allocated and zero';
    assert.deepEqual(told(subclusters, 'allocated'), ['0-3, 7, 31', both]);
    assert.deepEqual(told(subclusters, 'zero'), ['16-31', both]);
    const empty = explainL2Entry(0, 0, 0xffff_ffff, 0, extended).subclusters;
    assert.deepEqual(told(empty, 'allocated'), ['all', 'zero without a host cluster']);
    assert.deepEqual(told(empty, 'zero'), ['none']);
  });

  it('of the refcount table and a bitmap table tells what it leads to', () => {
    assert.deepEqual(told(explainRefcountTableEntry(0, 0x2_0001, 16), 'refcount_block_offset'), ['cluster 2']);
    assert.deepEqual(told(explainRefcountTableEntry(0, 0x2_0001, 16), 'reserved'), ['', 'zero']);
    assert.deepEqual(told(explainBitmapTableEntry(0, 1, 16), 'all_ones'), ['all ones: everything is dirty']);
    assert.deepEqual(told(explainBitmapTableEntry(0, 0x2_0001, 16), 'all_ones'), ['', 'zero with an offset']);
  });

  it('has rows that cover all bits, whatever is in it', () => {
    const format = fc.record({
      clusterBits,
      version: fc.constantFrom(2, 3),
      extended: fc.boolean(),
      dataFile: fc.boolean(),
    });
    fc.assert(
      fc.property(word, word, word, word, format, (hi, lo, alloc, zero, used) => {
        const { descriptor, subclusters } = explainL2Entry(hi, lo, alloc, zero, used);
        const all = [
          descriptor,
          ...(subclusters ? [subclusters] : []),
          explainL1Entry(hi, lo, used.clusterBits),
          explainRefcountTableEntry(hi, lo, used.clusterBits),
          explainBitmapTableEntry(hi, lo, used.clusterBits),
        ];
        for (const rows of all) {
          assert.equal(
            rows.reduce((bits, { from, to }) => bits + to - from + 1, 0),
            64,
          );
        }
        assert.equal(subclusters !== undefined, used.extended);
      }),
    );
  });
});
