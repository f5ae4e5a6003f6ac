import { maxRefcount, readRefcount, readSmallRefcount } from '../format/refcounts.ts';
import type { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Progress } from '../ports.ts';
import { messages } from './messages.ts';
import type { RefcountReader } from './refcountReader.ts';
import { copiedFlags, type ReferenceCounts } from './referenceCounts.ts';
import type { Tally } from './tally.ts';

/** What the comparison has found besides what it tells. */
export interface Comparison {
  /** The last cluster with a refcount or a reference; 0 where there is none. */
  highest: number;
  /** Clusters are referred to whose refcount is 0, so that the refcounts must be built anew. */
  rebuild: boolean;
  /** Clusters to which entries of the active layer lead with COPIED though the refcount is not 1, or without though it is. */
  readonly miscopied: ClusterSet;
}

/** Called for each cluster whose refcount is not its number of references. */
export type MismatchVisitor = (cluster: number, refcount: number | bigint, references: number) => void;

/**
 * Compares the refcounts of the clusters from `from` to before `to` with the references, as QEMU does
 * (compare_refcounts).
 */
export async function compareRefcounts(
  reader: RefcountReader,
  counts: ReferenceCounts,
  range: { readonly from: number; readonly to: number },
  found: Comparison,
  tally: Tally,
  mismatch: MismatchVisitor,
  progress: Progress,
): Promise<void> {
  const { refcountBlockEntries: perBlock } = reader.geometry;
  const into = new Uint8Array(reader.geometry.clusterSize);
  const blocks = reader.indices;
  let next = blocks.findIndex((index) => (index + 1) * perBlock > range.from);
  next = next < 0 ? blocks.length : next;
  for (let at = range.from; at < range.to; ) {
    const block = blocks[next];
    const blockStart = block === undefined ? Number.POSITIVE_INFINITY : block * perBlock;
    if (block === undefined || blockStart > at) {
      // No refcount block: all refcounts are 0 up to the next one.
      const stop = Math.min(range.to, blockStart);
      at = counts.nextPart(at, stop);
      const end = Math.min(stop, (Math.floor(at / uncountedStep) + 1) * uncountedStep);
      compareUncounted(reader.geometry, counts, at, end, found, tally, mismatch);
      at = Math.max(at, end);
    } else {
      const end = Math.min(range.to, blockStart + perBlock);
      await compareBlock(reader, block, into, counts, { from: at, to: end }, found, tally, mismatch);
      at = end;
      next++;
    }
    await progress.step(at - range.from, range.to - range.from);
  }
}

/** Clusters without a refcount block that are looked at in one go. */
const uncountedStep = 2 ** 16;

function compareUncounted(
  geometry: Geometry,
  counts: ReferenceCounts,
  from: number,
  to: number,
  found: Comparison,
  tally: Tally,
  mismatch: MismatchVisitor,
): void {
  for (let cluster = from; cluster < to; cluster++) {
    const byte = counts.byteAt(cluster);
    if (byte !== 0) {
      judge(cluster, 0, byte, counts, found, tally, mismatch, geometry);
    }
  }
}

async function compareBlock(
  reader: RefcountReader,
  index: number,
  into: Uint8Array,
  counts: ReferenceCounts,
  { from, to }: { readonly from: number; readonly to: number },
  found: Comparison,
  tally: Tally,
  mismatch: MismatchVisitor,
): Promise<void> {
  const { geometry } = reader;
  const { refcountBlockEntries: perBlock, refcountOrder } = geometry;
  const block = await reader.read(index, into);
  if (block === undefined || block.system !== undefined) {
    tellUnaligned(block?.unaligned, index, tally);
    for (let cluster = from; cluster < to; cluster++) {
      tally.fail(messages.noRefcount(cluster, block?.system));
    }
    return;
  }
  const first = index * perBlock;
  for (let cluster = from; cluster < to; ) {
    const { page, place, end } = counts.pageAt(cluster, to);
    const part = new Part(block.bytes, cluster - first, refcountOrder, page, place, end - cluster);
    for (let at = 0; at < part.count; at++) {
      const sound = part.soundRun(at);
      if (sound > 0) {
        at += sound;
        found.highest = cluster + at - 1;
      }
      const refcount = part.refcount(at);
      const byte = part.byte(at);
      if (at < part.count && (refcount !== 0 || byte !== 0)) {
        judge(cluster + at, refcount, byte, counts, found, tally, mismatch, geometry);
      }
    }
    cluster = end;
  }
}

/** Clusters in a row whose refcounts lie in one block and whose references are counted in one page. */
class Part {
  readonly count: number;
  readonly #block: Uint8Array;
  readonly #start: number;
  readonly #order: number;
  readonly #page: Uint8Array;
  readonly #place: number;
  /** The same by eights of clusters, where their refcounts have 16 bits, as in nearly every image. */
  readonly #eights: { readonly refcounts: Float64Array; readonly bytes: Float64Array } | undefined;

