import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  asGuestOffset,
  asHostOffset,
  type Geometry,
  type GeometryFields,
  geometryOf,
  guestOffset,
  guestPlace,
  hostOffset,
  hostPlace,
} from '../../../src/engine/image/geometry.ts';

function geometry(fields: Partial<GeometryFields> = {}, fileSize = 0n): Geometry {
  const values = { version: 3, cluster_bits: 16, size: 0n, incompatible_features: 0n, refcount_order: 4, ...fields };
  const made = geometryOf(values, fileSize);
  assert(made);
  return made;
}

describe('the geometry', () => {
  it('has 8192 L2 entries and 32768 refcounts a cluster of 64 KiB', () => {
    const { l2Entries, refcountBlockEntries, clusterUnits, unitSize } = geometry();
    assert.deepEqual([l2Entries, refcountBlockEntries, clusterUnits, unitSize], [8192, 32768, 1, 65536]);
  });

  it('has half as many L2 entries, of 32 subclusters, with extended L2 entries', () => {
    const { l2Entries, l2EntryBytes, clusterUnits, unitSize } = geometry({ incompatible_features: 1n << 4n });
    assert.deepEqual([l2Entries, l2EntryBytes, clusterUnits, unitSize], [4096, 16, 32, 2048]);
  });

  it('does not know features in version 2', () => {
    const { extended, dataFile } = geometry({ version: 2, incompatible_features: ~0n });
    assert.deepEqual([extended, dataFile], [false, false]);
  });

  it('counts a cut last cluster of the file', () => {
    assert.equal(geometry({}, 65537n).fileClusters, 2);
    assert.equal(geometry({}, 65536n).fileClusters, 1);
  });

  for (const bits of [0, 8, 22, 63, 64, 2 ** 32 - 1]) {
    it(`is not there with cluster_bits ${bits}`, () => {
      const fields = { version: 3, cluster_bits: bits, size: 0n, incompatible_features: 0n, refcount_order: 4 };
      assert.equal(geometryOf(fields, 0n), undefined);
    });
  }

  it('turns offsets into places and back, up to 2^62', () => {
    const offsets = fc.bigInt({ min: 0n, max: 2n ** 62n - 1n });
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 21 }), offsets, (bits, offset) => {
        const made = geometry({ cluster_bits: bits });
        const guest = guestPlace(made, asGuestOffset(offset));
        const host = hostPlace(made, asHostOffset(offset));
        assert.equal(guestOffset(made, guest.cluster, guest.byte), offset);
        assert.equal(hostOffset(made, host.cluster, host.byte), offset);
        assert(guest.byte < made.clusterSize);
      }),
    );
  });
});
