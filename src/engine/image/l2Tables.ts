import type { Progress, Storage } from '../ports.ts';
import type { Geometry } from './geometry.ts';
import { readHostBytes, type Unreadable } from './hostBytes.ts';
import { type L1Table, l2TableOf, nextL2Table, unreadableL1 } from './l1Table.ts';

/** What a walk over L2 tables meets, in guest order. Each method returns false to end the walk. */
export interface L2Visitor {
  /** `count` L1 entries from `l1Index` on name no L2 table, or one past the end of the file, which reads as zeros. */
  absent(l1Index: number, count: number): boolean;
  /** Entries `from` to `to` (exclusive) of the L2 table of an L1 entry; entry `from` is at byte `at` of `view`. */
  entries(l1Index: number, from: number, to: number, view: DataView, at: number): boolean;
  /** Entries that can't be known. */
  lost(l1Index: number, from: number, to: number, why: Lost): boolean;
}

/** Why entries are not known. */
export interface Lost {
  /** `l1`, `l2`: the system failed to read it. `unaligned`: the L1 entry's offset is not that of a cluster. */
  readonly reason: 'l1' | 'l2' | 'unaligned';
  /** The host bytes that hold (`l1`, `l2`) or should hold the entries. */
  readonly at: bigint;
  readonly length: number;
  /** The system's code, such as `EIO`. */
  readonly system?: string | undefined;
}

/** Bytes of tables that are read together. */
const batchBytes = 2 ** 20;
/** L1 entries looked at between two steps of the progress. */
const batchEntries = 2 ** 16;
/** Tables that lie so many bytes apart are read in one go. */
const gapBytes = 4096;

/** A part of an L2 table to be read. */
interface Part {
  readonly l1Index: number;
  readonly from: number;
  readonly to: number;
  /** Host offset in bytes. */
  readonly host: number;
  readonly length: number;
  /** Where it is in the batch's bytes, once read. */
  at: number;
  unreadable: readonly Unreadable[];
}

/**
 * Visits the L2 entries of the guest clusters `from` to `to` (exclusive), which the L1 table must reach. Tables that
 * lie near each other are read together; runs of L1 entries without a table cost next to nothing.
 */
export async function walkL2Tables(
  storage: Storage,
  geometry: Geometry,
  l1: L1Table,
  range: { readonly from: number; readonly to: number },
  visitor: L2Visitor,
  progress: Progress,
): Promise<void> {
  const { l2Entries } = geometry;
  const end = Math.ceil(range.to / l2Entries);
  const batch = new Batch(geometry, l1, range);
  for (let index = Math.floor(range.from / l2Entries); index < end; ) {
    const next = batch.plan(index, end);
    await batch.read(storage);
    if (!emit(batch, index, next, visitor)) {
      return;
    }
    index = next;
    await progress.step(Math.min(index * l2Entries, range.to) - range.from, range.to - range.from);
  }
}

/** Visits what a batch has read, and what lies between. */
function emit(batch: Batch, start: number, end: number, visitor: L2Visitor): boolean {
  let index = start;
  for (const part of batch.parts) {
    if (part.l1Index > index && !visitor.absent(index, part.l1Index - index)) {
      return false;
    }
    if (!emitPart(batch, part, visitor)) {
      return false;
    }
    index = part.l1Index + 1;
  }
  return index >= end || visitor.absent(index, end - index);
}

function emitPart(batch: Batch, part: Part, visitor: L2Visitor): boolean {
  const { l1Index, from, to } = part;
  const lost = batch.lost.get(l1Index);
  if (lost) {
    return visitor.lost(l1Index, from, to, lost);
  }
  if (part.unreadable.length === 0) {
    return visitor.entries(l1Index, from, to, batch.view, part.at);
  }
  return emitAround(batch, part, visitor);
}

/** A table with bad sectors: the entries in them are lost, the others are not. */
function emitAround(batch: Batch, part: Part, visitor: L2Visitor): boolean {
  const { l1Index, from, to, host, length, at } = part;
  const size = length / (to - from);
  let next = from;
  for (const bad of part.unreadable) {
    const first = Math.max(from, from + Math.floor((bad.from - at) / size));
    const end = Math.min(to, from + Math.ceil((bad.to - at) / size));
    if (first > next && !visitor.entries(l1Index, next, first, batch.view, at + (next - from) * size)) {
      return false;
    }
    const place = { at: BigInt(host + (first - from) * size), length: (end - first) * size };
    if (!visitor.lost(l1Index, first, end, { reason: 'l2', ...place, system: bad.system })) {
      return false;
    }
    next = end;
  }
  return next >= to || visitor.entries(l1Index, next, to, batch.view, at + (next - from) * size);
}

