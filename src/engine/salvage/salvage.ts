import { Qcow2Error } from '../error.ts';
import { Holes } from '../image/holes.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Progress, Storage } from '../ports.ts';
import { joined, type Missing, type MissingRange, untried } from './missing.ts';
import type { Piece, SalvageLayer } from './piece.ts';
import { mapSoFar, type Region, RescueMap } from './rescueMap.ts';
import { nonZeroRuns } from './zeros.ts';

/** Where what is saved goes to. Offsets are those of the guest's disk, in bytes. */
export interface SalvageOutput {
  /** Writes bytes of the disk; what is never written reads as zeros. */
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Takes down a range that is missing; they come in order. */
  missing(range: MissingRange): Promise<void>;
  /** Whether it is time to record again how far the run has come. */
  due(): boolean;
  /**
   * Records which regions were saved, once what was written is on the disk.
   *
   * @param at - how far the run has come; undefined once it has ended
   */
  record(regions: Iterable<Region>, at: number | undefined): Promise<void>;
}

/** What became of a disk, in bytes of it. */
export interface SalvageSummary {
  readonly size: number;
  /** Saved by an earlier run, and not read again. */
  readonly earlier: number;
  /** Read from where they are stored. */
  readonly data: number;
  /** Stored nowhere: they read as zeros. */
  readonly zeros: number;
  readonly missing: number;
  readonly missingRanges: number;
  /** Put into the output; zeros that are stored are not. */
  readonly written: number;
}

/** Bytes that are read at once. */
const chunkBytes = 2 ** 20;

/**
 * Saves the disk of a layer, as far as it can be read. What an earlier run has saved is not read again; everything else
 * is tried, also what was missing then. When it fails or is cancelled, how far it has come is recorded, so that another
 * run can go on from there. Throws what reading does not: `cancelled`, and the errors of `output`.
 *
 * @param before - what earlier runs have saved
 */
export async function salvage(
  layer: SalvageLayer,
  before: RescueMap,
  output: SalvageOutput,
  progress: Progress,
): Promise<SalvageSummary> {
  const run = new Run(layer, before, output, progress);
  try {
    await run.all();
  } catch (error) {
    throw await run.interrupted(error);
  }
  return run.summary();
}

/** One run over a disk. */
class Run {
  readonly #layer: SalvageLayer;
  readonly #before: RescueMap;
  readonly #output: SalvageOutput;
  readonly #progress: Progress;
  readonly #done = new RescueMap();
  readonly #counts = { earlier: 0, data: 0, zeros: 0, missing: 0, missingRanges: 0, written: 0 };
  readonly #holes = new Map<Storage, Holes>();
  readonly #buffer = new Uint8Array(chunkBytes);
  /** The last range that is missing, which may go on. */
  #last: { readonly range: MissingRange; readonly layer: SalvageLayer } | undefined;

  constructor(layer: SalvageLayer, before: RescueMap, output: SalvageOutput, progress: Progress) {
    this.#layer = layer;
    this.#before = before;
    this.#output = output;
    this.#progress = progress;
  }

  async all(): Promise<void> {
    await this.#output.record(this.#before.regions(), 0);
    for (const region of this.#before.regions()) {
      if (region.status === '+') {
        this.#counts.earlier += region.to - region.from;
        this.#done.add(region.to, '+');
      } else {
        await this.#region(region.from, region.to);
      }
    }
    await this.#endMissing();
    await this.#output.record(this.#done.regions(), undefined);
  }

  summary(): SalvageSummary {
    return { size: this.#layer.size, ...this.#counts };
  }

  /** Records how far the run has come; returns the error to be thrown. */
  async interrupted(error: unknown): Promise<unknown> {
    try {
      await this.#endMissing();
      await this.#output.record(mapSoFar(this.#done, this.#before), this.#done.end);
      return error;
    } catch (second) {
      if (error instanceof Qcow2Error && second instanceof Qcow2Error && second !== error) {
        const both = `${error.message} How far it has come could not be recorded either (${second.message}): the next run goes on from the last record.`;
        return new Qcow2Error(error.code, both, error.system === undefined ? {} : { system: error.system });
      }
      return error;
    }
  }

  async #region(from: number, to: number): Promise<void> {
    for (let at = from; at < to; ) {
      const inTables = { step: () => this.#progress.step(at, this.#layer.size) };
      for (const piece of await this.#layer.pieces(at, to, inTables)) {
        await this.#piece(piece);
        at = piece.to;
        await this.#step(at);
      }
    }
  }

  /** Lets others in, and records now and then. */
  async #step(at: number): Promise<void> {
    await this.#progress.step(at, this.#layer.size);
    if (this.#output.due()) {
      await this.#output.record(mapSoFar(this.#done, this.#before), this.#done.end);
    }
  }

