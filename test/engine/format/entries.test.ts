import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bitmapAllOnes, bitmapPlace, encodeBitmapTableEntry } from '../../../src/engine/format/bitmapTable.ts';
import {
  compressedBeyond56,
  compressedByte,
  compressedCluster,
  compressedMaxBytes,
  compressedSectors,
  encodeCompressedEntry,
} from '../../../src/engine/format/compressed.ts';
import { encodeL1Entry, l1Copied, l1HasReserved, l1Place, l1Unaligned } from '../../../src/engine/format/l1.ts';
import {
  type L2Format,
  l2Fault,
  l2Faults,
  l2HostOffset,
  l2Kind,
  l2Kinds,
  subclusterKind,
  subclusterKinds,
  subclusterRun,
} from '../../../src/engine/format/l2.ts';
import {
  maxRefcount,
  readRefcount,
  readSmallRefcount,
  refcountBlockEntries,
  refcountTableEntry,
  writeRefcount,
} from '../../../src/engine/format/refcounts.ts';

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const sectors = fc.bigInt({ min: 0n, max: (1n << 47n) - 1n });
const clusterBits = fc.integer({ min: 9, max: 21 });
const standard: L2Format = { clusterBits: 16, version: 3, extended: false, dataFile: false };

describe('an L1 entry', () => {
  it('is the offset of an L2 table in bits 9 to 55, and COPIED', () => {
    fc.assert(
      fc.property(sectors, fc.boolean(), (sector, copied) => {
        const { hi, lo } = encodeL1Entry(sector * 512n, copied);
        assert.equal(l1Place(hi, lo), Number(sector * 512n));
        assert.equal(l1Copied(hi), copied);
        assert.equal(l1HasReserved(hi, lo), false);
      }),
    );
  });

  it('has reserved bits 0 to 8 and 56 to 62', () => {
    for (let bit = 0; bit < 64; bit += 1) {
      const entry = 1n << BigInt(bit);
      const reserved = l1HasReserved(Number(entry >> 32n), Number(entry & 0xffff_ffffn));
      assert.equal(reserved, bit <= 8 || (bit >= 56 && bit <= 62), `bit ${bit}`);
    }
  });

  it('leads to a cluster', () => {
    assert.equal(l1Unaligned(0x1_0000, 16), false);
    assert.equal(l1Unaligned(0x1_0200, 16), true);
    assert.equal(l1Unaligned(0x1_0200, 9), false);
  });
});

describe('a compressed entry', () => {
  it('is any byte of the host and a number of sectors, in bits that depend on the cluster size', () => {
    const place = fc.tuple(clusterBits, fc.bigInt({ min: 0n, max: (1n << 49n) - 1n }), fc.nat());
    fc.assert(
      fc.property(place, ([bits, offset, some]) => {
        const count = 1 + (some % 2 ** (bits - 8));
        const { hi, lo } = encodeCompressedEntry(offset, count, bits);
        assert.equal(l2Kind(hi, lo, { ...standard, clusterBits: bits }), l2Kinds.compressed);
        const cluster = BigInt(compressedCluster(hi, lo, bits));
        assert.equal((cluster << BigInt(bits)) + BigInt(compressedByte(lo, bits)), offset);
        assert.equal(compressedSectors(hi, bits), count);
        assert.equal(compressedMaxBytes(hi, lo, bits), count * 512 - Number(offset % 512n));
        assert.equal(compressedBeyond56(hi, bits), false);
      }),
    );
  });

  it('may not lie beyond 2^56', () => {
    assert.equal(compressedBeyond56(encodeCompressedEntry(1n << 56n, 1, 9).hi, 9), true);
    assert.equal(compressedBeyond56(encodeCompressedEntry((1n << 56n) - 1n, 1, 9).hi, 9), false);
  });
});

