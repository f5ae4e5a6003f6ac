import { parentPort, workerData } from 'node:worker_threads';
import type { CreateRequest, FromCreating } from './createThread.ts';
import { makeImageFile } from './newImageFile.ts';
import { callError, progressOf } from './server.ts';

/** The thread that makes one image, and ends. */
async function main(port: NonNullable<typeof parentPort>, request: CreateRequest): Promise<void> {
  const send = (message: FromCreating): void => port.postMessage(message);
  const abort = new AbortController();
  port.on('message', () => abort.abort());
  try {
    await makeImageFile(
      request,
      progressOf(abort.signal, (done, total) => send({ done, total })),
    );
    send({ made: true });
  } catch (error) {
    send({ error: callError(error) });
  } finally {
    port.close();
  }
}

if (parentPort === null) {
  throw new Error('This file is not started as a thread');
}
void main(parentPort, workerData as CreateRequest);