  async #piece(piece: Piece): Promise<void> {
    switch (piece.kind) {
      case 'zero':
        this.#zeros(piece.to);
        break;
      case 'missing':
        await this.#missing(piece.layer, piece.from, piece.to, piece.why);
        break;
      case 'stored':
        await this.#stored(piece.layer, piece.from, piece.to, piece.host);
        break;
      case 'compressed':
        await this.#compressed(piece.layer, piece.from, piece.to);
    }
  }

  /** Reads stored bytes by chunks; holes of the file are stepped over. */
  async #stored(layer: SalvageLayer, from: number, to: number, host: bigint): Promise<void> {
    const holes = this.#holesOf(layer.data);
    for (let at = from; at < to; ) {
      const place = host + BigInt(at - from);
      holes.find(Number(place));
      const known = Math.min(to - at, holes.end - Number(place));
      if (holes.hole) {
        at += known;
        this.#zeros(at);
      } else {
        const bytes = this.#buffer.subarray(0, Math.min(known, chunkBytes));
        await this.#read(layer, at, place, bytes);
        at += bytes.length;
      }
      await this.#step(at);
    }
  }

  async #read(layer: SalvageLayer, from: number, host: bigint, bytes: Uint8Array): Promise<void> {
    let at = 0;
    for (const bad of await readHostBytes(layer.data, host, bytes)) {
      await this.#data(from + at, bytes.subarray(at, bad.from));
      const why: Missing = { reason: 'data-unreadable', host: host + BigInt(bad.from), system: bad.system ?? 'EIO' };
      await this.#missing(layer, from + bad.from, from + bad.to, why);
      at = bad.to;
    }
    await this.#data(from + at, bytes.subarray(at));
  }

  async #compressed(layer: SalvageLayer, from: number, to: number): Promise<void> {
    for (let at = from; at < to; ) {
      const start = at - (at % layer.clusterSize);
      const end = Math.min(to, start + layer.clusterSize);
      const cluster = await layer.decompress(start);
      if (cluster.missing) {
        await this.#missing(layer, at, end, cluster.missing);
      } else {
        await this.#data(at, cluster.bytes.subarray(at - start, end - start));
      }
      at = end;
      await this.#step(at);
    }
  }

  async #data(at: number, bytes: Uint8Array): Promise<void> {
    for (const { from, to } of nonZeroRuns(bytes)) {
      await this.#output.write(at + from, bytes.subarray(from, to));
      this.#counts.written += to - from;
    }
    this.#counts.data += bytes.length;
    this.#done.add(at + bytes.length, '+');
  }

  #zeros(to: number): void {
    this.#counts.zeros += to - this.#done.end;
    this.#done.add(to, '+');
  }

  async #missing(layer: SalvageLayer, from: number, to: number, why: Missing): Promise<void> {
    const { file, depth } = layer;
    const range = { ...why, from, to, file, depth, place: layer.place(from, to, why) };
    const whole =
      this.#last && joined(this.#last.range, range, (start, end) => layer.place(start, end, this.#last?.range ?? why));
    if (!whole) {
      await this.#endMissing();
    }
    this.#last = { range: whole ?? range, layer };
    this.#counts.missing += to - from;
    this.#done.add(to, untried.has(why.reason) ? '?' : '-');
  }

  async #endMissing(): Promise<void> {
    const { range } = this.#last ?? {};
    this.#last = undefined;
    if (range) {
      this.#counts.missingRanges++;
      await this.#output.missing(range);
    }
  }

  #holesOf(storage: Storage): Holes {
    const holes = this.#holes.get(storage) ?? new Holes(storage);
    this.#holes.set(storage, holes);
    return holes;
  }
}
