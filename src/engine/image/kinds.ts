import { subclusterKinds } from '../format/l2.ts';

/**
 * What a unit of the guest's disk is: QEMU's kinds of subclusters (a cluster without extended L2 entries is one), or
 * `unreadable` where its entry can't be read. `invalid`: QEMU answers a read with an input/output error.
 */
export const extentKinds = { ...subclusterKinds, unreadable: 7 } as const;

/** One of `extentKinds`. */
export type ExtentKind = (typeof extentKinds)[keyof typeof extentKinds];

/** What a guest range is in this image alone; with a backing file, `unallocated` comes from there. */
export type GuestKind = 'data' | 'compressed' | 'zero-allocated' | 'zero-plain' | 'unallocated' | 'wrong';

/** By `ExtentKind`. */
const guestKinds = [
  'unallocated',
  'unallocated',
  'zero-plain',
  'zero-allocated',
  'data',
  'compressed',
  'wrong',
  'wrong',
] as const satisfies readonly GuestKind[];

/** The kind as shown to a person. */
export function guestKindOf(kind: ExtentKind): GuestKind {
  return guestKinds[kind];
}

/** Whether a unit of the kind has a place in the host file: data, compressed, and allocated ones that read otherwise. */
export function hasHost(kind: ExtentKind): boolean {
  return (
    kind === extentKinds.normal ||
    kind === extentKinds.compressed ||
    kind === extentKinds.zeroAllocated ||
    kind === extentKinds.unallocatedAllocated
  );
}
