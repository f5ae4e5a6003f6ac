import type { Progress } from '../ports.ts';

/** What bytes of a file or of a guest's disk are, so that none is taken for what it is not. */
export type ByteKind =
  /** Stored as they are. */
  | 'data'
  /** Stored, and encrypted: what is read is ciphertext. */
  | 'encrypted'
  /** Stored compressed; what is read is decompressed. */
  | 'compressed'
  /** Said to read as zeros; not read from anywhere. */
  | 'zero'
  /** Not allocated, and there is no backing file: reads as zeros. */
  | 'unallocated'
  /** A hole of the file: reads as zeros. */
  | 'hole'
  /** Comes from the backing file, which is not opened. */
  | 'backing'
  /** Stored in the backing file. */
  | 'backing-data'
  /** The backing file says that they read as zeros, or ends before. */
  | 'backing-zero'
  /** In the external data file, which is not opened. */
  | 'data-file'
  /** The table entry breaks a rule of the format: QEMU answers with an input/output error. */
  | 'wrong'
  /** The system failed to read them, or the table that leads there. */
  | 'unreadable'
  /** The compressed cluster does not decompress. */
  | 'broken';

/** A run of bytes of one kind in a buffer. */
export interface ByteRun {
  /** Byte of the buffer at which it starts. */
  readonly from: number;
  /** Byte after its end. */
  readonly to: number;
  readonly kind: ByteKind;
  /** Host offset in bytes of the first byte; of compressed ones, of the first byte of the compressed data. */
  readonly host?: bigint;
  /** What is wrong, and where. */
  readonly why?: string;
}

/** Kinds whose bytes are not known: what the buffer has there is no data. */
const unknownKinds: ReadonlySet<ByteKind> = new Set(['backing', 'data-file', 'wrong', 'unreadable', 'broken']);
/** Kinds that read as zeros without being stored. */
const zeroKinds: ReadonlySet<ByteKind> = new Set(['zero', 'unallocated', 'hole', 'backing-zero']);

/** How bytes of a kind can be found: in what is stored, as zeros, or not at all. */
export function natureOf(kind: ByteKind): Stretch['nature'] {
  return unknownKinds.has(kind) ? 'unknown' : zeroKinds.has(kind) ? 'zeros' : 'stored';
}

/** A part of a file or disk, as far as its bytes matter to a search. Offsets in bytes. */
export interface Stretch {
  readonly from: bigint;
  readonly to: bigint;
  readonly nature: 'stored' | 'zeros' | 'unknown';
}

/** Bytes that can be read, with what they are: a file's, or a guest disk's. */
export interface ByteSource {
  /** Bytes. */
  readonly size: bigint;
  /**
   * Fills `into` from `at` on, which must all lie within the size, and returns its runs in order and without a gap.
   * Bytes that are not known are 0 in `into`. Never throws for what is in the file.
   */
  read(at: bigint, into: Uint8Array): Promise<ByteRun[]>;
  /**
   * The stretches from `from` on, in order and without a gap, up to `to` or as many as are found in one go: at least
   * one. Reads no more than tables.
   */
  stretches(from: bigint, to: bigint, progress: Progress): Promise<Stretch[]>;
}

/** Most stretches that are gathered in one go. */
export const mostStretches = 4096;

/** Adds a stretch to a list, joined with the last one where they are alike. */
export function addStretch(list: Stretch[], next: Stretch): void {
  const last = list.at(-1);
  if (last && last.nature === next.nature && last.to === next.from) {
    list[list.length - 1] = { ...last, to: next.to };
  } else if (next.to > next.from) {
    list.push(next);
  }
}

/** Adds a run to a list, joined with the last one where they are alike and adjacent in the file. */
export function addRun(list: ByteRun[], next: ByteRun): void {
  const last = list.at(-1);
  const follows =
    last &&
    last.kind === next.kind &&
    last.why === next.why &&
    last.kind !== 'compressed' &&
    (last.host === undefined ? next.host === undefined : next.host === last.host + BigInt(last.to - last.from));
  if (follows) {
    list[list.length - 1] = { ...last, to: next.to };
  } else if (next.to > next.from) {
    list.push(next);
  }
}
