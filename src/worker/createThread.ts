import { Worker } from 'node:worker_threads';
import { Qcow2Error } from '../engine/error.ts';
import { type NewImageOptions, newImage } from '../engine/operations/newImage.ts';
import { parseSize } from '../engine/size.ts';
import type { CallError } from '../protocol/api.ts';
import { CallFailed } from '../protocol/client.ts';

export type { NewImageOptions, Preallocation } from '../engine/operations/newImage.ts';

/** An image that is to be made. */
export interface CreateRequest {
  readonly path: string;
  /** Names in it are as the image is to have them: relative to its folder, or whole paths. */
  readonly options: NewImageOptions;
  /** Of an encrypted image: UTF-8, in a buffer of its own. */
  readonly passphrase?: Uint8Array<ArrayBuffer>;
}

/** From the thread that makes an image. */
export type FromCreating =
  | { readonly done: number; readonly total: number }
  | { readonly made: true }
  | { readonly error: CallError };

/** The size that a text says, in bytes, or in words why it says none. */
export function sizeOf(text: string): bigint | string {
  const size = parseSize(text.trim().replace(/i?B$/i, ''));
  switch (size) {
    case 'invalid':
      return 'A number of bytes, or a number with K, M, G, T, P or E: 10G, 1.5T, 65536.';
    case 'out-of-range':
      return 'No disk can be that large: at most 8 EiB.';
    default:
      return size.value;
  }
}

/** Why a text says no size, in words; undefined where it says one. */
export function sizeRefusal(text: string): string | undefined {
  const size = sizeOf(text);
  return typeof size === 'string' ? size : undefined;
}

/** Why an image can't be as it is wanted; undefined where it can. */
export function refusalOf(options: NewImageOptions): string | undefined {
  try {
    newImage(options);
    return undefined;
  } catch (error) {
    if (error instanceof Qcow2Error) {
      return error.message;
    }
    throw error;
  }
}

/**
 * Makes an image in a thread of its own. Until it is finished, and whenever it fails or is cancelled, nothing is at its
 * path, and at that of its data file, but what was there before. Rejects with `CallFailed`.
 *
 * @param entry - file of the thread's bundle (or `createMain.ts`)
 * @param request - the pass phrase is gone from it afterwards: the thread takes it, and overwrites it
 */
export function createInThread(
  entry: string,
  request: CreateRequest,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(entry, {
      workerData: request,
      transferList: request.passphrase === undefined ? [] : [request.passphrase.buffer],
      execArgv: [],
    });
    const fail = (code: string, message: string): void => reject(new CallFailed({ code, message }));
    const cancel = (): void => thread.postMessage('cancel');
    signal.addEventListener('abort', cancel, { once: true });
    thread.on('message', (message: FromCreating) => {
      if ('total' in message) {
        onProgress(message.done, message.total);
      } else if ('made' in message) {
        resolve();
      } else {
        reject(new CallFailed(message.error));
      }
    });
    thread.on('error', (error) => fail('stopped', String(error)));
    thread.on('exit', () => {
      signal.removeEventListener('abort', cancel);
      fail('stopped', 'The thread that makes the image has ended before it was finished.');
    });
  });
}
