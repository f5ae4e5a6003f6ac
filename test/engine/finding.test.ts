import assert from 'node:assert/strict';
import { finding } from '../../src/engine/finding.ts';
import { explain, findingTexts } from '../../src/engine/findingTexts.ts';

describe('the texts of a finding', () => {
  it('count one as one, and many in groups of three digits', () => {
    const title = (clusters: number): string =>
      explain(finding('clusters-overlap', 'cluster 3', { clusters, start: '0x30000', first: 'a', second: 'b' })).title;
    assert.equal(title(1), '1 cluster from 0x3_0000 on: b, and a at the same time');
    assert.equal(title(12345), '12\u202f345 clusters from 0x3_0000 on: b, and a at the same time');
  });

  it('leave QEMU’s own words and the names in the image as they are', () => {
    const { qemu, title } = explain(finding('bitmap-table-unreadable', 'bitmap[0]', { name: '0x123456', error: 'E' }));
    assert.equal(qemu, "Could not read bitmap_table table from image for bitmap '0x123456': E");
    assert.equal(title, 'The table of bitmap 0x123456 can’t be used: E');
  });

  it('name their values in a form that is understood', () => {
    for (const [code, text] of Object.entries(findingTexts)) {
      for (const words of Object.values(text)) {
        const left = String(words).replaceAll(/\{\w+(\|[^|{}]+\|[^|{}]+)?\}/g, '');
        assert.doesNotMatch(left, /[{}|]/, code);
      }
    }
  });
});
