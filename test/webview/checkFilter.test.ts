import assert from 'node:assert/strict';
import { mock } from 'node:test';
import type { FilterSummary } from '../../src/protocol/checkApi.ts';
import { FindingFilter } from '../../webview/panes/checkFilter.ts';

const summary = (unknown: number): FilterSummary => ({ groups: [], unknown, texts: {} });

/** A filter whose answers are given by hand. */
function asked() {
  const questions: { words: string; signal: AbortSignal; answer: (left: FilterSummary) => void; fail: () => void }[] =
    [];
  const filter = new FindingFilter(
    (words) => (signal) =>
      new Promise((answer, reject) => {
        questions.push({ words, signal, answer, fail: () => reject(new Error('The worker has died')) });
      }),
    () => undefined,
  );
  return { filter, questions, words: () => questions.map((one) => one.words) };
}

/** Lets what was answered come. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('The filter of the pane Check', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('asks once the typing rests', () => {
    const { filter, words } = asked();
    for (const typed of ['l', 'le', 'leak ']) {
      filter.type(typed);
      mock.timers.tick(199);
    }
    assert.deepEqual(words(), []);
    mock.timers.tick(1);
    assert.deepEqual(words(), ['leak']);
    filter.type('leak');
    mock.timers.tick(200);
    assert.deepEqual(words(), ['leak'], 'the same words');
  });

  it('asks at once for who goes on to the next finding', () => {
    const { filter, words } = asked();
    filter.type('leak');
    filter.apply();
    mock.timers.tick(200);
    assert.deepEqual(words(), ['leak']);
  });

  it('shows what there was until the answer is there, and takes only the answer to the last words', async () => {
    const { filter, questions } = asked();
    const all = filter.shown;
    assert.equal(filter.settled, true);
    filter.type('a');
    filter.apply();
    assert.deepEqual([filter.shown, filter.settled], [all, false]);
    filter.type('b');
    filter.apply();
    assert.equal(questions[0]?.signal.aborted, true);
    questions[1]?.answer(summary(2));
    questions[0]?.answer(summary(1));
    await turn();
    assert.deepEqual([filter.shown, filter.settled], [{ words: 'b', left: summary(2) }, true]);
  });

  it('shows all at once when it is empty again', () => {
    const { filter, questions } = asked();
    filter.type('a');
    filter.apply();
    filter.type('  ');
    assert.equal(questions[0]?.signal.aborted, true);
    assert.deepEqual([filter.shown, filter.settled], [{ words: '' }, true]);
    assert.equal(filter.state.state, 'waiting');
  });

  it('shows nothing before it is known what words of an earlier view leave', async () => {
    const { filter, questions } = asked();
    filter.restore('a');
    assert.deepEqual([filter.typed, filter.shown], ['a', undefined]);
    questions[0]?.answer(summary(0));
    await turn();
    assert.deepEqual(filter.shown, { words: 'a', left: summary(0) });
  });

  it('fails, and asks again by demand', async () => {
    const { filter, questions } = asked();
    filter.restore('a');
    questions[0]?.fail();
    await turn();
    assert.deepEqual([filter.state.state, filter.settled], ['failed', false]);
    filter.retry();
    questions[1]?.answer(summary(0));
    await turn();
    assert.equal(filter.settled, true);
  });
});
