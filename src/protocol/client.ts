import type { Argument, CallError, InspectorApi, Method, Reply, Request, Result } from './api.ts';
import { decode, encode } from './codec.ts';
import type { FromWebview } from './messages.ts';

/** Why a call got no result. */
export class CallFailed extends Error {
  /** An `ErrorCode` of the engine, `stopped` when the worker has died, `reloaded` when the image was opened anew, `unexpected` for a defect. */
  readonly code: string;

  constructor(error: CallError) {
    super(error.message);
    this.name = 'CallFailed';
    this.code = error.code;
  }
}

/** How one call is cancelled and followed. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Calls methods of a worker: of the one of an image, unless another API is named. */
export interface Client<Api = InspectorApi> {
  /** Always settles: with the result, or with `CallFailed`. */
  call<M extends Method<Api>>(method: M, argument?: Argument<M, Api>, options?: CallOptions): Promise<Result<M, Api>>;
}

/** A client that can be given up. */
export interface Connection<Api = InspectorApi> extends Client<Api> {
  /** Settles every call that was made or will be made with the error `reloaded`: it was about what is no longer shown. */
  close(): void;
}

/** The error of a call about an image that was opened anew meanwhile. */
const reloaded: CallError = { code: 'reloaded', message: 'The image was read again meanwhile. Retry.' };

interface Pending {
  readonly settle: (reply: { readonly ok: unknown } | { readonly error: CallError }) => void;
  readonly onProgress: CallOptions['onProgress'];
}

/**
 * The end of the line to a worker of whoever asks: the webview's by way of the host, or the host's own.
 *
 * @param post - sends a message to the extension host
 * @param listen - hands every message of the extension host to its argument
 */
export function createClient<Api = InspectorApi>(
  post: (message: Extract<FromWebview, { type: 'request' }>) => void,
  listen: (heard: (message: unknown) => void) => void,
): Connection<Api> {
  const pending = new Map<number, Pending>();
  let closed = false;
  // Replies to an earlier page in the same tab must not be taken for ours, so the ids begin anywhere.
  let lastId = Math.floor(Math.random() * 2 ** 32) * 2 ** 20;

  listen((message) => {
    const heard = toWebview(message);
    if (heard?.reply !== undefined) {
      answer(pending, heard.reply);
    } else if (heard?.stopped !== undefined) {
      settleAll(heard.stopped);
    }
  });

  const settleAll = (error: CallError): void => {
    for (const call of pending.values()) {
      call.settle({ error });
    }
  };

  const send = (request: Request): void => post({ type: 'request', body: encode(request) });

  return {
    call: <M extends Method<Api>>(
      method: M,
      argument?: Argument<M, Api>,
      options: CallOptions = {},
    ): Promise<Result<M, Api>> =>
      new Promise((resolve, reject) => {
        const { signal } = options;
        const id = ++lastId;
        const onAbort = (): void => {
          send({ cancel: id });
          settle({ error: { code: 'cancelled', message: 'Cancelled.' } });
        };
        const settle: Pending['settle'] = (reply) => {
          pending.delete(id);
          signal?.removeEventListener('abort', onAbort);
          if ('error' in reply) {
            reject(new CallFailed(reply.error));
          } else {
            // The worker's handler of `method` has this type; both ends are built together. Undefined is not sent.
            resolve(reply.ok as Result<M, Api>);
          }
        };
        if (signal?.aborted) {
          reject(new CallFailed({ code: 'cancelled', message: 'Cancelled.' }));
          return;
        }
        if (closed) {
          reject(new CallFailed(reloaded));
          return;
        }
        signal?.addEventListener('abort', onAbort);
        pending.set(id, { settle, onProgress: options.onProgress });
        send({ id, method, argument });
      }),
    close: () => {
      closed = true;
      settleAll(reloaded);
    },
  };
}

function answer(pending: ReadonlyMap<number, Pending>, reply: Reply): void {
  const call = pending.get(reply.id);
  if (call === undefined) {
    return;
  }
  if ('progress' in reply) {
    call.onProgress?.(reply.progress.done, reply.progress.total);
  } else {
    call.settle(reply);
  }
}

function toWebview(message: unknown): { reply?: Reply; stopped?: CallError } | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) {
    return undefined;
  }
  if (message.type === 'reply' && 'body' in message && typeof message.body === 'string') {
    return { reply: decode(message.body) as Reply };
  }
  if (message.type === 'stopped' && 'error' in message) {
    return { stopped: message.error as CallError };
  }
  return undefined;
}
