import assert from 'node:assert/strict';
import { newSizeOf, newSizeWords } from '../../src/worker/newSize.ts';

const gibi = 1n << 30n;
const disk = { virtualSize: gibi, clusterSize: 65536, l2Entries: 8192 };

/** What is said of a text while it is typed. */
function said(text: string): string {
  const size = newSizeOf(text, disk);
  return typeof size === 'string' ? size : newSizeWords(size, disk.virtualSize);
}

describe('the new size of a disk, as it is typed', () => {
  for (const [text, words] of [
    ['20G', '20 GiB: 19 GiB more than now'],
    [' +512M', '1.5 GiB: 512 MiB more than now'],
    ['-1022M', '2 MiB: 1022 MiB less than now'],
    ['1', '512 bytes: 1 GiB less than now'],
    ['1G', '1 GiB: as now'],
    ['1025M', '1 025 MiB: 1 MiB more than now'],
  ] as const) {
    it(`${text.trim()} is told as ${words}`, () => assert.equal(said(text).replaceAll('\u202f', ' '), words));
  }

  it('is refused where the plan would refuse it, in the words of the plan', () => {
    for (const text of ['9999999999999999999', '+8E', '+2P', '3000T']) {
      assert.match(
        said(text),
        /^The disk can’t be that large: its L1 table would have \d+ entries, and may have 4194304\./,
      );
    }
    assert.equal(newSizeOf('2P', disk), 2048n << 40n);
  });

  it('is refused where it is none', () => {
    for (const text of ['-1G', '-2G', '0']) {
      assert.equal(newSizeOf(text, disk), 'A disk has at least one sector of 512 bytes.');
    }
    assert.equal(typeof newSizeOf('much', disk), 'string');
    assert.equal(newSizeOf('99999999999999999999', disk), 'No disk can be that large: at most 8 EiB.');
  });
});
