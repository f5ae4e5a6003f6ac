import { type ByteWrite, sectorSize } from './changeSet.ts';

/** Bytes of one write of a stream. */
const writeBytes = 2 ** 16;

/** A part of a stream that is written at once: of one cluster, or of several that are next to each other. */
export interface Piece {
  /** Place of the (first) cluster in the list. */
  readonly index: number;
  /** How many clusters, of which the piece is all or, for a single one, a part. */
  readonly count: number;
  /** Byte within the cluster at which it starts. */
  readonly byte: number;
  readonly length: number;
}

/** Takes a list of clusters, ascending, apart into pieces of at most 64 KiB. */
export function* piecesOf(clusters: Float64Array, clusterSize: number): Generator<Piece> {
  const most = Math.max(1, writeBytes / clusterSize);
  for (let index = 0; index < clusters.length; ) {
    let count = 1;
    while (count < most && clusters[index + count] === (clusters[index] ?? 0) + count) {
      count++;
    }
    const bytes = count * clusterSize;
    for (let byte = 0; byte < bytes; byte += writeBytes) {
      yield { index, count, byte, length: Math.min(writeBytes, bytes - byte) };
    }
    index += count;
  }
}

/** A write of any length as writes of a stream: whole sectors, the last one filled up with zeros. */
export function* writesOf({ structure, at, bytes }: ByteWrite): Generator<ByteWrite> {
  for (let done = 0; done < bytes.length; done += writeBytes) {
    const part = bytes.subarray(done, done + writeBytes);
    const whole = new Uint8Array(Math.ceil(part.length / sectorSize) * sectorSize);
    whole.set(part);
    yield { structure, at: at + BigInt(done), bytes: whole };
  }
}

/** Several sequences of writes, each ascending, as one that is. */
export async function* inOrder(
  sources: readonly (AsyncIterable<ByteWrite> | Iterable<ByteWrite>)[],
): AsyncGenerator<ByteWrite> {
  const iterators = sources.map((source) =>
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator](),
  );
  const nextOf = async (
    iterator: Iterator<ByteWrite> | AsyncIterator<ByteWrite> | undefined,
  ): Promise<ByteWrite | undefined> => {
    const next: IteratorResult<ByteWrite, unknown> | undefined = await iterator?.next();
    return next?.done === false ? next.value : undefined;
  };
  const heads = await Promise.all(iterators.map(nextOf));
  for (;;) {
    let lowest: number | undefined;
    for (const [index, head] of heads.entries()) {
      const best = lowest === undefined ? undefined : heads[lowest];
      lowest = head && (!best || head.at < best.at) ? index : lowest;
    }
    const write = lowest === undefined ? undefined : heads[lowest];
    if (lowest === undefined || !write) {
      return;
    }
    yield write;
    heads[lowest] = await nextOf(iterators[lowest]);
  }
}
