import { parentPort, workerData } from 'node:worker_threads';
import { openFile } from '../platform/fileStorage.ts';
import type { Request } from '../protocol/api.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { FromWorker, ToWorker } from '../protocol/messages.ts';
import { inspect } from './inspection.ts';
import { type Server, serve } from './server.ts';

/** The worker of one image: owns its file handle and answers the requests of all its views. */
function main(port: NonNullable<typeof parentPort>, path: string): void {
  const handlers = inspect(() => openFile(path));
  const send = (message: FromWorker): void => port.postMessage(message);
  const servers = new Map<number, Server>();

  const serverOf = (view: number): Server => {
    const known = servers.get(view);
    if (known !== undefined) {
      return known;
    }
    const server = serve(
      handlers,
      (reply) => send({ view, body: encode(reply) }),
      (defect) => send({ defect }),
    );
    servers.set(view, server);
    return server;
  };

  port.on('message', (message: ToWorker) => {
    if ('closed' in message) {
      servers.get(message.closed)?.close();
      servers.delete(message.closed);
    } else {
      // Written by our own client; the host has only passed it on.
      serverOf(message.view).accept(decode(message.body) as Request);
    }
  });
}

if (parentPort === null) {
  throw new Error('The worker is not started as a thread');
}
main(parentPort, (workerData as { readonly path: string }).path);
