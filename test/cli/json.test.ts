import assert from 'node:assert/strict';
import fc from 'fast-check';
import { bytesOfText } from '../../src/cli/bytes.ts';
import { prettyJson } from '../../src/cli/json.ts';

describe('JSON as QEMU prints it', () => {
  it('has four spaces a level, and a member a line', () => {
    const value = { name: 'a', list: [1, { deep: true }], none: undefined };
    assert.equal(
      prettyJson(value),
      '{\n    "name": "a",\n    "list": [\n        1,\n        {\n            "deep": true\n        }\n    ]\n}',
    );
  });

  it('has an end of its own line for an empty list', () => {
    assert.equal(prettyJson({ flags: [] }), '{\n    "flags": [\n    ]\n}');
  });

  it('has numbers exact', () => {
    assert.equal(prettyJson((1n << 64n) - 1n), '18446744073709551615');
  });

  it('has the escapes of JSON, and \\u for all that is not ASCII', () => {
    assert.equal(prettyJson('"\\\b\f\n\r\t'), String.raw`"\"\\\b\f\n\r\t"`);
    assert.equal(prettyJson('\x01\x1f\x7f'), String.raw`"\u0001\u001F\u007F"`);
    assert.equal(prettyJson(bytesOfText('é€😀')), String.raw`"\u00E9\u20AC\uD83D\uDE00"`);
  });

  it('has U+FFFD for bytes that are no character: one for a broken sequence', () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['an unexpected continuation byte', 'a\x80b', 'a\\uFFFDb'],
      ['an impossible byte', '\xfe\xff', '\\uFFFD\\uFFFD'],
      ['a sequence that is cut', '\xe2\x82x', '\\uFFFDx'],
      ['a sequence cut by the end', '\xf0\x9f', '\\uFFFD'],
      ['an overlong one', '\xc1\x81', '\\uFFFD'],
      ['a surrogate', '\xed\xa0\x80', '\\uFFFD'],
      ['a non-character', '\xef\xbf\xbf', '\\uFFFD'],
      ['five bytes', '\xf8\x88\x80\x80\x80', '\\uFFFD'],
      ['NUL as modified UTF-8 writes it', '\xc0\x80', '\\u0000'],
    ];
    for (const [what, bytes, text] of cases) {
      assert.equal(prettyJson(bytes), `"${text}"`, what);
    }
  });

  it('reads back as the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(JSON.parse(prettyJson(bytesOfText(text))), text);
      }),
    );
  });
});
