import type { ByteRange } from '../engine/finding.ts';
import type { ByteRun } from '../engine/image/byteRuns.ts';
import type { StructureSpan } from '../engine/image/structureSpans.ts';
import type { MapSpace, RangeRequest } from './mapApi.ts';

export type { ByteKind, ByteRun } from '../engine/image/byteRuns.ts';
export type { StructureKind, StructurePart, StructureSpan } from '../engine/image/structureSpans.ts';

/** The bytes of the file and of the guest's disk. */
export interface HexApi {
  /**
   * The bytes of a range of at most 1 MiB, cut at the end of the space. Reads them, the L2 entries that lead there, and
   * compressed clusters as a whole; nothing else. A start past the end is an error (`bad-argument`).
   */
  bytes(request: RangeRequest): BytePage;
  /** The structures in a range of the file, of those whose places opening tells. Reads nothing. */
  structures(request: FileRange): StructureSpan[];
  /**
   * The structures in a range of the file whose places other tables tell: refcount blocks, L2 tables, snapshot table,
   * bitmap directory and tables. The first call reads what leads there (not the L2 tables themselves), with progress.
   */
  tableStructures(request: FileRange): StructureSpan[];
  /** Looks for bytes from a place on, over the end, and back to it. Reports progress. */
  findBytes(request: FindRequest): FindResult;
  /** The next run of stored bytes after a place, or the one before it: over holes and what reads as zeros. */
  storedRun(request: StoredRequest): ByteRange | undefined;
  /**
   * Writes the bytes of a range to a new file, never to the image. Reports progress; nothing is left where it fails or is
   * cancelled. Only the host may ask for it (`hostMethods`), since it asks the user.
   */
  saveBytes(request: SaveRequest): SaveResult;
}

/** Methods that a page may not call: they write or open files, which the host asks the user for. */
export const hostMethods = ['saveBytes', 'guestDisks', 'saveGuestDisk', 'compareMetadata', 'copyMetadata'] as const;

/** A range of the file. At most 1 MiB. */
export interface FileRange {
  /** Host offset in bytes. */
  readonly start: bigint;
  /** Bytes. */
  readonly length: bigint;
}

/** Bytes with what they are. */
export interface BytePage {
  readonly start: bigint;
  /** Those of unknown kinds are 0 here, and must not be shown. */
  readonly bytes: Uint8Array;
  /** In order and without a gap. */
  readonly runs: readonly ByteRun[];
  /** Bytes of the whole space. */
  readonly size: bigint;
}

/** What is looked for, and from where on. */
export type FindRequest = MapSpace & {
  /** 1 to 256 bytes. */
  readonly needle: Uint8Array;
  /** `next`: the first one that starts at or after it. `previous`: the last one that starts before it. */
  readonly from: bigint;
  readonly direction: 'next' | 'previous';
};

/** From where on stored bytes are looked for. */
export type StoredRequest = MapSpace & {
  /** `next`: the first run that starts after it. `previous`: the last one that starts before it. */
  readonly from: bigint;
  readonly direction: 'next' | 'previous';
};

/** Where it was found. */
export interface FindResult {
  /** Offset of its first byte; absent where there is none. */
  readonly at?: bigint;
  /** It was looked for over the end of the space, from the other end on. */
  readonly wrapped: boolean;
  /** Bytes that were gone through and are not known: not opened, or not readable. */
  readonly unknown: bigint;
}

/** Bytes of a range into a new file. */
export interface SaveRequest {
  readonly range: RangeRequest;
  /** Path of the file; one that is there is replaced once all is written. */
  readonly path: string;
}

/** What was saved. */
export interface SaveResult {
  /** Bytes written. */
  readonly bytes: bigint;
  /** Bytes of them that are not known, and were written as zeros. */
  readonly unknown: bigint;
}
