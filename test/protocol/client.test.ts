import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import type { Reply, Request } from '../../src/protocol/api.ts';
import { createClient } from '../../src/protocol/client.ts';
import { decode, encode } from '../../src/protocol/codec.ts';
import { type FromWebview, fromWebview } from '../../src/protocol/messages.ts';
import { type Handlers, serve } from '../../src/worker/server.ts';

/** Both ends of the line, with JSON between them as in VS Code. */
function line(handlers: Partial<Handlers>) {
  let hear: (message: unknown) => void = () => undefined;
  const replies: Reply[] = [];
  const defects: string[] = [];
  const server = serve(
    async () => handlers,
    (reply) => {
      replies.push(reply);
      hear(JSON.parse(JSON.stringify({ type: 'reply', body: encode(reply) })));
    },
    (defect) => defects.push(defect),
  );
  const client = createClient(
    (message: FromWebview) => {
      const sent = fromWebview(JSON.parse(JSON.stringify(message)));
      assert.equal(sent?.type, 'request');
      server.accept(decode(sent.body) as Request);
    },
    (heard) => {
      hear = heard;
    },
  );
  return { client, server, replies, defects, say: (message: unknown) => hear(message) };
}

const page = { rows: [], next: 2n ** 63n };

/** Resolves when `signal` is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

describe('a call', () => {
  it('gives a result that is undefined as that', async () => {
    const { client } = line({ step: async () => undefined });
    const request = { space: 'host', kind: 'free', from: -1n, direction: 'next' } as const;
    assert.equal(await client.call('step', request), undefined);
  });

  it('gets the result of its method, exact', async () => {
    const { client } = line({ extents: async ({ from }) => ({ rows: [], next: from + 1n }) });
    assert.deepEqual(await client.call('extents', { from: 2n ** 62n, count: 1 }), { rows: [], next: 2n ** 62n + 1n });
  });

  it('is rejected when its handler throws an error of the engine', async () => {
    const { client } = line({
      extents: async () => {
        throw new Qcow2Error('read-failed', 'Sector 7 is gone', { system: 'EIO' });
      },
    });
    await assert.rejects(client.call('extents', { from: 0n, count: 1 }), {
      code: 'read-failed',
      message: 'Sector 7 is gone',
    });
  });

  it('is rejected when its handler has a defect, with the stack for the log', async () => {
    const { client, defects } = line({
      picture: () => {
        throw new RangeError('oops');
      },
    });
    await assert.rejects(client.call('picture', { space: 'guest', start: 0n, length: 1n, cells: 1 }), {
      code: 'unexpected',
      message: /defect.*RangeError: oops$/,
    });
    assert.match(defects.join('|'), /^RangeError: oops\n[^|]*client\.test[^|]*$/);
  });

  it('is rejected when its result cannot be sent', async () => {
    const { client } = line({ extents: async () => ({ rows: [], next: Symbol('x') as unknown as bigint }) });
    await assert.rejects(client.call('extents', { from: 0n, count: 1 }), { code: 'unexpected' });
  });

  it('is rejected when there is no such method', async () => {
    const { client } = line({});
    await assert.rejects(client.call('toString' as 'scan'), { code: 'bad-argument' });
  });

  it('settles at once when it is cancelled, and the handler hears of it', async () => {
    let heard: AbortSignal | undefined;
    const { client } = line({
      extents: async (_, { signal }) => {
        heard = signal;
        await aborted(signal);
        return page;
      },
    });
    const abort = new AbortController();
    const call = client.call('extents', { from: 0n, count: 1 }, { signal: abort.signal });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await assert.rejects(call, { code: 'cancelled' });
    assert.equal(heard?.aborted, true);
  });

  it('that is cancelled before it begins is never sent', async () => {
    const { client, replies } = line({});
    await assert.rejects(client.call('describe', undefined, { signal: AbortSignal.abort() }), { code: 'cancelled' });
    assert.deepEqual(replies, []);
  });

  it('hears of progress, and stops in the next step after a cancel', async () => {
    const abort = new AbortController();
    let steps = 0;
    const { client } = line({
      scan: async (_, { progress }) => {
        for (;;) {
          await progress.step(++steps, 1000);
        }
      },
    });
    const seen: [number, number][] = [];
    const call = client.call('scan', undefined, {
      signal: abort.signal,
      onProgress: (done, total) => {
        seen.push([done, total]);
        abort.abort();
      },
    });
    await assert.rejects(call, { code: 'cancelled' });
    assert.equal(seen.length, 1);
    const before = steps;
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(steps <= before + 1, 'the walk goes on after the cancel');
  });

  it('is rejected when the worker stops', async () => {
    const { client, say } = line({ extents: () => new Promise(() => undefined) });
    const call = client.call('extents', { from: 0n, count: 1 });
    say({ type: 'stopped', error: { code: 'stopped', message: 'The worker has died.' } });
    await assert.rejects(call, { code: 'stopped', message: 'The worker has died.' });
  });

  it('is rejected when its client is closed, as is every later one', async () => {
    const asked: unknown[] = [];
    const { client, replies } = line({
      extents: (request) => {
        asked.push(request);
        return new Promise(() => undefined);
      },
    });
    const call = client.call('extents', { from: 0n, count: 1 });
    client.close();
    await assert.rejects(call, { code: 'reloaded' });
    await assert.rejects(client.call('extents', { from: 1n, count: 1 }), { code: 'reloaded' });
    assert.deepEqual(asked, [{ from: 0n, count: 1 }]);
    assert.deepEqual(replies, []);
  });

  it('is not settled by replies to others, nor by messages that are none of ours', async () => {
    const { client, say } = line({ extents: async () => page });
    const call = client.call('extents', { from: 0n, count: 1 });
    for (const message of [null, 1, {}, { type: 'state', state: 1 }, { type: 'reply' }]) {
      say(message);
    }
    say({ type: 'reply', body: encode({ id: 1, ok: 'of an earlier page' }) });
    assert.deepEqual(await call, page);
  });
});

describe('a server', () => {
  it('cancels everything when its caller has gone', async () => {
    const heard: AbortSignal[] = [];
    const { client, server } = line({
      extents: async (_, { signal }) => {
        heard.push(signal);
        await aborted(signal);
        throw new Qcow2Error('cancelled', 'Cancelled.');
      },
    });
    const calls = [client.call('extents', { from: 0n, count: 1 }), client.call('extents', { from: 1n, count: 1 })];
    await new Promise((resolve) => setImmediate(resolve));
    server.close();
    for (const call of calls) {
      await assert.rejects(call, { code: 'cancelled' });
    }
    assert.deepEqual(
      heard.map((signal) => signal.aborted),
      [true, true],
    );
  });

  it('cancels what waits for the image to be opened', async () => {
    const { client, server } = line({ extents: async () => ({ rows: [] }) });
    const call = client.call('extents', { from: 0n, count: 1 });
    server.close();
    await assert.rejects(call, { code: 'cancelled' });
  });
});
