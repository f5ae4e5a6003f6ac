import { parentPort, workerData } from 'node:worker_threads';
import type { Preview } from '../engine/change/preview.ts';
import { journalState } from '../engine/change/recovery.ts';
import { Qcow2Error } from '../engine/error.ts';
import { journalBeside } from '../platform/journalFile.ts';
import type { Request } from '../protocol/api.ts';
import type { ChangeApi } from '../protocol/changeApi.ts';
import { decode, encode } from '../protocol/codec.ts';
import { changePlan } from './changePlan.ts';
import type { FromChanging } from './changeThread.ts';
import { type PlannedChange, planChange } from './plannedChange.ts';
import { type Handlers, progressOf, serve } from './server.ts';

/** The methods of the thread that changes the image at `path`. */
function changeMethods(path: string): Handlers<ChangeApi> {
  let planned: PlannedChange | undefined;
  /** What was planned last: it is still shown after it was applied. */
  let shown: Preview | undefined;
  let applying = new AbortController();

  const requirePlanned = (): PlannedChange => {
    if (planned === undefined) {
      throw new Qcow2Error('not-found', 'Nothing is planned. Plan the change again.');
    }
    return planned;
  };
  const forget = async (): Promise<void> => {
    const before = planned;
    planned = undefined;
    await before?.close();
  };

  return {
    plan: async ({ request, journal }, { progress }) => {
      await forget();
      const place = journalBeside(path, journal);
      planned = await planChange(path, request, place, progress);
      shown = planned.preview;
      return changePlan(path, planned, place);
    },
    bytes: async ({ step, write }) => {
      const found = shown?.steps[step]?.writes[write];
      if (found === undefined) {
        throw new Qcow2Error('bad-argument', `The plan has no write ${write} in step ${step}.`);
      }
      return { step, write, before: found.before, after: found.after };
    },
    apply: async ({ keepUndo }, { report }) => {
      const change = requirePlanned();
      applying = new AbortController();
      try {
        // Half a roll back is worse than a whole one.
        const { signal } = change.rollsBack ? new AbortController() : applying;
        await change.apply(keepUndo, progressOf(signal, report));
      } finally {
        // Done, or for a file that is another one now.
        await forget();
      }
      return null;
    },
    cancelApply: async () => {
      applying.abort();
      return null;
    },
    journal: ({ journal }) => journalState(journalBeside(path, journal)),
  };
}

if (parentPort === null) {
  throw new Error('This file is not started as a thread');
}
const port = parentPort;
const send = (message: FromChanging): void => port.postMessage(message);
const methods = changeMethods(String(workerData));
const server = serve(
  async () => methods,
  (reply) => send({ type: 'reply', body: encode(reply) }),
  (defect) => send({ defect }),
);
// Written by our own client.
port.on('message', (body: string) => server.accept(decode(body) as Request));