describe('an L2 entry', () => {
  const kinds: readonly (readonly [string, bigint, Partial<L2Format>, number])[] = [
    ['unallocated', 0n, {}, l2Kinds.unallocated],
    ['unallocated with COPIED alone', 1n << 63n, {}, l2Kinds.unallocated],
    ['data at offset 0 of a data file with COPIED', 1n << 63n, { dataFile: true }, l2Kinds.normal],
    ['unallocated in a data file without COPIED', 0n, { dataFile: true }, l2Kinds.unallocated],
    ['data with an offset', 0x5_0000n, {}, l2Kinds.normal],
    ['a plain zero cluster', 1n, {}, l2Kinds.zeroPlain],
    ['a zero cluster with a host cluster', 0x5_0001n, {}, l2Kinds.zeroAllocated],
    ['no zero cluster with extended entries', 1n, { extended: true }, l2Kinds.unallocated],
    ['compressed by bit 62', 1n << 62n, {}, l2Kinds.compressed],
  ];
  for (const [what, entry, format, kind] of kinds) {
    it(`is ${what}`, () => {
      const used = { ...standard, ...format };
      assert.equal(l2Kind(Number(entry >> 32n), Number(entry & 0xffff_ffffn), used), kind);
    });
  }

  it('has its host offset in bits 9 to 55, exact', () => {
    assert.equal(l2HostOffset(0xffff_ffff, 0xffff_ffff), 2 ** 56 - 512);
  });

  it('of the data file is at its guest offset, also beyond 2^53', () => {
    const format = { ...standard, dataFile: true };
    assert.equal(l2Fault(0x0080_0000, 0, 0, 0, 2 ** 55, format), l2Faults.none);
    assert.equal(l2Fault(0x0080_0000, 0, 0, 0, 2 ** 55 + 65536, format), l2Faults.dataFileOffset);
  });

  it('has runs of subclusters that end where the kind changes', () => {
    const bits = fc.oneof(word, fc.constantFrom(0, 0xffff_ffff));
    const format = { ...standard, extended: true };
    fc.assert(
      fc.property(word, word, bits, bits, fc.integer({ min: 0, max: 31 }), (hi, lo, alloc, zero, index) => {
        const kind = (sub: number): number => subclusterKind(hi, lo, alloc, zero, sub, format);
        let end = index + 1;
        while (end < 32 && kind(end) === kind(index)) {
          end += 1;
        }
        assert.equal(subclusterRun(hi, lo, alloc, zero, index, format), end - index);
      }),
    );
  });

  it('can’t be read where its subclusters are invalid', () => {
    const format = { ...standard, extended: true };
    const bits = fc.constantFrom(0, 1, 3, 0x8000_0000, 0xffff_ffff);
    fc.assert(
      fc.property(fc.constantFrom(0, 0x4000_0000), fc.constantFrom(0, 0x5_0000), bits, bits, (hi, lo, alloc, zero) => {
        const invalid = subclusterKind(hi, lo, alloc, zero, 0, format) === subclusterKinds.invalid;
        assert.equal(l2Fault(hi, lo, alloc, zero, 0, format), invalid ? l2Faults.invalidSubclusters : l2Faults.none);
      }),
    );
  });

  it('is invalid in every subcluster where one is allocated and zero', () => {
    const format = { ...standard, extended: true };
    for (let sub = 0; sub < 32; sub += 1) {
      assert.equal(subclusterKind(0, 0x5_0000, 4, 4, sub, format), subclusterKinds.invalid);
    }
  });
});

describe('a refcount', () => {
  it('of any width is read as it was written, and its neighbours stay', () => {
    const order = fc.integer({ min: 0, max: 6 });
    fc.assert(
      fc.property(
        order,
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.nat(),
        fc.bigInt({ min: 0n }),
        (o, block, at, some) => {
          const entries = (64 * 8) / 2 ** o;
          const index = at % entries;
          const value = some & maxRefcount(o);
          const before = Array.from({ length: entries }, (_, entry) => BigInt(readRefcount(block, entry, o)));
          writeRefcount(block, index, o, value);
          const after = Array.from({ length: entries }, (_, entry) => BigInt(readRefcount(block, entry, o)));
          assert.deepEqual(after, before.with(index, value));
          assert.equal(readSmallRefcount(block, index, o), Number(value));
        },
      ),
    );
  });

  it('of less than 8 bits starts at the least significant bit', () => {
    assert.equal(readRefcount(Uint8Array.of(0b0000_0010), 1, 0), 1);
    assert.equal(readRefcount(Uint8Array.of(0xa5), 0, 2), 5);
    assert.equal(readRefcount(Uint8Array.of(0x12, 0x34), 0, 4), 0x1234);
  });

  it('has a block for 32768 clusters with 16 bits and clusters of 64 KiB', () => {
    assert.equal(refcountBlockEntries(16, 4), 32768);
    assert.equal(refcountTableEntry(0x8000_0000, 0), 2 ** 63);
  });
});

describe('a bitmap table entry', () => {
  it('is the offset of a cluster, or all ones', () => {
    fc.assert(
      fc.property(sectors, (sector) => {
        const { hi, lo } = encodeBitmapTableEntry(sector * 512n, false);
        assert.equal(bitmapPlace(hi, lo), Number(sector * 512n));
        assert.equal(bitmapAllOnes(hi, lo), false);
      }),
    );
    const ones = encodeBitmapTableEntry(0n, true);
    assert.equal(bitmapAllOnes(ones.hi, ones.lo), true);
  });
});
