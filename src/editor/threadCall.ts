import type { Argument, Method, Result } from '../protocol/api.ts';
import { type CallOptions, createClient } from '../protocol/client.ts';
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
  const thread = threads.open(path);
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
    threads.release(path);
  }
}
