import assert from 'node:assert/strict';
import { type Finding, type FindingCode, finding } from '../../src/engine/finding.ts';
import type { FindingPlace } from '../../src/protocol/checkApi.ts';
import type { Filterable } from '../../src/worker/findingFilter.ts';
import { findingMethods } from '../../src/worker/findingMethods.ts';
import { type CallContext, progressOf } from '../../src/worker/server.ts';

const cluster = 65536n;
const million = 1_000_000;

function caller(abort = new AbortController()): CallContext & { abort: AbortController } {
  const report = (): void => undefined;
  return { abort, signal: abort.signal, report, progress: progressOf(abort.signal, report) };
}

function leakAt(index: number): Finding {
  const values = {
    cluster: index,
    clusters: 1,
    start: `0x${(index * 65536).toString(16)}`,
    refcount: 1,
    references: 0,
  };
  return finding('cluster-leaked', `cluster ${index}`, values, {
    host: { offset: BigInt(index) * cluster, length: cluster },
  });
}

function overlapAt(index: number): Finding {
  const values = { first: 'an L2 table', second: `refcount block ${index}`, start: '0x0', end: '0x1' };
  return finding('tables-overlap', `L1[${index}]`, values, {
    host: { offset: BigInt(index) * cluster, length: cluster },
  });
}

/** Findings that are made when they are asked for, as those that memory holds as numbers are; counts how many were made. */
function many(
  counts: Partial<Record<FindingCode, number>>,
  listed: Partial<Record<FindingCode, number>> = {},
): Filterable & { made: number; most: number } {
  const groups = Object.entries(counts).map(([name, count]) => {
    const code = name as FindingCode;
    return {
      code,
      count,
      hostBytes: 0n,
      guestBytes: 0n,
      additional: false,
      ...(code in listed && { listed: listed[code] }),
    };
  });
  const found = {
    made: 0,
    most: 0,
    groups,
    findings: (code: FindingCode, from: number, count: number) => {
      const end = Math.min(from + count, listed[code] ?? counts[code] ?? 0);
      found.made += Math.max(0, end - from);
      found.most = Math.max(found.most, end - from);
      const at = code === 'cluster-leaked' ? leakAt : overlapAt;
      return Array.from({ length: Math.max(0, end - from) }, (_, index) => at(from + index));
    },
  };
  return found;
}

describe('The filter of a check’s findings', function () {
  this.timeout(120_000);

  it('finds one of a million, making each once and few at a time, and remembers which', async () => {
    const found = many({ 'tables-overlap': 2, 'cluster-leaked': million });
    const { checkFilter, checkFindings } = findingMethods(() => found);
    const words = 'leak 0x9_0000_1234';
    const summary = await checkFilter({ words }, caller());
    const index = Number(0x9_0000_1234n / cluster);
    assert.deepEqual(summary.groups, [{ code: 'cluster-leaked', count: 1, listed: 1, first: leakAt(index), index }]);
    assert.equal(summary.unknown, 0);
    assert.ok(summary.texts['cluster-leaked']);
    assert.ok(found.made <= million + 2 + 1, `${found.made} made`);
    assert.ok(found.most <= 256, `${found.most} at a time`);
    const { made } = found;
    const page = await checkFindings({ code: 'cluster-leaked', from: 0, count: 128, words }, caller());
    assert.deepEqual([page.findings, page.indexes], [[leakAt(index)], [index]]);
    assert.deepEqual(await checkFilter({ words }, caller()), summary);
    assert.ok(found.made <= made + 2, 'only those that were asked for are made again');
  });

  it('makes none of a million where all or none of a code match by what they have in common', async () => {
    const found = many({ 'tables-overlap': 3, 'cluster-leaked': million });
    const { checkFilter, checkFindings } = findingMethods(() => found);
    const { groups } = await checkFilter({ words: 'leak' }, caller());
    assert.deepEqual(
      groups.map(({ code, count, listed, index }) => [code, count, listed, index]),
      [['cluster-leaked', million, million, 0]],
    );
    assert.ok(found.made <= 4, `${found.made} made`);
    const page = await checkFindings(
      { code: 'cluster-leaked', from: million - 1, count: 128, words: 'leak' },
      caller(),
    );
    assert.deepEqual(page.indexes, [million - 1]);
  });

  it('gives pages of what it leaves, each finding with its place among all', async () => {
    const { checkFilter, checkFindings } = findingMethods(() => many({ 'tables-overlap': 5000 }));
    const words = 'block l1[4';
    const kept = Array.from({ length: 5000 }, (_, index) => index).filter((index) => String(index).startsWith('4'));
    const { groups } = await checkFilter({ words }, caller());
    assert.deepEqual(groups, [
      { code: 'tables-overlap', count: kept.length, listed: kept.length, first: overlapAt(4), index: 4 },
    ]);
    const page = await checkFindings({ code: 'tables-overlap', from: 100, count: 300, words }, caller());
    assert.deepEqual(page.indexes, kept.slice(100, 400));
    assert.deepEqual(page.findings, kept.slice(100, 400).map(overlapAt));
    const past = await checkFindings({ code: 'tables-overlap', from: kept.length, count: 3, words }, caller());
    assert.deepEqual(past.findings, []);
  });

  it('says of how many it does not know, where not all findings are listed', async () => {
    const found = many({ 'tables-overlap': 10, 'cluster-leaked': million }, { 'cluster-leaked': 1000 });
    const { checkFilter } = findingMethods(() => found);
    const one = await checkFilter({ words: '0x1_0000' }, caller());
    assert.deepEqual([one.groups.map(({ count }) => count), one.unknown], [[1, 1], million - 1000]);
    const all = await checkFilter({ words: 'leaks' }, caller());
    assert.deepEqual([all.groups.map(({ count, listed }) => [count, listed]), all.unknown], [[[million, 1000]], 0]);
  });

  it('lets others in while it runs, and stops when its caller wants other words', async () => {
    const found = many({ 'cluster-leaked': million });
    const { checkFilter, checkFindings } = findingMethods(() => found);
    const context = caller();
    const asked = checkFilter({ words: '0x1234' }, context);
    await checkFindings({ code: 'cluster-leaked', from: 0, count: 1 }, caller());
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.ok(found.made < million, `${found.made} made`);
    context.abort.abort();
    await assert.rejects(asked, { code: 'cancelled' });
    await new Promise((resolve) => setTimeout(resolve, 0));
    const { made } = found;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(found.made, made, 'no more are made');
    assert.ok(made < million);
  });

  it('goes on for one view when another one gives up', async () => {
    const found = many({ 'cluster-leaked': 100_000 });
    const { checkFilter } = findingMethods(() => found);
    const words = 'host 0x1234';
    const gone = caller();
    const both = [checkFilter({ words }, gone), checkFilter({ words }, caller())] as const;
    gone.abort.abort();
    await assert.rejects(both[0], { code: 'cancelled' });
    assert.equal((await both[1]).groups[0]?.count, 1);
    assert.ok(found.made <= 100_001, `${found.made} made: once for both`);
  });

  it('remembers a few filters, and filters again for pages of one that it has forgotten', async () => {
    const found = many({ 'tables-overlap': 100 });
    const { checkFilter, checkFindings } = findingMethods(() => found);
    for (const words of ['[1]', '[2]', '[3]', '[4]', '[5]']) {
      await checkFilter({ words }, caller());
    }
    const before = found.made;
    const page = await checkFindings({ code: 'tables-overlap', from: 0, count: 9, words: '[5]' }, caller());
    assert.deepEqual([page.indexes, found.made - before], [[5], 1]);
    const again = await checkFindings({ code: 'tables-overlap', from: 0, count: 9, words: '[1]' }, caller());
    assert.deepEqual([again.indexes, found.made - before], [[1], 102]);
  });

  it('is of the last check', async () => {
    let found = many({ 'tables-overlap': 3 });
    const { checkFilter } = findingMethods(() => found);
    assert.equal((await checkFilter({ words: 'block' }, caller())).groups[0]?.count, 3);
    found = many({ 'tables-overlap': 4 });
    assert.equal((await checkFilter({ words: 'block' }, caller())).groups[0]?.count, 4);
  });
});