/** The tables that are read together. */
class Batch {
  /** In guest order. */
  parts: Part[] = [];
  /** Why the table of an L1 entry is not read. */
  readonly lost = new Map<number, Lost>();
  view = new DataView(new ArrayBuffer(0));
  readonly #geometry: Geometry;
  readonly #l1: L1Table;
  readonly #range: { readonly from: number; readonly to: number };
  #bytes = new Uint8Array(0);

  constructor(geometry: Geometry, l1: L1Table, range: { readonly from: number; readonly to: number }) {
    this.#geometry = geometry;
    this.#l1 = l1;
    this.#range = range;
  }

  /** Gathers parts from the L1 entry `index` on; returns the entry after the last one that was looked at. */
  plan(index: number, end: number): number {
    this.parts = [];
    this.lost.clear();
    const stop = Math.min(end, index + batchEntries);
    const mayFail = this.#l1.unreadable.length > 0;
    let bytes = 0;
    for (let entry = index; entry < stop; entry++) {
      entry = mayFail ? entry : nextL2Table(this.#l1, entry, stop);
      if (entry < stop) {
        bytes += this.#add(entry, mayFail);
      }
      if (bytes >= batchBytes) {
        return entry + 1;
      }
    }
    return stop;
  }

  /** Adds the table of an L1 entry, unless it has none; returns the bytes to be read. */
  #add(l1Index: number, mayFail: boolean): number {
    const { l2Entries, l2EntryBytes, clusterSize, fileSize } = this.#geometry;
    const from = Math.max(0, this.#range.from - l1Index * l2Entries);
    const to = Math.min(l2Entries, this.#range.to - l1Index * l2Entries);
    const bad = mayFail ? unreadableL1(this.#l1, l1Index) : undefined;
    const table = l2TableOf(this.#l1, l1Index);
    const part = { l1Index, from, to, host: table + from * l2EntryBytes, length: 0, at: 0, unreadable: [] };
    if (bad) {
      const at = this.#l1.offset + BigInt(l1Index) * 8n;
      this.lost.set(l1Index, { reason: 'l1', at, length: 8, system: bad.system });
      this.parts.push(part);
    } else if (table % clusterSize !== 0) {
      this.lost.set(l1Index, { reason: 'unaligned', at: BigInt(table), length: clusterSize });
      this.parts.push(part);
    } else if (table !== 0 && BigInt(part.host) < fileSize) {
      const length = (to - from) * l2EntryBytes;
      this.parts.push({ ...part, length });
      return length;
    }
    return 0;
  }

  /** Reads the parts, in the order in which they lie in the file. */
  async read(storage: Storage): Promise<void> {
    const wanted = this.parts.filter((part) => part.length > 0).sort((a, b) => a.host - b.host);
    const runs = runsOf(wanted);
    this.#reserve(runs.reduce((bytes, run) => bytes + run.length, 0));
    let at = 0;
    for (const run of runs) {
      const into = this.#bytes.subarray(at, at + run.length);
      const unreadable = await readHostBytes(storage, BigInt(run.host), into);
      for (const part of run.parts) {
        part.at = at + (part.host - run.host);
        part.unreadable = unreadable.length === 0 ? unreadable : within(part, at, unreadable);
      }
      at += run.length;
    }
  }

  #reserve(bytes: number): void {
    if (this.#bytes.length < bytes) {
      this.#bytes = new Uint8Array(Math.max(bytes, Math.min(batchBytes, this.#bytes.length * 2)));
      this.view = new DataView(this.#bytes.buffer);
    }
  }
}

/** A run of the file that is read in one go. */
interface Run {
  /** Host offset in bytes. */
  readonly host: number;
  length: number;
  readonly parts: Part[];
}

/** Parts in host order as runs; parts of one table share its bytes. */
function runsOf(parts: readonly Part[]): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const part of parts) {
    if (run && part.host <= run.host + run.length + gapBytes) {
      run.length = Math.max(run.length, part.host + part.length - run.host);
      run.parts.push(part);
    } else {
      run = { host: part.host, length: part.length, parts: [part] };
      runs.push(run);
    }
  }
  return runs;
}

/** The unreadable bytes of a run that lie in a part, as places in the batch's bytes. */
function within(part: Part, runAt: number, unreadable: readonly Unreadable[]): Unreadable[] {
  const end = part.at + part.length;
  return unreadable
    .map(({ from, to, system }) => ({ from: Math.max(from + runAt, part.at), to: Math.min(to + runAt, end), system }))
    .filter(({ from, to }) => from < to);
}
