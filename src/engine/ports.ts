/** What the engine needs from the world around it. `platform/` has the Node versions; tests have their own. */

/** A run of bytes of a host file: where data may lie, or a hole. */
export interface HostExtent {
  /** Host offset in bytes. */
  readonly offset: bigint;
  /** Length in bytes. */
  readonly length: bigint;
  /** False for a hole, which reads as zeros. */
  readonly data: boolean;
}

/** The bytes of a host file or block device. Never written through this interface. */
export interface Storage {
  /** Length in bytes when it was opened; exact above 2^53. */
  readonly size: bigint;
  /** The same for every name of one file (device and inode), where the system tells; to find loops. */
  readonly identity?: string;
  /** True for a block device, which can be made neither longer nor shorter. */
  readonly fixedSize?: boolean;
  /** Bytes that the file takes on its disk, where the system says so (st_blocks * 512). */
  readonly allocated?: bigint;
  /**
   * Reads `into.length` bytes at host offset `at` (bytes) and returns how many there were: fewer only at the end of
   * the file. Throws a `Qcow2Error` with code `read-failed` when the system reports an error.
   */
  read(at: bigint, into: Uint8Array): Promise<number>;
  /**
   * The data and holes of the file from `from` to `to` (host offsets in bytes), in order and without a gap. Absent
   * where the system can't tell: then every byte counts as data.
   */
  extents?(from: bigint, to: bigint): Iterable<HostExtent>;
  /** Gives the file handle back. The storage can't be used afterwards. */
  close(): Promise<void>;
}

/** A file whose bytes are changed in place. */
export interface WritableStorage extends Storage {
  /** Writes at a host offset in bytes; the file grows as needed. Throws `write-failed` with the system's code. */
  write(at: bigint, bytes: Uint8Array): Promise<void>;
  /** Cuts the file, or makes it longer by a hole. In bytes. A device keeps its size, and is refused a larger one. */
  resize(size: bigint): Promise<void>;
  /** Waits until everything that was written is on the disk. */
  flush(): Promise<void>;
}

/** By what it is told that nobody else has written to a file. */
export interface FileState {
  /** Device and inode. */
  readonly identity: string;
  /** Bytes. */
  readonly size: bigint;
  /** Times of the last change of content (mtime) and of anything (ctime), in nanoseconds since 1970. */
  readonly modified: bigint;
  readonly changed: bigint;
}

/** An image's file that is opened to be changed. */
export interface ImageStorage extends WritableStorage {
  /** The file as it is now. */
  state(): Promise<FileState>;
  /** As `NewFile.allocate`; absent where blocks can't be allocated. */
  allocate?(at: bigint, length: bigint, written: boolean, progress: Progress): Promise<void>;
  /**
   * Gives the blocks of a range of bytes, which are of no worth any more, back to the file system, where that can be done:
   * they read as zeros then. Else nothing happens, and nothing is lost by it.
   */
  discard?(at: bigint, length: bigint): Promise<void>;
  /** Bytes that can still be written on its file system, where the system tells. */
  free?(): Promise<bigint>;
}

/** Where the rollback journal of an image lies. */
export interface JournalPlace {
  /** For messages. */
  readonly path: string;
  /** Makes an empty journal, which does not have its name yet. */
  create(): Promise<WritableStorage>;
  /** Gives the new journal its name, in place of one that is there, so that a power cut finds one or the other. */
  publish(): Promise<void>;
  /** The journal that is there, if there is one. */
  open(): Promise<WritableStorage | undefined>;
  /** Takes away a new journal that was not published, and, with `published`, also the one that was. */
  remove(published: boolean): Promise<void>;
}

/** Decompression of one cluster (spec: "Compressed Clusters Descriptor"). */
export interface Codecs {
  /** Raw deflate (RFC 1951): at most `limit` bytes out; bytes after the end of the stream are ignored. */
  inflate(compressed: Uint8Array, limit: number): Uint8Array;
  /** Zstandard: at most `limit` bytes out; bytes after the end of the frame are ignored. */
  unzstd(compressed: Uint8Array, limit: number): Uint8Array;
}

/** The hashes that QEMU knows, by its names. */
export const hashAlgs = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'ripemd160'] as const;

/** One of `hashAlgs`. */
export type HashAlg = (typeof hashAlgs)[number];

/**
 * Cryptography for LUKS. Nothing that it is given is kept. Throws a `Qcow2Error` with code `not-supported` where this
 * system has not got an algorithm.
 */
export interface Ciphers {
  /** Bytes that nobody can foretell. */
  random(length: number): Uint8Array;
  digest(hash: HashAlg, data: Uint8Array): Uint8Array;
  /** PBKDF2 (RFC 8018) with HMAC: `length` bytes. */
  pbkdf2(hash: HashAlg, secret: Uint8Array, salt: Uint8Array, iterations: number, length: number): Uint8Array;
  /**
   * Encrypts whole blocks of 16 bytes with AES, by a key of 16, 24 or 32 bytes. No padding is added.
   *
   * @param iv - 16 bytes; not for `ecb`
   */
  encryptAes(mode: 'ecb' | 'cbc' | 'ctr', key: Uint8Array, iv: Uint8Array | undefined, data: Uint8Array): Uint8Array;
  /** Milliseconds of processor time that this thread has used up to now, where the system tells; those of the process else. */
  processorTime(): number;
}

/**
 * How a long walk reports and is stopped. `step` is awaited every few thousand entries; it lets other work of the
 * thread in, and throws a `Qcow2Error` with code `cancelled` when the walk is no longer wanted.
 */
export interface Progress {
  step(done: number, total: number): Promise<void>;
}

/**
 * Decides whether a file that an image names (backing file, external data file) is opened, and opens it. The default
 * everywhere is `closedGate`: nothing is opened.
 */
export interface Gate {
  /** `name` as the image has it, `from` the path of the image that names it. Undefined: not opened. */
  open(name: string, from: string): Promise<OpenedFile | undefined>;
}

/** A file that a gate has let in. */
export interface OpenedFile {
  /** The path as opened, as QEMU would show it. */
  readonly path: string;
  /** The same for every name of one file (device and inode), to find loops. */
  readonly identity: string;
  readonly storage: Storage;
}

/** Opens nothing. */
export const closedGate: Gate = { open: async () => undefined };

/** Never stops, reports to nobody. */
export const noProgress: Progress = { step: async () => undefined };

/** A file that is being made: nothing in it is of worth before it is finished. */
export interface NewFile {
  /** Writes at a host offset in bytes; what lies between and was never written reads as zeros. */
  write(at: bigint, bytes: Uint8Array): Promise<void>;
  /** Makes the file as long as this, in bytes. */
  resize(size: bigint): Promise<void>;
  /**
   * Has the system give blocks to a range of bytes, by `written` with zeros written into them. Throws `not-supported`
   * where it can't.
   */
  allocate(at: bigint, length: bigint, written: boolean, progress: Progress): Promise<void>;
  /** Waits until everything is on the disk. */
  flush(): Promise<void>;
}
