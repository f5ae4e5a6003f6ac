import type { Argument, Method, Result } from '../protocol/api.ts';
import { type CallOptions, createClient } from '../protocol/client.ts';
import type { ImageThread } from '../worker/imageThread.ts';
import type { ImageThreads } from '../worker/imageThreads.ts';

/**
 * Calls a method of the thread of the image at `path`, on behalf of the host itself. Throws `CallFailed`, as the client
 * of a page does.
 */
export async function callThread<M extends Method>(
  threads: ImageThreads,
  path: string,
  method: M,
  argument?: Argument<M>,
  options?: CallOptions,
): Promise<Result<M>> {
  try {
    return await callOn(threads.open(path), method, argument, options);
  } finally {
    threads.release(path);
  }
}

/**
 * What the image at `path` is at this moment. The thread that shows it reads a change a moment later, and breaks off
 * what it is asked meanwhile, so this is asked of another one. Throws `CallFailed`.
 */
export async function describeNow(threads: ImageThreads, path: string): Promise<Result<'describe'>> {
  const thread = threads.alone(path);
  try {
    return await callOn(thread, 'describe');
  } finally {
    await thread.stop();
  }
}

async function callOn<M extends Method>(
  thread: ImageThread,
  method: M,
  argument?: Argument<M>,
  options?: CallOptions,
): Promise<Result<M>> {
  let hear: (message: unknown) => void = () => undefined;
  const view = thread.attach((message) => hear(message));
  const client = createClient(
    ({ body }) => thread.request(view, body, 'host'),
    (heard) => {
      hear = heard;
    },
  );
  try {
    return await client.call(method, argument, options);
  } finally {
    thread.detach(view);
  }
}
