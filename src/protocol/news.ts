import type { JournalState } from './changeApi.ts';

/** What is known of a file besides its content: the worker tells all of it whenever a part of it changes. */
export interface FileNews {
  /** Another number each time that the image was opened: what a view has read before belongs to an older one. */
  readonly opened: number;
  /** Why it was opened the last time. */
  readonly cause: OpenCause;
  /** When it was opened the last time: milliseconds since 1970. */
  readonly openedAt: number;
  readonly file: FileState;
  /** True when changes are not read by themselves for now, by the user's word. */
  readonly paused: boolean;
  readonly locks: Locks;
  readonly journal: JournalNews;
}

/** What is known of changes of the image: its journal, or that this window is changing it right now. */
export type JournalNews = JournalState | { readonly state: 'running' };

/** Why an image was opened: for the first time, because its file has changed, or by the user's word. */
export type OpenCause = 'first' | 'changed' | 'asked';

/** How the file on the disk compares with what was read. `at`: milliseconds since 1970. */
export type FileState =
  /** As it was read, as far as the system's dates tell. */
  | { readonly state: 'same' }
  /** Changed since, and not read again yet. */
  | { readonly state: 'changed'; readonly at: number }
  /** Changing again and again: it is read every few seconds. */
  | { readonly state: 'changing'; readonly at: number }
  /** Gone, or no longer to be read; the message says why. What was read before is still there. */
  | { readonly state: 'lost'; readonly at: number; readonly message: string }
  /** The user wants no watch. */
  | { readonly state: 'unwatched' };

/** Who holds an image by QEMU's locks. */
export type Locks =
  /** Not asked yet. */
  | { readonly state: 'waiting' }
  /** Nobody has a lock on it. */
  | { readonly state: 'free' }
  | {
      readonly state: 'held';
      readonly holders: readonly LockHolder[];
      /** Locks whose process can't be seen from here: another user's, or in another container. */
      readonly unseen: LockUse | undefined;
    }
  /** This system does not tell; the message says why. */
  | { readonly state: 'unknown'; readonly message: string };

/** What the holder of locks may do with the image. */
export type LockUse = 'writes' | 'reads' | 'other';

/** A process that holds an image. */
export interface LockHolder {
  readonly pid: number;
  /** The name of its program, as the system has it. */
  readonly name: string;
  /** `other`: its locks are none of QEMU's. */
  readonly use: LockUse;
}

/** The news in a message that the host passes on; undefined when it is another message. */
export function newsOf(message: unknown): FileNews | undefined {
  const own = typeof message === 'object' && message !== null && 'type' in message && 'news' in message;
  // Written by our own worker: both ends are built together.
  return own && message.type === 'news' ? (message.news as FileNews) : undefined;
}
