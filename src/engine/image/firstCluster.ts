import { magicBytes } from '../format/fileKind.ts';
import { limits } from '../limits.ts';
import type { Storage } from '../ports.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';

/** The start of the file, as far as it is needed: the header, its extensions, and the backing file's name. */
export interface FirstBytes {
  /** From host offset 0 on. Ends where the file does, or after what was wanted. */
  readonly bytes: Uint8Array;
  readonly unreadable: readonly Unreadable[];
}

/** Bytes in which header and extensions of most images end. */
const usualBytes = 4096;

/** The largest first cluster. */
const mostBytes = 2 ** limits.maxClusterBits;

/** Reads the first bytes of a file: the header and, most often, its extensions. */
export async function readFirstBytes(storage: Storage): Promise<FirstBytes> {
  return readStart(storage, usualBytes);
}

/** Reads as much of a file as its format can be told by. */
export async function readMagicBytes(storage: Storage): Promise<FirstBytes> {
  return readStart(storage, magicBytes);
}

/** Where the header and the backing file's name are: fields of the header, by the spec's names. */
export interface FirstClusterFields {
  readonly headerLength: number;
  readonly cluster_bits: number;
  readonly backing_file_offset: bigint;
  readonly backing_file_size: number;
}

/**
 * Reads the first cluster up to the end of the last header extension, or of the backing file's name; not the whole
 * cluster, which may have 2 MiB.
 */
export async function readFirstCluster(
  storage: Storage,
  first: FirstBytes,
  header: FirstClusterFields,
): Promise<FirstBytes> {
  let read = first;
  for (;;) {
    const { extensionsEnd, name, clusterSize } = usedFirstBytes(read.bytes, header);
    const end = Math.max(extensionsEnd, name.to);
    if (end <= read.bytes.length || BigInt(read.bytes.length) >= storage.size) {
      return read;
    }
    read = await readOn(storage, read, Math.max(end, Math.min(Math.ceil(read.bytes.length * 1.125), clusterSize)));
  }
}

/** Which bytes of the first cluster say something: all up to the end of the extensions, and the backing file's name. */
export interface UsedFirstBytes {
  /** Past `bytes` where the extensions go on there. */
  readonly extensionsEnd: number;
  /** Empty at 0 where no name is in the first cluster. */
  readonly name: { readonly from: number; readonly to: number };
  /** As far as a cluster can reach. */
  readonly clusterSize: number;
}

/** Tells them from the first bytes of the file. All in bytes. */
export function usedFirstBytes(bytes: Uint8Array, header: FirstClusterFields): UsedFirstBytes {
  const clusterSize = Math.min(2 ** Math.min(header.cluster_bits, 53), mostBytes);
  const inCluster = header.backing_file_offset > 0n && header.backing_file_offset <= BigInt(clusterSize);
  const from = inCluster ? Number(header.backing_file_offset) : 0;
  const limit = from > header.headerLength ? from : clusterSize;
  const to = inCluster ? from + Math.min(header.backing_file_size, limits.backingNameBytes + 1) : 0;
  return { extensionsEnd: extensionsEnd(bytes, header.headerLength, limit), name: { from, to }, clusterSize };
}

/** The end of the extensions in bytes, as far as can be told: past `bytes` where they go on there. */
function extensionsEnd(bytes: Uint8Array, start: number, limit: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  while (at + 8 <= limit) {
    if (at + 8 > bytes.length) {
      return at + 8;
    }
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    at += 8;
    if (type === 0 || length > limit - at) {
      return at;
    }
    at += Math.ceil(length / 8) * 8;
  }
  return Math.min(at, limit);
}

async function readStart(storage: Storage, length: number): Promise<FirstBytes> {
  return readOn(storage, { bytes: new Uint8Array(0), unreadable: [] }, length);
}

/** Reads what is missing to `length` bytes, or to the end of the file. */
async function readOn(storage: Storage, { bytes, unreadable }: FirstBytes, length: number): Promise<FirstBytes> {
  const longer = new Uint8Array(storage.size < BigInt(length) ? Number(storage.size) : length);
  longer.set(bytes);
  const from = bytes.length;
  const bad = await readHostBytes(storage, BigInt(from), longer.subarray(from));
  const shifted = bad.map((one) => ({ ...one, from: one.from + from, to: one.to + from }));
  return { bytes: longer, unreadable: [...unreadable, ...shifted] };
}
