import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { openingSpans, type StructureSpan } from '../../../src/engine/image/structureSpans.ts';
import { TableSpans } from '../../../src/engine/image/tableSpans.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { nameAt, selectionOf } from '../../../webview/hex/places.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { CountingStorage } from '../../support/memoryStorage.ts';

/** The names of all structures that a byte is in, the most exact one first. */
function names(spans: readonly StructureSpan[], at: bigint): string[] {
  return spans.filter(({ start, length }) => start <= at && at < start + length).map((span) => nameAt(span, at));
}

describe('the structures in a file', () => {
  const image = new ImageBuilder({ size: 1n << 32n, nb_snapshots: 1, snapshots_offset: 0x9_0000n });
  image.extension(0xe2792aca, 'raw').extension(0x6803f857, new Uint8Array(96));
  image
    .l1(0, copied | image.at(4))
    .l1(3, copied | image.at(7))
    .entry(4, 5, copied | image.at(5));
  image.entry(7, 0, copied | image.at(8));
  // A snapshot with an L1 table of two entries, ID 7 and name "before".
  image.put64(0x9_0000n, image.at(10)).put32(0x9_0008n, 2).put16(0x9_000cn, 1).put16(0x9_000en, 6);
  image
    .put32(0x9_0024n, 16)
    .put(0x9_0038n, '7before')
    .put64(image.at(10), copied | image.at(11));
  image.truncate(image.at(12));

  it('have the names of fields and entries, with nothing read', async () => {
    const storage = new CountingStorage(image.toStorage());
    const opened = await openImage(storage);
    storage.reset();
    const spans = openingSpans(opened);
    assert.equal(storage.calls, 0);
    const first = (at: number | bigint): string | undefined => names(spans, BigInt(at))[0];
    assert.equal(first(0), 'header.magic');
    assert.equal(first(47), 'header.l1_table_offset');
    assert.equal(first(104), 'header.compression_type');
    assert.equal(first(105), 'header padding');
    assert.equal(first(112), 'extension[0].type');
    assert.equal(first(116), 'extension[0].length');
    assert.equal(first(122), 'extension[0].data');
    assert.equal(first(123), 'extension[0] padding');
    assert.equal(first(136 + 48), 'extension[1].name[1]');
    assert.equal(first(5000), 'header cluster, not used');
    assert.equal(first(image.at(3) + 25n), 'L1[3]');
    assert.equal(first(image.at(1)), 'refcount_table[0]');
    assert.equal(first(image.at(4)), undefined);
  });

  it('have those that other tables tell, with no L2 table read', async () => {
    const storage = new CountingStorage(image.toStorage());
    const opened = await openImage(storage);
    assert(opened.geometry);
    storage.reset();
    const tables = await TableSpans.read(opened, opened.geometry, noProgress);
    for (const cluster of [4, 7]) {
      assert.equal(storage.touched(image.at(cluster), 65536n), false);
    }
    const at = (place: bigint): string[] => names(tables.at(place, 1n), place);
    assert.deepEqual(at(image.at(2) + 35n), ['refcount block 0 entry 17']);
    assert.deepEqual(at(image.at(4) + 41n), ['L1[0] -> L2[5]']);
    assert.deepEqual(at(image.at(7)), ['L1[3] -> L2[0]']);
    assert.deepEqual(at(image.at(11) + 8n), ['snapshot[0] -> L1[0] -> L2[1]']);
    assert.deepEqual(at(image.at(10) + 8n), ['snapshot[0] -> L1[1]']);
    assert.deepEqual(at(0x9_0008n), ['snapshot[0].l1_size']);
    assert.deepEqual(at(0x9_0028n), ['snapshot[0].vm_state_size_large', 'snapshot[0].extra_data']);
    assert.deepEqual(at(0x9_0038n), ['snapshot[0].id']);
    assert.deepEqual(at(0x9_003en), ['snapshot[0].name']);
    assert.deepEqual(at(image.at(5)), []);
  });

  it('select what they are', async () => {
    const opened = await openImage(image.toStorage());
    assert(opened.geometry);
    const tables = await TableSpans.read(opened, opened.geometry, noProgress);
    const [l2] = tables.at(image.at(11) + 8n, 1n);
    assert(l2);
    assert.deepEqual(selectionOf(l2, image.at(11) + 12n), {
      selection: { kind: 'l2-entry', l1: 0, index: 1, snapshot: 0 },
      mark: { index: 1, start: image.at(11) + 8n, length: 8n },
    });
    const [block] = tables.at(image.at(2), 1n);
    assert(block);
    assert.deepEqual(selectionOf(block, image.at(2) + 35n)?.selection, { kind: 'refcount-entry', block: 0, index: 17 });
  });

  it('name several refcounts in a byte', async () => {
    const narrow = new ImageBuilder({ refcount_order: 1 });
    const opened = await openImage(narrow.toStorage());
    assert(opened.geometry);
    const tables = await TableSpans.read(opened, opened.geometry, noProgress);
    assert.deepEqual(names(tables.at(narrow.at(2) + 3n, 1n), narrow.at(2) + 3n), ['refcount block 0 entries 12–15']);
  });
});
