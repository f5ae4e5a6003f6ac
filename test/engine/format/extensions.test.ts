import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkExtensions } from '../../../src/engine/format/extensionChecks.ts';
import { extensionDescriptions } from '../../../src/engine/format/extensionRows.ts';
import {
  backingFormat,
  encodeExtensions,
  featureNames,
  type ParsedExtensions,
  parseExtensions,
} from '../../../src/engine/format/extensions.ts';
import { decodeHeader } from '../../../src/engine/format/header.ts';
import { ImageBuilder } from '../../support/builder.ts';

function parsed(image: ImageBuilder): ParsedExtensions {
  const bytes = image.toBytes().subarray(0, Number(image.clusterSize));
  return parseExtensions(bytes, decodeHeader(bytes));
}

function findings(image: ImageBuilder): string[] {
  return checkExtensions(decodeHeader(image.toBytes()), parsed(image)).map(({ code }) => code);
}

/** An entry of the feature name table. */
function featureName(mask: number, bit: number, name: string): number[] {
  const bytes = Array.from({ length: 48 }, () => 0);
  bytes[0] = mask;
  bytes[1] = bit;
  for (const [index, letter] of Array.from(name).entries()) {
    bytes[2 + index] = letter.charCodeAt(0);
  }
  return bytes;
}

describe('the header extensions', () => {
  it('are encoded to the bytes that they were decoded from, with unknown types, order and padding', () => {
    const extension = fc.tuple(
      fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      fc.uint8Array({ maxLength: 60 }),
      fc.integer({ min: 0, max: 255 }),
    );
    fc.assert(
      fc.property(fc.array(extension, { maxLength: 6 }), fc.constantFrom(104, 112, 120), (list, headerLength) => {
        const image = new ImageBuilder({ header_length: headerLength });
        let end = headerLength;
        for (const [type, data, padding] of list) {
          image.extension(type, data);
          const length = 8 + Math.ceil(data.length / 8) * 8;
          image.put(
            end + 8 + data.length,
            Array.from({ length: length - 8 - data.length }, () => padding),
          );
          end += length;
        }
        const bytes = image.toBytes().slice(headerLength, end + 8);
        assert.deepEqual(encodeExtensions(parsed(image)), bytes);
        assert.deepEqual(
          parsed(image).extensions.map(({ type, data }) => [type, [...data]]),
          list.map(([type, data]) => [type, [...data]]),
        );
      }),
    );
  });

  it('start after the header, in version 2 at byte 72', () => {
    const [found] = parsed(new ImageBuilder({ version: 2 }).extension(0xe2792aca, 'raw')).extensions;
    assert.deepEqual([found?.offset, found?.length], [72, 3]);
  });

  it('end where the name of the backing file starts', () => {
    const image = new ImageBuilder({ backing_file_offset: 128, backing_file_size: 4 }).extension(1, 'abcdefgh');
    assert.equal(parsed(image).extensions.length, 1);
    assert.deepEqual(findings(image), ['extensions-unterminated']);
    image.put32(116, 9);
    assert.deepEqual(findings(image), ['extension-too-large']);
  });

  it('are read as zeros past the end of the file', () => {
    const image = new ImageBuilder().extension(0x1234, 'abcdefgh').truncate(124);
    assert.deepEqual(findings(image), ['extension-truncated']);
  });

  it('of one type count by the last one', () => {
    const image = new ImageBuilder().extension(0xe2792aca, 'raw').extension(0xe2792aca, 'qcow2');
    assert.equal(backingFormat(parsed(image).extensions), 'qcow2');
    assert.deepEqual(findings(image), ['extension-duplicate']);
  });

  it('tell padding that is not zero, and an end mark with a length', () => {
    const image = new ImageBuilder().extension(0x1234, 'abc');
    assert.deepEqual(findings(image), []);
    image.put8(112 + 8 + 5, 1);
    assert.deepEqual(findings(image), ['extension-padding-nonzero']);
    image.put8(112 + 8 + 5, 0).put32(112 + 16 + 4, 8);
    assert.deepEqual(findings(image), ['extension-end-not-empty']);
  });

  it('give the names of features', () => {
    const table = [...featureName(0, 7, 'seventh'), ...featureName(2, 63, 'last')];
    const image = new ImageBuilder().extension(0x6803f857, table);
    assert.deepEqual(featureNames(parsed(image).extensions), [
      { mask: 'incompatible', bit: 7, name: 'seventh' },
      { mask: 'autoclear', bit: 63, name: 'last' },
    ]);
    assert.deepEqual(findings(image), []);
  });

  it('tell entries of the feature name table that are wrong', () => {
    const table = [...featureName(3, 64, 'x'), ...featureName(0, 1, ''), 1];
    assert.deepEqual(findings(new ImageBuilder().extension(0x6803f857, table)), [
      'feature-table-length',
      'feature-table-entry',
      'feature-table-name',
    ]);
  });

  it('are described in the file’s order, unknown ones too', () => {
    const image = new ImageBuilder().extension(0x1234, [1, 2]).extension(0xe2792aca, 'qcow2');
    assert.deepEqual(
      extensionDescriptions(parsed(image).extensions).map(({ type, name, known, content }) => [
        type,
        name,
        known,
        content,
      ]),
      [
        [0x1234, 'unknown', false, ''],
        [0xe2792aca, 'backing format', true, 'qcow2'],
      ],
    );
  });
});
