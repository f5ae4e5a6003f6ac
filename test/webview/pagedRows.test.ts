import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { PagedRows } from '../../webview/widgets/pagedRows.ts';

/** A source whose rows are their positions, and what was asked of it. */
function source(count: number) {
  const asked: string[] = [];
  const cancelled: number[] = [];
  let broken = false;
  const rows = new PagedRows<number>(count, async (from, length, signal) => {
    asked.push(`${from}+${length}`);
    signal.addEventListener('abort', () => cancelled.push(from));
    await setTimeout(1);
    if (broken) {
      throw new Error('broken');
    }
    return Array.from({ length }, (_, index) => from + index);
  });
  const arrived = (): Promise<void> =>
    new Promise((resolve) => {
      const onChange = (): void => {
        if (rows.state.state !== 'loading') {
          rows.removeEventListener('change', onChange);
          resolve();
        }
      };
      rows.addEventListener('change', onChange);
    });
  return { rows, asked, cancelled, arrived, breaks: (how: boolean) => (broken = how) };
}

describe('rows by pages', () => {
  it('are asked for as they come into view, each page once', async () => {
    const { rows, asked, arrived } = source(1_000_000);
    rows.want(500_000, 500_040);
    assert.equal(rows.row(500_000), undefined);
    await arrived();
    assert.equal(rows.row(500_000), 500_000);
    rows.want(500_020, 500_060);
    rows.want(500_000, 500_040);
    assert.deepEqual(asked, ['499968+128']);
  });

  it('end with the table', async () => {
    const { rows, asked, arrived } = source(130);
    rows.want(100, 200);
    await arrived();
    assert.deepEqual(asked, ['0+128', '128+2']);
    assert.equal(rows.row(129), 129);
    assert.equal(rows.row(130), undefined);
  });

  it('are cancelled when they leave the view before they have come', async () => {
    const { rows, cancelled, arrived } = source(1_000_000);
    rows.want(0, 40);
    rows.want(900_000, 900_040);
    await arrived();
    assert.deepEqual(cancelled, [0]);
    assert.equal(rows.row(0), undefined);
    assert.equal(rows.row(900_000), 900_000);
  });

  it('are kept, but not all of them', async () => {
    const { rows, asked, arrived } = source(1_000_000);
    for (let page = 0; page < 40; page++) {
      rows.want(page * 128, page * 128 + 40);
      await arrived();
    }
    assert.equal(rows.row(0), undefined);
    assert.equal(rows.row(20 * 128), 20 * 128);
    assert.equal(asked.length, 40);
  });

  it('say that they could not be read, and are asked for again', async () => {
    const { rows, arrived, breaks } = source(1000);
    breaks(true);
    rows.want(0, 40);
    await arrived();
    assert.equal(rows.note(5), 'could not be read');
    assert.equal(rows.state.state, 'failed');
    breaks(false);
    rows.retry();
    await arrived();
    assert.equal(rows.row(5), 5);
  });

  it('are no longer asked for once they are closed', async () => {
    const { rows, cancelled } = source(1000);
    rows.want(0, 40);
    rows.close();
    assert.deepEqual(cancelled, [0]);
    assert.equal(rows.state.state, 'ready');
  });
});
