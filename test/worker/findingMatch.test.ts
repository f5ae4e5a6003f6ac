import assert from 'node:assert/strict';
import { type Finding, finding } from '../../src/engine/finding.ts';
import { FindingMatch } from '../../src/worker/findingMatch.ts';

const far = 2n ** 61n + 0x1_0000n;

const overlap = finding(
  'tables-overlap',
  'L1[601] -> L2[2560]',
  { first: 'an L2 table', second: 'refcount block 7', start: '0x50000', end: '0x60000' },
  { host: { offset: 0x5_0000n, length: 0x1_0000n }, guest: { offset: far, length: 0x1_0000n } },
);
const leak = finding(
  'cluster-leaked',
  'cluster 1000099…1000100',
  { cluster: 1_000_099, clusters: 2, start: '0xf42a30000', refcount: 1n, references: 0 },
  { host: { offset: 0xf_42a3_0000n, length: 0x2_0000n } },
);
const inSnapshot = finding('l2-copied-alone', 'snapshot[0] -> L1[3] -> L2[4]', { number: 4, raw: '8000000000000000' });

function matching(words: string): string[] {
  const match = new FindingMatch(words);
  const isMatch = (found: Finding): boolean => match.of(found.code)?.(found) ?? true;
  return [overlap, leak, inSnapshot].filter(isMatch).map(({ code }) => code);
}

const none: readonly string[] = [];
const { code: o } = overlap;
const { code: l } = leak;
const { code: s } = inSnapshot;

describe('A filter of findings', () => {
  for (const [words, found, why] of [
    ['', [o, l, s], 'no word leaves all'],
    ['  ', [o, l, s], 'nor do spaces'],
    ['tables-overlap', [o], 'a code'],
    ['LEAKS', [l], 'a severity, also of many, in any case'],
    ['l2 table', [o, s], 'words of the text and of the structure'],
    ['snapshot', [s], 'a word of the place'],
    ['SNAPSHOT l2[4]', [s], 'all words, wherever they are'],
    ['snapshot leak', none, 'one of two words is not enough'],
    ['L1[601] → L2[2560]', [o], 'a place as the page writes it'],
    ['L1[601] -> L2[2560]', [o], 'a place as the command line writes it'],
    ['Leaked cluster', [l], 'QEMU’s message'],
    ['2 clusters', [l], 'words that are chosen by a count'],
  ] as const) {
    it(`has ${found.length} of three findings for “${words}”: ${why}`, () => {
      assert.deepEqual(matching(words), found);
    });
  }

  for (const [words, found, why] of [
    ['0x50000', [o], 'the first byte, in hex'],
    ['0x5_0000', [o], 'as the page writes it'],
    ['0x0005ffff', [o], 'the last byte'],
    ['327681', [o], 'in decimal'],
    ['327\u202f681', [o], 'in decimal as the page writes it'],
    ['0x60000', [o], 'the end is not in the range, but in the text'],
    ['0x60001', none, 'past the end'],
    ['0x4ffff', none, 'before it'],
    [String(far), [o], 'exact above 2^53'],
    [String(far - 1n), none, 'one byte before it'],
    [String(far + 0xffffn), [o], 'its last byte'],
    [String(far + 0x1_0000n), none, 'one byte past it'],
    [`host ${far}`, none, 'it is no offset of the file'],
    [`guest ${far}`, [o], 'but one of the guest'],
    ['host 0x5_0000', [o], 'the same of the file'],
    ['guest 0x5_0000', none, 'which is none of the guest'],
    ['leak 0xf42a4ffff', [l], 'with another word'],
  ] as const) {
    it(`has ${found.length} of three findings for the offset ${words}: ${why}`, () => {
      assert.deepEqual(matching(words), found);
    });
  }

  it('finds a number that stands alone, not the beginning of another one', () => {
    assert.deepEqual(matching('1000099'), [l]);
    assert.deepEqual(matching('100009'), none);
    assert.deepEqual(matching('601'), [o]);
    assert.deepEqual(matching('60'), none);
    assert.deepEqual(matching('0xf42a3000'), none);
  });

  it('finds the value of an entry however it is written', () => {
    const past = finding('l2-table-past-end', 'L1[602]', { target: '0x20000' });
    for (const [words, isFound] of [
      ['131072', true],
      ['0x2_0000', true],
      ['0x2000', false],
    ] as const) {
      assert.equal(new FindingMatch(words).of(past.code)?.(past), isFound, words);
    }
  });

  it('tells nothing apart where all findings of a code match', () => {
    const match = new FindingMatch('corruption overlap');
    assert.equal(match.of('tables-overlap'), undefined);
    assert.ok(match.of('cluster-leaked'));
  });

  it('takes signs that mean something in a pattern as they are', () => {
    assert.deepEqual(matching('l2[2560]'), [o]);
    assert.deepEqual(matching('.*'), none);
    assert.deepEqual(matching('(['), none);
    assert.deepEqual(matching('__proto__'), none);
  });
});