describe('A step over the findings of a check', () => {
  const found = many({ 'l1-entry-reserved': 1, 'tables-overlap': 50, 'l2-copied-alone': 1, 'cluster-leaked': 20 });
  const { checkStep } = findingMethods(() => found);
  type Place = [FindingCode, index: number, position: number];
  const step = async (
    words: string,
    from: [FindingCode, number] | undefined,
    by: -1 | 0 | 1,
  ): Promise<Place | null> => {
    const [code, index = 0] = from ?? [];
    const place: FindingPlace | null = await checkStep({ words, by, ...(code && { from: { code, index } }) }, caller());
    return place && [place.code, place.index, place.position];
  };
  const o = 'tables-overlap';
  const l = 'cluster-leaked';

  for (const [words, from, by, to, why] of [
    ['', undefined, 1, ['l1-entry-reserved', 0, 0], 'the first of all'],
    ['', undefined, -1, [l, 19, 19], 'the last of all'],
    ['', [o, 3], 1, [o, 4, 4], 'the next one of its code'],
    ['', [o, 49], 1, ['l2-copied-alone', 0, 0], 'the first one of the next code'],
    ['', [o, 0], -1, ['l1-entry-reserved', 0, 0], 'the last one of the code before'],
    ['', [l, 19], 1, ['l1-entry-reserved', 0, 0], 'over the end'],
    ['', ['l1-entry-reserved', 0], -1, [l, 19, 19], 'over the beginning'],
    ['[1', [o, 1], 1, [o, 10, 1], 'the next one that the filter leaves'],
    ['[1', [o, 15], -1, [o, 14, 5], 'the one before that it leaves'],
    ['[1', [o, 5], 1, [o, 10, 1], 'from one that it does not leave'],
    ['[1', [o, 30], -1, [o, 19, 10], 'the same, back'],
    ['[1', [o, 19], 1, [o, 1, 0], 'over the end of the only code'],
    ['[1', [l, 4], -1, [o, 19, 10], 'from a code of which it leaves none'],
    ['[1', ['l1-entry-reserved', 0], 1, [o, 1, 0], 'the same, on'],
    ['[1', [o, 15], 0, [o, 15, 6], 'the place of one among what it leaves'],
    ['[1', [o, 5], 0, null, 'which one has not that it does not leave'],
    ['nothing of that', [o, 5], 1, null, 'there is none'],
    ['', ['zlib-level', 5], 0, null, 'a code of another check has no place'],
    ['', [o, 5000], 0, null, 'nor has a number of another check'],
  ] as const) {
    const start = from === undefined ? 'nowhere' : `${from[0]} ${from[1]}`;
    it(`leads with “${words}” from ${start} by ${by} to ${to === null ? 'nothing' : `${to[0]} ${to[1]}`}: ${why}`, async () => {
      assert.deepEqual(await step(words, from && [from[0] as FindingCode, from[1]], by), to);
    });
  }
});
