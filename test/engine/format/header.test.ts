import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeHeader, encodeHeader, headerFields, parseHeader } from '../../../src/engine/format/header.ts';
import { headerRows } from '../../../src/engine/format/headerRows.ts';
import { ImageBuilder } from '../../support/builder.ts';

/** The bytes of a header of `length` bytes (72: version 2) with random content in clusters of 64 KiB. */
const headers = fc
  .record({
    length: fc.constantFrom(72, 104, 112, 120, 504, 1024),
    content: fc.uint8Array({ minLength: 1024, maxLength: 1024 }),
  })
  .map(({ length, content }) => {
    const bytes = content.slice(0, length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x514649fb);
    view.setUint32(4, length === 72 ? 2 : 3);
    view.setUint32(20, 16);
    if (length > 72) {
      view.setUint32(100, length);
    }
    return bytes;
  });

describe('the header', () => {
  it('is encoded to the bytes that it was decoded from, in version 2 and 3 and of any length', () => {
    fc.assert(
      fc.property(headers, (bytes) => {
        assert.deepEqual(encodeHeader(decodeHeader(bytes)), bytes);
      }),
    );
  });

  it('ends with its length: what follows is not a part of it', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 100 }), (bytes, more) => {
        assert.deepEqual(decodeHeader(Uint8Array.of(...bytes, ...more)), decodeHeader(bytes));
      }),
    );
  });

  it('of version 2 ends after 72 bytes: features are 0, refcounts have 16 bits', () => {
    const bytes = new Uint8Array(200).fill(0xff);
    bytes.set(new ImageBuilder({ version: 2 }).toBytes().subarray(0, 72));
    const header = decodeHeader(bytes);
    assert.deepEqual(
      [header.incompatible_features, header.compatible_features, header.autoclear_features, header.header_length],
      [0n, 0n, 0n, 0],
    );
    assert.deepEqual([header.refcount_order, header.headerLength, header.unknownFields.length], [4, 72, 0]);
  });

  it('of 104 bytes has no compression type, whatever follows', () => {
    const bytes = new ImageBuilder({ header_length: 104, compression_type: 1 }).toBytes();
    assert.equal(decodeHeader(bytes).compression_type, 0);
    assert.equal(decodeHeader(new ImageBuilder({ compression_type: 1 }).toBytes()).compression_type, 1);
  });

  it('keeps fields that are not known', () => {
    const image = new ImageBuilder({ header_length: 128 }).put(112, [1, 2, 3, 4]);
    const { unknownFields, knownLength } = decodeHeader(image.toBytes());
    assert.equal(knownLength, 112);
    assert.deepEqual([...unknownFields], [1, 2, 3, 4, ...Array.from({ length: 12 }, () => 0)]);
  });

  it('has a usual length where its own is impossible', () => {
    assert.equal(decodeHeader(new ImageBuilder({ header_length: 2 ** 32 - 1 }).toBytes()).headerLength, 112);
    assert.equal(decodeHeader(new ImageBuilder({ header_length: 0 }).toBytes()).headerLength, 104);
  });

  it('has a row for each field, and says which ones a version 2 header lacks', () => {
    const rows = headerRows(decodeHeader(new ImageBuilder({ version: 2 }).toBytes()));
    assert.deepEqual(
      rows.filter(({ present }) => !present).map(({ name }) => name),
      headerFields.filter((field) => 'since' in field).map(({ name }) => name),
    );
    const row = rows.find(({ name }) => name === 'l1_table_offset');
    assert.deepEqual([row?.offset, row?.size, row?.shown, row?.meaning], [40, 8, '0x3_0000', 'cluster 3']);
    assert.deepEqual([...(row?.bytes ?? [])], [0, 0, 0, 0, 0, 3, 0, 0]);
  });

  it('has rows that name the bits of its masks', () => {
    const rows = headerRows(decodeHeader(new ImageBuilder({ incompatible_features: 0x2_0008 }).toBytes()));
    const meanings = rows.filter(({ name }) => name.endsWith('_features')).map(({ meaning }) => meaning);
    assert.deepEqual(meanings, ['compression type, bit 17 (not known)', '', '']);
  });

  it('is that of a cut file where the file ends in it, whatever its version', () => {
    const kinds = [2, 3, 0, 4].map((version) => {
      const { kind, says } = parseHeader(new ImageBuilder({ version: 3 }).header({ version }).toBytes().slice(0, 60));
      return [kind, says.endsWith('the file ends in the header')];
    });
    assert.deepEqual(kinds, new Array(4).fill(['truncated', true]));
  });

  it('is parsed from any bytes without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, magic) => {
        const content = magic ? Uint8Array.of(0x51, 0x46, 0x49, 0xfb, ...bytes) : bytes;
        assert(parseHeader(content).says !== '');
      }),
    );
  });
});
