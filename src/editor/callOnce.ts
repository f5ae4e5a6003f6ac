import type { Argument, Method, Result } from '../protocol/api.ts';
import { createClient } from '../protocol/client.ts';
import type { ToWebview } from '../protocol/messages.ts';
import type { Attachment } from './attachment.ts';

/** Calls one method of an image's worker for the host itself. Throws `CallFailed`. */
export async function callOnce<M extends Method>(
  attach: (post: (message: ToWebview) => void) => Attachment,
  method: M,
  argument: Argument<M>,
): Promise<Result<M>> {
  let hear: (message: unknown) => void = () => undefined;
  const attachment = attach((message) => hear(message));
  const client = createClient(
    ({ body }) => attachment.request(body),
    (heard) => {
      hear = heard;
    },
  );
  try {
    return await client.call(method, argument);
  } finally {
    attachment.leave();
  }
}
