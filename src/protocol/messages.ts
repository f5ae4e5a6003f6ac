import type { FindingCode } from '../engine/finding.ts';
import type { CallError } from './api.ts';
import type { ChainPlace, Consent } from './chainApi.ts';
import type { FileNews } from './news.ts';
import type { PageCommand } from './pageCommand.ts';
import type { Settings } from './settings.ts';

/** From the webview to the extension host. A `body` is a `Request` as `encode` writes it; the host only passes it on. */
export type FromWebview =
  /** The first content is painted. */
  | { readonly type: 'ready' }
  /** What the view wants to find again after a reload: plain JSON. */
  | { readonly type: 'state'; readonly state: unknown }
  /** Read the image again: the same as the command "Reload Image". */
  | { readonly type: 'reload' }
  /** Don't read changes by itself for now, or do so again. */
  | { readonly type: 'pause'; readonly paused: boolean }
  /** Open a file of the chain in a tab of its own: the backing file at this depth, or the data file of that image. */
  | { readonly type: 'open-file'; readonly file: ChainPlace }
  /** Show what rolling back the interrupted change of the image would do. */
  | { readonly type: 'roll-back' }
  /** Show what a repair would do; `body` is a `RepairSelection` as `encode` writes it. Without one the user is asked. */
  | { readonly type: 'repair'; readonly body?: string }
  /** The check of the page has ended: what it has found can be asked for. */
  | { readonly type: 'checked'; readonly whole: boolean }
  /** Save bytes to a file that the user is asked for; `body` is a `RangeRequest` as `encode` writes it. */
  | { readonly type: 'save-bytes'; readonly body: string }
  /** An error of the page, for the log. */
  | { readonly type: 'error'; readonly message: string }
  | { readonly type: 'request'; readonly body: string };

/** From the extension host to the webview. A `body` is a `Reply` as `encode` writes it. */
export type ToWebview =
  /** The state that was kept for this image, sent before the first reply. */
  | { readonly type: 'state'; readonly state: unknown }
  /** The user's settings, sent before the first reply and whenever one of them changes. */
  | { readonly type: 'settings'; readonly settings: Settings }
  /** What is known of the file, sent before the first reply and whenever it changes. */
  | { readonly type: 'news'; readonly news: FileNews }
  | { readonly type: 'reply'; readonly body: string }
  /** Something else can be told of the files that the image is based on: ask `chain` again. */
  | { readonly type: 'chain' }
  /** A finding of the check is to be shown. */
  | { readonly type: 'show-finding'; readonly code: FindingCode; readonly index: number }
  /** A command was run. */
  | { readonly type: 'command'; readonly command: PageCommand }
  /** The worker has stopped: whatever was asked before gets this error. Asking again starts a new worker. */
  | { readonly type: 'stopped'; readonly error: CallError };

/** From the extension host to the worker of an image. */
export type ToWorker =
  /** `from`: who asks; pages may not call all methods. */
  | { readonly view: number; readonly body: string; readonly from: 'page' | 'host' }
  /** The view has gone: its requests are cancelled. */
  | { readonly closed: number }
  /** Open the image again. */
  | { readonly reload: true }
  | { readonly paused: boolean }
  | { readonly settings: Settings }
  /** Whether the user trusts the workspace, from now on. */
  | { readonly trusted: boolean }
  /** The image is being changed by this window, or no longer. */
  | { readonly changing: Changing }
  /** The image is no longer shown: what the user has said of its backing chain no longer counts. */
  | { readonly forget: true }
  /** Something may have happened to a file that only the host can see. */
  | { readonly heard: true }
  /** What a worker has asked the host for: see `asks`. */
  | { readonly answer: number; readonly value: Uint8Array | VirtualLook }
  | { readonly answer: number; readonly error: string };

/** Whether this window is changing an image. */
export interface Changing {
  readonly running: boolean;
  /** Where the journal of its last change lies, if not beside it. */
  readonly journal?: string;
}

/** What a worker is started with. */
export interface WorkerStart {
  /** The path of the file; for a virtual one, what it is called. */
  readonly path: string;
  /** True for a file of a virtual file system, which only the host can read. */
  readonly virtual: boolean;
  readonly settings: Settings;
  /** Whether the user trusts the workspace: else nothing but the image is opened. */
  readonly trusted: boolean;
  /** The user's word to an earlier thread of the image, for its backing chain. */
  readonly consent?: Consent;
  readonly changing: Changing;
}

/** What the host says of a virtual file: `stamp` is another one when the file has changed. */
export type VirtualLook =
  | { readonly state: 'there'; readonly stamp: string }
  | { readonly state: 'lost'; readonly message: string };

/** From the worker to the extension host. */
export type FromWorker =
  | { readonly view: number; readonly body: string }
  /** News for all views, or for the one that has come. */
  | { readonly news: FileNews; readonly view?: number }
  /** What the user has said of the backing chain is another thing now, or counts for another thing. */
  | { readonly consent: Consent | undefined }
  /** Asks the host for the bytes of a virtual file, or for what it says of it. */
  | { readonly asks: 'bytes' | 'look'; readonly number: number }
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
    case 'reload':
      return { type: 'reload' };
    case 'roll-back':
      return { type: 'roll-back' };
    case 'repair':
      return 'body' in message && typeof message.body === 'string'
        ? { type: 'repair', body: message.body }
        : { type: 'repair' };
    case 'checked':
      return 'whole' in message ? { type: 'checked', whole: message.whole === true } : undefined;
    case 'pause':
      return 'paused' in message ? { type: 'pause', paused: message.paused === true } : undefined;
    case 'open-file':
      return 'file' in message ? openFile(message.file) : undefined;
    case 'error':
      return 'message' in message ? { type: 'error', message: String(message.message) } : undefined;
    case 'save-bytes':
      return 'body' in message && typeof message.body === 'string'
        ? { type: 'save-bytes', body: message.body }
        : undefined;
    case 'request':
      return 'body' in message && typeof message.body === 'string'
        ? { type: 'request', body: message.body }
        : undefined;
    default:
      return undefined;
  }
}

function openFile(file: unknown): FromWebview | undefined {
  if (typeof file !== 'object' || file === null || !('depth' in file) || !('role' in file)) {
    return undefined;
  }
  const { depth, role } = file;
  return Number.isInteger(depth) && typeof depth === 'number' && (role === 'backing' || role === 'data-file')
    ? { type: 'open-file', file: { depth, role } }
    : undefined;
}
