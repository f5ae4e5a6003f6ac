import type { CallError } from './api.ts';

/** From the webview to the extension host. A `body` is a `Request` as `encode` writes it; the host only passes it on. */
export type FromWebview =
  /** The first content is painted. */
  | { readonly type: 'ready' }
  /** What the view wants to find again after a reload: plain JSON. */
  | { readonly type: 'state'; readonly state: unknown }
  /** An error of the page, for the log. */
  | { readonly type: 'error'; readonly message: string }
  | { readonly type: 'request'; readonly body: string };

/** From the extension host to the webview. A `body` is a `Reply` as `encode` writes it. */
export type ToWebview =
  /** The state that was kept for this image, sent before the first reply. */
  | { readonly type: 'state'; readonly state: unknown }
  | { readonly type: 'reply'; readonly body: string }
  /** The worker has stopped: whatever was asked before gets this error. Asking again starts a new worker. */
  | { readonly type: 'stopped'; readonly error: CallError };

/** From the extension host to the worker of an image. */
export type ToWorker =
  | { readonly view: number; readonly body: string }
  /** The view has gone: its requests are cancelled. */
  | { readonly closed: number };

/** From the worker to the extension host. */
export type FromWorker =
  | { readonly view: number; readonly body: string }
  /** A request met an error that nobody foresaw: its stack, for the log. */
  | { readonly defect: string };

/** The message of a webview, or undefined when it is none of ours. */
export function fromWebview(message: unknown): FromWebview | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) {
    return undefined;
  }
  switch (message.type) {
    case 'ready':
      return { type: 'ready' };
    case 'state':
      return 'state' in message ? { type: 'state', state: message.state } : undefined;
    case 'error':
      return 'message' in message ? { type: 'error', message: String(message.message) } : undefined;
    case 'request':
      return 'body' in message && typeof message.body === 'string'
        ? { type: 'request', body: message.body }
        : undefined;
    default:
      return undefined;
  }
}
