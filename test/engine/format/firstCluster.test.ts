import assert from 'node:assert/strict';
import fc from 'fast-check';
import { explain } from '../../../src/engine/findingTexts.ts';
import { checkExtensions, checkNames } from '../../../src/engine/format/extensionChecks.ts';
import { extensionDescriptions } from '../../../src/engine/format/extensionRows.ts';
import { backingNameBytes, encodeExtensions, parseExtensions } from '../../../src/engine/format/extensions.ts';
import { decodeHeader, encodeHeader, headerFields } from '../../../src/engine/format/header.ts';
import { checkDiskSize, checkEncryptionMethod, checkHeader } from '../../../src/engine/format/headerChecks.ts';
import { headerRows } from '../../../src/engine/format/headerRows.ts';

const types = [0, 0xe2792aca, 0x6803f857, 0x23852875, 0x0537be77, 0x44415441, 0x12345678];

/** Small numbers and powers of two with their neighbours: what lengths and offsets go wrong by. */
const values = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.tuple(fc.integer({ min: 0, max: 64 }), fc.integer({ min: -1, max: 1 })).map(([bit, step]) => {
    return BigInt.asUintN(64, (1n << BigInt(bit)) + BigInt(step));
  }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);

/** The start of a file: magic, fields with values of all sizes, extensions with lengths right and wrong. */
const firstClusters = fc
  .record({
    size: values,
    version: fc.constantFrom(2, 3, 3, 3, 4),
    clusterBits: fc.constantFrom(9, 12, 16, 21, 0, 64, 0xffffffff),
    headerLength: fc.constantFrom(104, 112, 120, 512, 0, 105, 0xffffffff),
    fields: fc.array(fc.tuple(fc.nat({ max: headerFields.length - 1 }), values), { maxLength: 6 }),
    extensions: fc.array(
      fc.tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 100 }), fc.integer({ min: -9, max: 9 })),
      { maxLength: 5 },
    ),
    cut: fc.integer({ min: 0, max: 1024 }),
  })
  .map(({ size, version, clusterBits, headerLength, fields, extensions, cut }) => {
    const bytes = new Uint8Array(1024);
    const view = new DataView(bytes.buffer);
    let at = version === 2 ? 72 : Math.min(headerLength, 112);
    for (const [type, data, wrong] of extensions) {
      view.setUint32(at, type);
      view.setUint32(at + 4, data.length + (wrong < -7 ? wrong : 0));
      bytes.set(data, at + 8);
      at += 8 + Math.ceil(data.length / 8) * 8;
    }
    view.setUint32(0, 0x514649fb);
    view.setUint32(4, version);
    view.setUint32(20, clusterBits);
    view.setBigUint64(24, size);
    if (version > 2) {
      view.setUint32(100, headerLength);
    }
    for (const [index, value] of fields) {
      const field = headerFields[index];
      if (field?.width === 8) {
        view.setBigUint64(field.offset, value);
      } else if (field?.width === 4 && field.offset > 4) {
        view.setUint32(field.offset, Number(value & 0xffff_ffffn));
      }
    }
    return bytes.slice(0, cut);
  });

describe('the first cluster', () => {
  it('is explained without an exception, whatever is in it', () => {
    fc.assert(
      fc.property(firstClusters, values, (bytes, fileSize) => {
        const header = decodeHeader(bytes);
        const parsed = parseExtensions(bytes, header);
        const name = backingNameBytes(bytes, header) ?? new Uint8Array(0);
        const findings = [
          ...checkHeader(header, fileSize),
          ...checkExtensions(header, parsed),
          ...checkNames(header, parsed, name),
          ...checkEncryptionMethod(header),
          ...checkDiskSize(header),
        ];
        for (const found of findings) {
          assert.doesNotMatch(Object.values(explain(found)).join('\n'), /\{\w+\}/, found.code);
        }
        assert.equal(headerRows(header).length, headerFields.length);
        assert.equal(extensionDescriptions(parsed.extensions).length, parsed.extensions.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('is encoded to the bytes that it was decoded from, as far as it could be decoded', () => {
    fc.assert(
      fc.property(firstClusters, (bytes) => {
        const header = decodeHeader(bytes);
        const parsed = parseExtensions(bytes, header);
        const encoded = [...encodeHeader(header), ...encodeExtensions(parsed)];
        const length = Math.min(encoded.length, bytes.length, Math.max(parsed.end, header.headerLength));
        assert.deepEqual(encoded.slice(0, length), [...bytes.subarray(0, length)]);
        assert.deepEqual(encoded.slice(length), encoded.slice(length).fill(0));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes memory for what is in the file only, whatever lengths it names', () => {
    fc.assert(
      fc.property(firstClusters, (bytes) => {
        const header = decodeHeader(bytes);
        const { extensions } = parseExtensions(bytes, header);
        const kept = extensions.reduce((sum, { data, padding }) => sum + data.length + padding.length, 0);
        assert(kept + header.bytes.length + header.unknownFields.length <= 2 * bytes.length);
      }),
    );
  });
});
