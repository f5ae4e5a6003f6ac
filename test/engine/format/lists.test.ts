import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Bitmap, bitmapFields, encodeBitmap, parseBitmapDirectory } from '../../../src/engine/format/bitmaps.ts';
import type { TableChunk, TableCursor } from '../../../src/engine/format/chunk.ts';
import { decodeFields } from '../../../src/engine/format/field.ts';
import {
  encodeSnapshot,
  parseSnapshotTable,
  type Snapshot,
  snapshotExtraData,
  snapshotFields,
  snapshotIdBytes,
  snapshotNameBytes,
} from '../../../src/engine/format/snapshots.ts';

/** Entries one after the other, each at a multiple of 8 bytes. */
function join(entries: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = [];
  for (const entry of entries) {
    bytes.push(...Array.from({ length: (8 - (bytes.length % 8)) % 8 }, () => 0), ...entry);
  }
  return Uint8Array.from(bytes);
}

/** All entries of a table that is seen through a window of `size` bytes, or more where an entry needs it. */
function through<T>(
  table: Uint8Array,
  offset: bigint,
  size: number,
  parse: (bytes: Uint8Array, cursor: TableCursor) => TableChunk<T>,
): T[] {
  const entries: T[] = [];
  let cursor: TableCursor = { index: 0, offset };
  for (let length = size; ; ) {
    const at = Number(cursor.offset - offset);
    const chunk = parse(table.subarray(at, at + length), cursor);
    entries.push(...chunk.entries);
    if (chunk.needs === 0) {
      assert.deepEqual(chunk.findings, []);
      return entries;
    }
    assert(chunk.next.index > cursor.index || chunk.needs > length, 'no step forward');
    length = Math.max(size, chunk.needs);
    cursor = chunk.next;
  }
}

const window = fc.integer({ min: 1, max: 300 });
const fixed = fc.uint8Array({ minLength: 40, maxLength: 40 });
const text = fc.uint8Array({ minLength: 1, maxLength: 30 });

describe('the snapshot table', () => {
  const entry = fc
    .tuple(fixed, fc.uint8Array({ maxLength: 60 }), text, text)
    .map(([bytes, extraData, id, name]) => ({ fields: decodeFields(snapshotFields, bytes), extraData, id, name }));

  it('is decoded to what it was encoded from, through a window of any size', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), window, (list, size) => {
        const table = join(list.map(encodeSnapshot));
        const format = { count: list.length, tableOffset: 65536n };
        const found = through<Snapshot>(table, 65536n, size, (bytes, at) => parseSnapshotTable(bytes, at, format));
        assert.deepEqual(
          found.map((one) => [snapshotExtraData(one), snapshotIdBytes(one), snapshotNameBytes(one)]),
          list.map(({ extraData, id, name }) => [extraData, id, name]),
        );
        assert.deepEqual(join(found.map(({ bytes }) => bytes)), table);
      }),
    );
  });
});

describe('the bitmap directory', () => {
  const entry = fc.tuple(fixed, text).map(([bytes, nameBytes]) => {
    const fields = decodeFields(bitmapFields, bytes);
    const valid = { bitmap_table_offset: 65536n, bitmap_table_size: 1, flags: 2, type: 1, granularity_bits: 16 };
    return { fields: { ...fields, ...valid }, extraData: new Uint8Array(0), nameBytes };
  });

  it('is decoded to what it was encoded from, through a window of any size', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), window, (list, size) => {
        const directory = join(list.map(encodeBitmap));
        const format = {
          count: list.length,
          directoryOffset: 65536n,
          directorySize: BigInt(directory.length),
          clusterBits: 16,
          virtualSize: 1n << 20n,
        };
        const parse = (bytes: Uint8Array, at: TableCursor): TableChunk<Bitmap> =>
          parseBitmapDirectory(bytes, at, format);
        const found = through<Bitmap>(directory, 65536n, size, parse);
        assert.deepEqual(
          found.map(({ nameBytes }) => nameBytes),
          list.map(({ nameBytes }) => nameBytes),
        );
        assert.deepEqual(join(found.map(encodeBitmap)), directory);
      }),
    );
  });
});
