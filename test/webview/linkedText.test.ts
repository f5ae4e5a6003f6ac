import assert from 'node:assert/strict';
import fc from 'fast-check';
import { placesIn } from '../../webview/inspector/linkedText.ts';
import { addressOf } from '../../webview/selection.ts';
import { plain } from './images.ts';

/** The text with the address of each link after it. */
function linked(text: string): string {
  return placesIn(text, plain)
    .map(({ text: words, selection }) => (selection === undefined ? words : `<${words}|${addressOf(selection)}>`))
    .join('');
}

describe('places in a text', () => {
  it('are chains, each entry of them by itself', () => {
    assert.equal(linked('L1[3] -> L2[17]'), '<L1[3]|l1-entry:3> -> <L2[17]|l2-entry:3.17>');
    assert.equal(linked('L1[601] → L2[2304…2559]'), '<L1[601]|l1-entry:601> → <L2[2304…2559]|l2-entry:601.2304>');
    assert.equal(linked('snapshot[2] -> L1[0]'), '<snapshot[2] -> L1[0]|l1-entry:0@2>');
    assert.equal(linked('refcount_table[5…6]'), '<refcount_table[5…6]|refcount-table-entry:5>');
    assert.equal(linked('bitmap[1] -> table[3]'), '<bitmap[1]|bitmap:1> -> table[3]');
  });

  it('are offsets and clusters, of the file unless the text says guest', () => {
    assert.equal(linked('An L2 table at 0x3_0000 lies'), 'An L2 table at <0x3_0000|host:196608+1> lies');
    assert.equal(linked('not to guest offset 0x1_0000.'), 'not to <guest offset 0x1_0000|guest:65536+1>.');
    assert.equal(linked('cluster 3'), '<cluster 3|host:196608+65536>');
    assert.equal(linked('guest cluster 1\u202f000'), '<guest cluster 1\u202f000|guest:65536000+65536>');
  });

  it('are header fields that there are', () => {
    assert.equal(linked('header.l1_size and header.nonsense'), '<header.l1_size|field:l1_size> and header.nonsense');
  });

  it('are none where the file or the disk ends before', () => {
    assert.equal(linked('0xffff_ffff_ffff_ffff'), '0xffff_ffff_ffff_ffff');
    assert.equal(linked('guest cluster 99999999'), 'guest cluster 99999999');
  });

  it('are found in any text, whatever is in it', () => {
    const pieces = [
      '0x',
      '_',
      'f',
      'L1[',
      ']',
      '9'.repeat(30),
      ' -> ',
      'L2[',
      'cluster ',
      '\u202f',
      'guest ',
      'snapshot[',
      ' ',
    ];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string())), (parts) => {
        const text = parts.join('');
        assert.equal(
          placesIn(text, plain).reduce((whole, part) => whole + part.text, ''),
          text,
        );
      }),
    );
    assert.equal(linked('a bitmap named 0x_'), 'a bitmap named 0x_');
  });

  it('leave the text as it is', () => {
    const text = 'x L1[3] -> L2[1] y 0x10 z header.size, cluster 9.';
    assert.equal(
      placesIn(text, plain)
        .map((part) => part.text)
        .join(''),
      text,
    );
  });
});
