/** What a host cluster is known to be: four bits a cluster. */
export const hostKinds = {
  /** Refcount 0, and no reference is known. */
  free: 0,
  header: 1,
  l1Table: 2,
  l2Table: 3,
  refcountTable: 4,
  refcountBlock: 5,
  snapshotTable: 6,
  bitmap: 7,
  luks: 8,
  data: 9,
  compressed: 10,
  /** Data with more than one reference. */
  shared: 11,
  /** Refcount not 0, and nothing refers to it. */
  leaked: 12,
  /** Refcount not 0, references not known. */
  refcounted: 13,
  /** Its refcount can't be read, and no reference is known. */
  unknown: 14,
} as const;

/** One of `hostKinds`. */
export type HostKind = (typeof hostKinds)[keyof typeof hostKinds];
