import type { ChangePlan, NoBytes, WriteBytes } from './changeApi.ts';
import { decode } from './codec.ts';

/** How far a change is. */
export type ChangeStage =
  | { readonly stage: 'planning'; readonly part?: number }
  /** It can't be planned: all reasons. `interrupted`: a change before it was, and has to be rolled back first. */
  | { readonly stage: 'refused'; readonly reasons: readonly string[]; readonly interrupted: boolean }
  /** The plan waits for the user's word. */
  | { readonly stage: 'planned' }
  /** Before `total` is known, the journal is written. */
  | { readonly stage: 'applying'; readonly done: number; readonly total: number; readonly cancelling: boolean }
  /** `undo`: it can be undone. `again`: what was rolled back can be planned again. */
  | { readonly stage: 'done'; readonly undo: boolean; readonly again: boolean }
  /** `asBefore`: the image is as it was before. */
  | { readonly stage: 'failed'; readonly reason: string; readonly cancelled: boolean; readonly asBefore: boolean };

/** From the preview's page to the extension host. */
export type FromPreview =
  /** Listens, and wants to know all. */
  | { readonly type: 'ready' }
  | { readonly type: 'apply' }
  /** Stop planning, or roll back what is being applied. */
  | { readonly type: 'cancel' }
  | { readonly type: 'close' }
  /** Plan the same once more; after a roll back, what was rolled back. */
  | { readonly type: 'plan-again' }
  /** Plan to roll back what was done, or was interrupted. */
  | { readonly type: 'roll-back' }
  /** Ask the user for another place of the journal. */
  | { readonly type: 'choose-journal' }
  | { readonly type: 'bytes'; readonly step: number; readonly write: number }
  /** An error of the page, for the log. */
  | { readonly type: 'error'; readonly message: string };

/** From the extension host to the preview's page. A `body` is as `encode` writes it. */
export type ToPreview =
  /** A `ChangePlan`; null when there is none (any more). */
  | { readonly type: 'plan'; readonly body: string }
  /** A `ChangeStage`. */
  | { readonly type: 'stage'; readonly body: string }
  /** `WriteBytes` that were asked for, or `NoBytes`. */
  | { readonly type: 'bytes'; readonly body: string };

const plain = ['ready', 'apply', 'cancel', 'close', 'plan-again', 'roll-back', 'choose-journal'] as const;

/** The message of a preview's page, or undefined when it is none of ours. */
export function fromPreview(message: unknown): FromPreview | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) {
    return undefined;
  }
  const { type } = message;
  if (type === 'error' && 'message' in message) {
    return { type, message: String(message.message) };
  }
  if (type === 'bytes' && 'step' in message && 'write' in message) {
    const { step, write } = message;
    return typeof step === 'number' && typeof write === 'number' ? { type, step, write } : undefined;
  }
  const known = plain.find((one) => one === type);
  return known && { type: known };
}

/** What a message of the host tells the page; undefined for one that is none of ours. */
export function toPreview(
  message: unknown,
):
  | { readonly plan: ChangePlan | null }
  | { readonly stage: ChangeStage }
  | { readonly bytes: WriteBytes | NoBytes }
  | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('body' in message)) {
    return undefined;
  }
  // Written by our own host: both ends are built together.
  const value = decode(String(message.body));
  switch (message.type) {
    case 'plan':
      return { plan: value as ChangePlan | null };
    case 'stage':
      return { stage: value as ChangeStage };
    case 'bytes':
      return { bytes: value as WriteBytes | NoBytes };
    default:
      return undefined;
  }
}
