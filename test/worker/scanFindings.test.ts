import assert from 'node:assert/strict';
import { inspectStorage, mostScanFindings } from '../../src/worker/inspection.ts';
import { type CallContext, progressOf } from '../../src/worker/server.ts';
import { copied, ImageBuilder } from '../support/builder.ts';

const { signal } = new AbortController();
const report = (): void => undefined;
const context: CallContext = { signal, report, progress: progressOf(signal, report) };

describe('the findings of a scan, for a page', () => {
  it('are so few that one message holds them, whatever the image has; the check has all', async () => {
    const wrong = mostScanFindings + 100;
    const image = new ImageBuilder({ size: 1n << 29n }).l1(0, copied | (4n << 16n)).refcount(4, 1);
    for (let index = 0; index < wrong; index++) {
      // Bit 1 is reserved.
      image.entry(4, index, copied | image.at(5 + index) | 2n).refcount(5 + index, 1);
    }
    const storage = image.truncate(image.at(5 + wrong)).toStorage();
    const { handlers, close } = await inspectStorage(storage);
    const { findings, findingCount, texts } = await handlers.scan(undefined, context);
    assert.equal(findings.length, mostScanFindings);
    assert.equal(findingCount, wrong);
    assert.ok(texts['l2-entry-reserved']);
    await handlers.check({ quick: false }, context);
    const last = { code: 'l2-entry-reserved', from: wrong - 1, count: 9 } as const;
    assert.equal((await handlers.checkFindings(last, context)).findings.length, 1);
    await close();
  });
});
