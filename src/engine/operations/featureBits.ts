import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { requireChangeable } from '../change/refusals.ts';
import { Qcow2Error } from '../error.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Storage } from '../ports.ts';

/** The incompatible feature bits that say in what state an image is. */
export const stateBits = { dirty: 1n, corrupt: 2n } as const;

/** One of them. */
export type StateBit = keyof typeof stateBits;

/** What becomes of the bits; those that are left out stay. */
export type BitChange = Readonly<Partial<Record<StateBit, boolean>>>;

/** What a user should know before. */
const cautions: Readonly<Record<StateBit, { readonly set: string; readonly cleared: string }>> = {
  dirty: {
    set: 'With the dirty bit, whoever opens the image for writing rebuilds its refcounts first, which frees what nothing refers to.',
    cleared:
      'Without the dirty bit the refcounts are believed. If they are stale, clusters in use are taken for new data, and what is in them is lost. Clear it only if a check finds nothing wrong.',
  },
  corrupt: {
    set: 'With the corrupt bit, nobody opens the image for writing before it is repaired.',
    cleared:
      'Without the corrupt bit the image is written to again, and what was found wrong is still there: writing may destroy more. Clear it only if a check finds nothing wrong.',
  },
};

/** What setting or clearing bits means, a sentence each. */
export function bitCautions(change: BitChange): string[] {
  return bitsIn(change).map(([bit, on]) => (on ? cautions[bit].set : cautions[bit].cleared));
}

/**
 * Plans to set or clear the dirty and the corrupt bit in the header, and nothing else. Throws `refused` for compat 0.10,
 * which has no such bits, and for an image that can't be opened.
 */
export async function planFeatureBits(
  image: Image,
  storage: Storage,
  from: FileState,
  change: BitChange,
): Promise<ChangeSet> {
  requireChangeable(image, { clusters: false, corrupt: true });
  const { version = 0, incompatible_features: before = 0n } = image.header ?? {};
  if (version < 3) {
    throw new Qcow2Error(
      'refused',
      'The image is not changed. It is of compat 0.10, which has no dirty bit and no corrupt bit.',
    );
  }
  const draft = new Draft(storage);
  let after = before;
  for (const [bit, on] of bitsIn(change)) {
    after = on ? after | stateBits[bit] : after & ~stateBits[bit];
  }
  for (const caution of bitCautions(change)) {
    draft.caution(caution);
  }
  const says = bitsIn(change).map(([bit, on]) => `${on ? 'set' : 'clear'} the ${bit} bit`);
  const title = says.join(', ').replace(/^./, (first) => first.toUpperCase());
  await changeHeader(draft, { fields: { incompatible_features: after } }, title);
  return draft.changeSet(title, from);
}

function bitsIn({ dirty, corrupt }: BitChange): (readonly [StateBit, boolean])[] {
  return [
    ...(dirty === undefined ? [] : [['dirty', dirty] as const]),
    ...(corrupt === undefined ? [] : [['corrupt', corrupt] as const]),
  ];
}