  /** `count` clusters: `start` is the first one's refcount in the block, `place` its byte in the page. */
  constructor(block: Uint8Array, start: number, order: number, page: Uint8Array, place: number, count: number) {
    this.count = count;
    this.#block = block;
    this.#start = start;
    this.#order = order;
    this.#page = page;
    this.#place = place;
    if (order === 4 && start % eight === place % eight && page.length > 0) {
      const refcounts = new Float64Array(block.buffer, block.byteOffset, block.length / eight);
      this.#eights = { refcounts, bytes: new Float64Array(page.buffer, page.byteOffset, page.length / eight) };
    }
  }

  /** How often a cluster is counted: a number where that is exact. */
  refcount(at: number): number | bigint {
    const refcount = readSmallRefcount(this.#block, this.#start + at, this.#order);
    return refcount > Number.MAX_SAFE_INTEGER ? readRefcount(this.#block, this.#start + at, this.#order) : refcount;
  }

  /** What is counted of the references to a cluster (`ReferenceCounts.byteAt`). */
  byte(at: number): number {
    return this.#page[this.#place + at] ?? 0;
  }

  /**
   * How many clusters in a row from one on are referred to once, with COPIED where it matters, and counted once: nearly
   * all of them.
   */
  soundRun(from: number): number {
    let at = from;
    while (at < this.count) {
      at += (this.#place + at) % eight === 0 ? this.#soundEights(at) * eight : 0;
      const byte = this.byte(at);
      if (at >= this.count || (byte !== 1 && byte !== soundByte) || this.refcount(at) !== 1) {
        break;
      }
      at++;
    }
    return at - from;
  }

  /** As `soundRun`, in whole eights of clusters: their bytes are compared as numbers of 64 bits. */
  #soundEights(from: number): number {
    if (this.#eights === undefined) {
      return 0;
    }
    const { refcounts, bytes } = this.#eights;
    const counted = ((this.#start + from) / eight) * 2;
    const first = (this.#place + from) / eight;
    const most = Math.floor((this.count - from) / eight);
    let run = 0;
    while (
      run < most &&
      (bytes[first + run] === soundBytes || bytes[first + run] === onceBytes) &&
      refcounts[counted + run * 2] === fourOnes &&
      refcounts[counted + run * 2 + 1] === fourOnes
    ) {
      run++;
    }
    return run;
  }
}

/** Clusters that are looked at in one go. */
const eight = 8;

/** Referred to once, by an entry with COPIED. */
const soundByte = 1 | copiedFlags.copied;

/** Eight of them, eight that are referred to once, and four refcounts of 1, as numbers of 64 bits. */
const soundBytes = asNumber(new Uint8Array(8).fill(soundByte));
const onceBytes = asNumber(new Uint8Array(8).fill(1));
const fourOnes = asNumber(Uint8Array.of(0, 1, 0, 1, 0, 1, 0, 1));

function asNumber({ buffer }: Uint8Array<ArrayBuffer>): number {
  return new Float64Array(buffer)[0] ?? 0;
}

function judge(
  cluster: number,
  refcount: number | bigint,
  byte: number,
  counts: ReferenceCounts,
  found: Comparison,
  tally: Tally,
  mismatch: MismatchVisitor,
  geometry: Geometry,
): void {
  const counted = counts.countAt(byte, cluster);
  const references = saturated(cluster, counted, geometry, tally);
  found.highest = cluster;
  const wrongFlag = refcount === 1 ? copiedFlags.notCopied : copiedFlags.copied;
  if ((byte & wrongFlag) !== 0) {
    found.miscopied.add(cluster, 1);
  }
  if (BigInt(refcount) === BigInt(references)) {
    return;
  }
  found.rebuild ||= refcount === 0;
  const message = messages.refcount(cluster, refcount, references);
  if (refcount < references) {
    tally.corrupt(message);
  } else {
    tally.leak(message);
  }
  mismatch(cluster, refcount, references);
}

/** The references, as many as a refcount can count. QEMU tells of each one more. */
function saturated(cluster: number, counted: number, geometry: Geometry, tally: Tally): number {
  const most = maxRefcount(geometry.refcountOrder);
  if (BigInt(counted) <= most) {
    return counted;
  }
  for (let more = Number(most); more < counted; more++) {
    tally.overflow(cluster, geometry.clusterSize);
  }
  return Number(most);
}

function tellUnaligned(offset: bigint | undefined, index: number, tally: Tally): void {
  if (offset !== undefined) {
    tally.sayOnce(
      `qcow2: Image is corrupt: Refblock offset ${showHex(offset)} unaligned (reftable index: ${showHex(index)}); further non-fatal corruption events will be suppressed`,
    );
  }
}

function showHex(value: number | bigint): string {
  return BigInt(value) === 0n ? '0' : `0x${value.toString(16)}`;
}
