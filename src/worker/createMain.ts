import { randomBytes } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { create, planCreate } from '../engine/operations/create.ts';
import { newImage } from '../engine/operations/newImage.ts';
import { makeFile } from '../platform/newFile.ts';
import type { CreateRequest, FromCreating } from './createThread.ts';
import { callError, progressOf } from './server.ts';

/** The thread that makes one image, beside its path first, and ends. */
async function main(port: NonNullable<typeof parentPort>, { path, options }: CreateRequest): Promise<void> {
  const send = (message: FromCreating): void => port.postMessage(message);
  const abort = new AbortController();
  port.on('message', () => abort.abort());
  const progress = progressOf(abort.signal, (done, total) => send({ done, total }));
  const part = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const plan = planCreate(newImage(options));
    const file = await makeFile(part, { exclusive: true });
    try {
      await create(plan, file, undefined, progress);
    } finally {
      await file.close();
    }
    renameSync(part, path);
    send({ made: true });
  } catch (error) {
    rmSync(part, { force: true });
    send({ error: callError(error) });
  } finally {
    port.close();
  }
}

if (parentPort === null) {
  throw new Error('This file is not started as a thread');
}
void main(parentPort, workerData as CreateRequest);
