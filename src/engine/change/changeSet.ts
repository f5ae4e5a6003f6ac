import type { ByteRange } from '../finding.ts';
import type { FileState } from '../ports.ts';

/** The unit that a disk writes whole: of a write that is cut off, each sector is either old or new. Bytes. */
export const sectorSize = 512;

/** Bytes that a change writes. */
export interface ByteWrite {
  /** The structure that they belong to, as a chain: `header`, `L1 table`, `refcount block[0]`. */
  readonly structure: string;
  /** Host offset in bytes. */
  readonly at: bigint;
  /** What will be there. */
  readonly bytes: Uint8Array;
}

/**
 * Writes that may reach the disk in any order. Before the next step everything is flushed. After every prefix of the
 * steps, and any subset of the sectors of the next one, the image opens, its guest data is what it was or is about to
 * be, and at worst clusters are leaked.
 */
export interface Step {
  /** What it does, in words for a person. */
  readonly says: string;
  /** Writes held in memory, ascending, none of which overlap. Sectors may be in those of other steps too. */
  readonly edits: readonly ByteWrite[];
  /**
   * More writes than memory should hold: whole sectors, ascending, of about 64 KiB each, none of them written by any
   * other step. They are the same each time until the step is applied; meanwhile, what is still to come is.
   */
  readonly stream?: Stream;
  /** Blocks that the file is given past its end, before anything of the step is written. */
  readonly allocation?: Allocation;
  /** Bytes that the file has after the step, where that is not as the writes leave it. */
  readonly fileSize?: bigint;
}

/** A range of bytes, past the end of the file, for which the file system is to give blocks: they read as zeros. */
export interface Allocation {
  readonly at: bigint;
  readonly length: bigint;
  /** By writing zeros there. */
  readonly written: boolean;
}

/** What becomes of an image's external data file. Where that can be undone, the journal has its lengths and what is cut off. */
export interface DataFileChange {
  /** Bytes: it is made so long before the image changes, if it is shorter. */
  readonly size: bigint;
  /** What the blocks get by which it is made longer. */
  readonly blocks: 'sparse' | 'allocated' | 'written';
  /** Whether it is cut to that length, if it is longer: when all else is done. */
  readonly cut: boolean;
}

/** A sequence of writes that is made anew each time. */
export type Stream = () => AsyncIterable<ByteWrite>;

/** A change of an image as data: what `apply` does, what the preview shows, and what the journal can take back. */
export interface ChangeSet {
  /** `Upgrade to compat 1.1`. */
  readonly title: string;
  readonly steps: readonly Step[];
  /** What the user should know before: what is lost, what will not be as it was. Sentences. */
  readonly cautions: readonly string[];
  /**
   * Where the format has no safe order of writes: `corrupt-bit`, the first step sets it, so that QEMU does not write
   * meanwhile; `journal`, only the journal protects. Undefined: every moment of the change leaves a good image.
   */
  readonly protection?: 'corrupt-bit' | 'journal';
  /** Of images with an external data file, where something becomes of it. */
  readonly dataFile?: DataFileChange;
  /**
   * Ranges of the file that nothing refers to any more when the change is complete: their blocks go back to the file
   * system, unless the change may be undone.
   */
  readonly freed?: () => Iterable<ByteRange>;
  /** The file that it was planned for. */
  readonly from: FileState;
}

/** Whether a change leaves all bytes as they are. */
export function isEmpty({ steps, dataFile }: ChangeSet): boolean {
  return steps.length === 0 && dataFile === undefined;
}
