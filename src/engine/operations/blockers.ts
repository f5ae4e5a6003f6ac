import { Qcow2Error } from '../error.ts';

/** A reason why an image can't be changed as it is wanted. */
export interface Blocker {
  /** A sentence: what stands in the way, and where. */
  readonly says: string;
  /** What qemu-img says of it, where it says something. */
  readonly qemu?: string | undefined;
}

/**
 * Throws `refused` if there are blockers: all of them in the message, a line each if there are several. The error has
 * qemu-img's words for the first one.
 */
export function refuseIfBlocked(blockers: readonly Blocker[]): void {
  const [first, ...others] = blockers;
  if (!first) {
    return;
  }
  const list = blockers.map(({ says }) => `- ${says}`).join('\n');
  throw new Qcow2Error(
    'refused',
    others.length === 0
      ? `The image is not changed. ${first.says}`
      : `The image is not changed. ${blockers.length} things stand in the way:\n${list}`,
    first.qemu === undefined ? {} : { qemu: first.qemu },
  );
}
