import assert from 'node:assert/strict';
import { type CountedGroup, listFindings, mostListed } from '../../src/editor/listedFindings.ts';

/** What is listed of groups as `code index`, and what was asked for. */
async function listed(groups: readonly CountedGroup<string>[]) {
  const asked: [code: string, from: number, count: number][] = [];
  const ask = async (code: string, from: number, count: number): Promise<readonly string[]> => {
    asked.push([code, from, count]);
    return Array.from({ length: count }, (_, index) => `${code} ${from + index}`);
  };
  return { asked, ...(await listFindings(groups, ask)) };
}

describe('The findings that are listed as problems', () => {
  it('are all of them, in the order of their groups, where they are not many', async () => {
    const { listed: shown, rest } = await listed([
      { code: 'worse', count: 2 },
      { code: 'better', count: 1 },
    ]);
    assert.deepEqual([shown, rest], [['worse 0', 'worse 1', 'better 0'], 0]);
  });

  it('are 1,000 at most, the worst, and the others are counted, of a million too', async () => {
    const {
      listed: shown,
      rest,
      asked,
    } = await listed([
      { code: 'worse', count: 900 },
      { code: 'many', count: 1_000_000 },
      { code: 'better', count: 5 },
    ]);
    assert.equal(mostListed, 1000);
    assert.equal(shown.length, 1000);
    assert.deepEqual([shown[899], shown[900], shown[999]], ['worse 899', 'many 0', 'many 99']);
    assert.equal(rest, 999_905);
    assert.ok(!asked.some(([code]) => code === 'better'), 'what is not listed is not asked for');
  });

  it('are asked for in pages, each once', async () => {
    const { asked } = await listed([{ code: 'many', count: 600 }]);
    assert.deepEqual(asked, [
      ['many', 0, 250],
      ['many', 250, 250],
      ['many', 500, 100],
    ]);
  });

  it('are those that can be had, where memory does not hold all: the others are counted', async () => {
    const { listed: shown, rest } = await listed([{ code: 'many', count: 50, listed: 3 }]);
    assert.deepEqual([shown.length, rest], [3, 47]);
  });
});
