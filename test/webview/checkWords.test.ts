import assert from 'node:assert/strict';
import { finding } from '../../src/engine/finding.ts';
import { textsOf } from '../../src/engine/findingTexts.ts';
import type { CheckSummary } from '../../src/protocol/checkApi.ts';
import { learnTexts } from '../../webview/findings.ts';
import { summaryWords } from '../../webview/panes/checkWords.ts';

const host = { offset: 0x5_0000n, length: 0x40_0000n };
const group = (code: 'cluster-leaked' | 'refcount-past-end') => {
  const first = finding(code, 'refcount_table[0]', {}, { host });
  return { code, count: 1, first, hostBytes: host.length, guestBytes: 0n, additional: false };
};

/** What is said of a check that has found these. */
function said(...codes: Parameters<typeof group>[0][]): string {
  const groups = codes.map(group);
  const texts = textsOf(groups.map(({ first }) => first));
  learnTexts(texts);
  const result = { checkErrors: 0, leaks: 0, corruptions: 0 } as NonNullable<CheckSummary['result']>;
  return summaryWords({ complete: true, result, groups, causes: [], impacts: [], milliseconds: 1, texts });
}

describe('what a check says of leaks', () => {
  it('tells how much of the file they take, without what is past its end', () => {
    assert.match(said('cluster-leaked'), /; 4 MiB of the file are taken and not used\.$/);
    assert.match(said('cluster-leaked', 'refcount-past-end'), /; 4 MiB of the file are taken and not used\.$/);
    assert.match(said('refcount-past-end'), /past the end of the file are not 0, which takes no space\.$/);
  });
});
