import { Worker } from 'node:worker_threads';
import type { ChangeApi } from '../protocol/changeApi.ts';
import { CallFailed, type Client, createClient } from '../protocol/client.ts';
import { stackOf } from './server.ts';

/** From the thread that changes an image. */
export type FromChanging =
  | { readonly type: 'reply'; readonly body: string }
  /** A request met an error that nobody foresaw: its stack, for the log. */
  | { readonly defect: string };

/** A thread that changes one image. */
export interface ChangeThread extends Client<ChangeApi> {
  /** Ends the thread. What is being applied is left as it is, to be rolled back at the next open: cancel it first. */
  stop(): Promise<void>;
}

/**
 * Starts a thread that plans and applies changes of the image at `path`. Its calls reject with `CallFailed`.
 *
 * @param entry - file of the thread's bundle (or `changeMain.ts`)
 * @param report - is told the stack of an error that nobody foresaw
 */
export function startChangeThread(entry: string, path: string, report: (defect: string) => void): ChangeThread {
  const thread = new Worker(entry, { workerData: path, execArgv: [] });
  let hear: (message: unknown) => void = () => undefined;
  const client = createClient<ChangeApi>(
    ({ body }) => thread.postMessage(body),
    (heard) => {
      hear = heard;
    },
  );
  let ended: string | undefined;
  const lost = (message: string): void => {
    ended ??= message;
    hear({ type: 'stopped', error: { code: 'stopped', message } });
  };
  thread.on('message', (message: FromChanging) => {
    if ('defect' in message) {
      report(message.defect);
    } else {
      hear(message);
    }
  });
  thread.on('error', (error) => {
    report(stackOf(error));
    lost(`The thread that changes ${path} has crashed. ${String(error)}`);
  });
  thread.on('exit', (code) => lost(`The thread that changes ${path} has ended (exit code ${code}).`));
  return {
    call: async (method, argument, options) => {
      if (ended !== undefined) {
        throw new CallFailed({ code: 'stopped', message: ended });
      }
      return client.call(method, argument, options);
    },
    stop: async () => {
      await thread.terminate();
    },
  };
}
