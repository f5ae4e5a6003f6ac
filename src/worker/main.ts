import { parentPort, workerData } from 'node:worker_threads';
import { fileGate } from '../platform/gate.ts';
import type { Request } from '../protocol/api.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { FromWorker, ToWorker, WorkerStart } from '../protocol/messages.ts';
import { FileAccess } from './fileAccess.ts';
import { fileSource } from './fileSource.ts';
import { type LiveEvents, LiveImage } from './liveImage.ts';
import { forPages, type Server, serve } from './server.ts';
import { VirtualSource } from './virtualSource.ts';

/** The worker of one image: owns its file handle and answers the requests of all its views. */
function main(port: NonNullable<typeof parentPort>, start: WorkerStart): void {
  const { path, virtual, settings, changing } = start;
  const send = (message: FromWorker): void => port.postMessage(message);
  const servers = new Map<number, Server>();
  const virtualSource = virtual ? new VirtualSource(path, send) : undefined;
  const access = new FileAccess(start, fileGate, (consent) => send({ consent }));
  const events: LiveEvents = {
    news: (news) => send({ news }),
    reopened: () => {
      for (const server of servers.values()) {
        server.close();
      }
    },
    busy: () => [...servers.values()].some((server) => server.busy),
  };
  const image = new LiveImage(virtualSource ?? fileSource(path), events, access);
  image.configure(settings);
  image.changing(changing);

  const serverOf = (view: number, from: 'page' | 'host'): Server => {
    const known = servers.get(view);
    if (known !== undefined) {
      return known;
    }
    const server = serve(
      async () => (from === 'host' ? image.handlers() : forPages(await image.handlers())),
      (reply) => send({ view, body: encode(reply) }),
      (defect) => send({ defect }),
    );
    servers.set(view, server);
    // Before its first reply, so that the view knows which opening that is about.
    if (image.news.opened > 0) {
      send({ news: image.news, view });
    }
    return server;
  };

  port.on('message', (message: ToWorker) => {
    if ('body' in message) {
      // Written by our own client; the host has only passed it on.
      serverOf(message.view, message.from).accept(decode(message.body) as Request);
    } else if ('closed' in message) {
      servers.get(message.closed)?.close();
      servers.delete(message.closed);
    } else if ('reload' in message) {
      void image.reload();
    } else if ('paused' in message) {
      image.pause(message.paused);
    } else if ('trusted' in message) {
      access.trust(message.trusted);
    } else if ('changing' in message) {
      image.changing(message.changing);
    } else if ('forget' in message) {
      access.forbid();
    } else if ('settings' in message) {
      image.configure(message.settings);
    } else {
      virtualSource?.hear(message);
    }
  });
}

if (parentPort === null) {
  throw new Error('The worker is not started as a thread');
}
main(parentPort, workerData as WorkerStart);
