import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { FromWebview, ToWebview } from '../../src/protocol/messages.ts';
import type { HostOf } from '../webview/page.ts';

const worker = fileURLToPath(new URL('../../dist/worker.js', import.meta.url));

/** What reading an image cost the process that plays the extension host. */
export interface HostCost {
  /** Milliseconds of the longest passing on of a message, the one that starts the thread among them. */
  readonly longest: number;
  /** The same by the processor's time: what it is where nothing else runs. */
  readonly longestWork: number;
  /** How many were passed on. */
  readonly messages: number;
  /** Milliseconds that its event loop was kept at most, by whatever it was, other processes among them. */
  readonly blocked: number;
  /** Bytes that the process held at most, above what it held before the thread was started. */
  readonly memory: number;
  /** Bytes that it held at most. */
  readonly whole: number;
}

/** To the process: what a page posts, or the question what it all cost. */
export type ToHost = FromWebview | 'cost';

/** From the process. */
export type FromHost = { readonly post: ToWebview } | { readonly cost: HostCost } | { readonly defect: string };

/** A process that plays the extension host. */
export interface Host {
  /** Stands behind a page. */
  readonly of: HostOf;
  /** What it has cost up to now. */
  cost(): Promise<HostCost>;
  /** Ends the process. Throws what went wrong in it. */
  close(): Promise<void>;
}

/** Bundles the process as the extension is bundled, into `folder`; returns the file. */
export async function buildHost(folder: string): Promise<string> {
  const outfile = join(folder, 'host.cjs');
  await build({
    entryPoints: [fileURLToPath(new URL('hostProcess.ts', import.meta.url))],
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    outfile,
  });
  return outfile;
}

/** Starts the process of `buildHost` for an image. */
export function startHost(file: string, image: string): Host {
  const child = fork(file, [worker, image], { execArgv: [] });
  const defects: string[] = [];
  let post: (message: ToWebview) => void = () => undefined;
  let tell: (cost: HostCost) => void = () => undefined;
  const ended = once(child, 'exit');
  child.on('message', (message: FromHost) => {
    if ('post' in message) {
      post(message.post);
    } else if ('cost' in message) {
      tell(message.cost);
    } else {
      defects.push(message.defect);
    }
  });
  return {
    of: (toPage) => {
      post = toPage;
      return (body) => send(child, { type: 'request', body });
    },
    cost: () => {
      const { promise, resolve, reject } = Promise.withResolvers<HostCost>();
      tell = resolve;
      child.once('exit', (code, signal) => reject(new Error(`${file} ended with ${signal ?? code}`)));
      send(child, 'cost');
      return promise;
    },
    close: async () => {
      child.disconnect();
      await ended;
      if (defects.length > 0) {
        throw new Error(defects.join('\n'));
      }
    },
  };
}

function send(child: ChildProcess, message: ToHost): void {
  child.send(message);
}
