import type { GuestMapKind } from './mapApi.ts';

/** The files that an image is based on: what it names, and once the user has said so, what they are. */
export interface ChainApi {
  /** What is known of the chain. Opens nothing that the user has not opened before. */
  chain(): ChainPicture;
  /**
   * Opens the chain, by the user's word, until `closeChain` or the end of the worker: regular files by plain path,
   * read-only, at most 64. An error (`not-allowed`) where the workspace is not trusted.
   */
  openChain(request: OpenChainRequest): ChainPicture;
  /** Closes the chain. */
  closeChain(): ChainPicture;
  /** Which file of the open chain has a byte of the guest's disk; `source` is absent where the chain is not open. */
  guestSource(request: GuestSourceRequest): { readonly source?: GuestSource };
}

/** A guest offset in bytes, of the active layer or of a snapshot. */
export interface GuestSourceRequest {
  readonly guest: bigint;
  readonly snapshot?: number;
}

/** Where a byte of the guest's disk comes from. */
export interface GuestSource {
  readonly kind: GuestMapKind;
  /** Of the file that tells of it: 0 for the image itself. */
  readonly depth: number;
  /** Path of that file. */
  readonly path: string;
  /** Offset in that file, or in its data file, where the byte lies there as the guest sees it. */
  readonly host?: bigint;
}

/** How a chain is opened. */
export interface OpenChainRequest {
  /** Whether the format of a file may be guessed from its first bytes where no image says it, as QEMU does. */
  readonly guess: boolean;
}

/** What keeps a chain from being opened. */
export type ChainBlock =
  /** The user does not trust the folder (Restricted Mode). */
  | 'untrusted'
  /** The image is in a virtual file system. */
  | 'virtual';

/** The user's word that the files of a chain may be opened: kept by the host as long as the image is open. */
export interface Consent {
  /** What the image named when the user was asked: other names need another word. */
  readonly names: string;
  readonly guess: boolean;
}

/** What is known of the files that an image is based on. */
export interface ChainPicture {
  /** Another number whenever a part of the guest's disk may be told to come from somewhere else. */
  readonly generation: number;
  /** Why the chain can't be opened, whatever the user says to it; absent where it can. */
  readonly blocked?: ChainBlock;
  /** Whether the chain was opened; then each file has what was found. */
  readonly open: boolean;
  /** Whether it was opened with `OpenChainRequest.guess`. */
  readonly guess: boolean;
  /** From the image itself down. The last one may be a file that is not open. */
  readonly files: readonly ChainFile[];
}

/** What became of a file that an image names. */
export type ChainFileState =
  /** It is open. */
  | 'open'
  /** It was not asked to be opened yet, or may not be. */
  | 'not-opened'
  /** Its name is one that is never followed: `json:`, a protocol, a device. */
  | 'refused-name'
  /** There is no such file. */
  | 'missing'
  /** It can't be opened. */
  | 'failed'
  /** It is in the chain already: QEMU refuses such a chain. */
  | 'loop'
  /** The chain has more than 64 files. */
  | 'too-deep'
  /** Nobody says what format it has, and it was not to be guessed. */
  | 'no-format'
  /** Its format is neither qcow2 nor raw. */
  | 'unknown-format';

/** A file that is named, and what is known of it. */
export interface NamedFile {
  /** As in the image that names it; the path of the image itself. Undefined for a data file that is not named. */
  readonly name: string | undefined;
  readonly state: ChainFileState;
  /** Why it is not open, as the system or the engine says it. */
  readonly message?: string;
  /** The path that the name stands for, spelt as QEMU spells it; absent where it is none. */
  readonly path?: string;
  /** Bytes of the file, once it is open. */
  readonly fileSize?: bigint;
  /** Bytes that it takes on its disk, where the system tells. */
  readonly allocated?: bigint;
}

/** A file of a backing chain. */
export interface ChainFile extends NamedFile {
  /** 0 for the image itself. */
  readonly depth: number;
  /** As it was opened; before that, as the image above names it. Absent where nobody says it. */
  readonly format?: string;
  /** How the format is known; `named` by the image above, `probed` where it is guessed from the file's first bytes. */
  readonly formatSource?: 'given' | 'named' | 'probed';
  /** Bytes of the disk in it, once it is open. */
  readonly virtualSize?: bigint;
  /** QEMU's message where it refuses to open this file. */
  readonly qemuRefusal?: string;
  /** What the file is, where it is not the qcow2 image that it is named as. */
  readonly says?: string;
  /** The external data file of this image. */
  readonly dataFile?: ChainDataFile;
}

/** An external data file. */
export interface ChainDataFile extends NamedFile {
  /** Whether it alone is a valid raw image. */
  readonly raw: boolean;
}

/** A file of a chain other than the image: the backing file at a depth, or the data file of the image at a depth. */
export interface ChainPlace {
  readonly depth: number;
  readonly role: 'backing' | 'data-file';
}

/** The file at a place of a chain, if there is one. */
export function fileAt({ files }: ChainPicture, { depth, role }: ChainPlace): NamedFile | undefined {
  const file = files.find((one) => one.depth === depth);
  return role === 'data-file' ? file?.dataFile : depth > 0 ? file : undefined;
}
