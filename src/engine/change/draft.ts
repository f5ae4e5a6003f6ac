import { Qcow2Error } from '../error.ts';
import { showSize } from '../format/show.ts';
import type { FileState, Storage } from '../ports.ts';
import { type Allocation, type ByteWrite, type ChangeSet, type Step, type Stream, sectorSize } from './changeSet.ts';

/** When the writes of a step come: what is new and nothing leads to, refcounts that are raised, all else. */
const phases = ['fresh', 'raised', 'switch'] as const;

type Phase = (typeof phases)[number];

/** What the first steps say. */
const saysOfPhase = { fresh: 'Write what is new where nothing is', raised: 'Count what is new' } as const;

interface Edit {
  readonly structure: string;
  readonly at: bigint;
  readonly length: number;
  readonly phase: Phase;
}

/**
 * An image file as a change will leave it: read like a file, written by an operation as it plans. Nothing of it reaches
 * the file; what comes out is the steps of a change set.
 */
export class Draft implements Storage {
  readonly #file: Storage;
  /** The sectors that were written, by index. */
  readonly #sectors = new Map<number, Uint8Array>();
  readonly #fresh: { readonly from: bigint; to: bigint }[] = [];
  readonly #steps: Step[] = [];
  #edits: Edit[] = [];
  #size: bigint;
  #fileSize: bigint | undefined;
  readonly #cautions: string[] = [];
  /** See `ChangeSet.protection`. */
  protection: ChangeSet['protection'];
  /** See `ChangeSet.dataFile`. */
  dataFile: ChangeSet['dataFile'];
  /** See `ChangeSet.freed`. */
  freed: ChangeSet['freed'];

  constructor(file: Storage) {
    this.#file = file;
    this.#size = file.size;
  }

  /** Bytes of the file as drafted. */
  get size(): bigint {
    return this.#size;
  }

  get fixedSize(): boolean {
    return this.#file.fixedSize === true;
  }

  /** The steps so far. */
  get steps(): readonly Step[] {
    return this.#steps;
  }

  async read(at: bigint, into: Uint8Array): Promise<number> {
    const left = this.#size - at;
    const length = left <= 0n ? 0 : left < BigInt(into.length) ? Number(left) : into.length;
    const wanted = into.subarray(0, length);
    wanted.fill(0, length === 0 ? 0 : await this.#file.read(at, wanted));
    this.#eachSector(at, length, (sector, inSector, done, part) => {
      const drafted = this.#sectors.get(sector);
      if (drafted) {
        wanted.set(drafted.subarray(inSector, inSector + part), done);
      }
    });
    return length;
  }

  async close(): Promise<void> {}

  /** Takes a range that nothing in the file leads to: what is written there comes before all else. In bytes. */
  freshen(at: bigint, length: bigint): void {
    const last = this.#fresh.at(-1);
    if (last?.to === at) {
      last.to += length;
    } else {
      this.#fresh.push({ from: at, to: at + length });
    }
  }

  /**
   * Writes bytes at a host offset as part of the current step; what is as it was is left out.
   *
   * @param phase - `raised`: refcounts that get higher, which come before what refers to their clusters
   */
  async write(structure: string, at: bigint, bytes: Uint8Array, phase: 'raised' | 'switch' = 'switch'): Promise<void> {
    const before = new Uint8Array(bytes.length);
    const read = await this.read(at, before);
    const end = at + BigInt(bytes.length);
    const fresh = this.#isFresh(at);
    if (!fresh && read === bytes.length && before.every((byte, index) => byte === bytes[index])) {
      return;
    }
    await this.#store(at, bytes);
    this.#grow(end);
    this.#edits.push({ structure, at, length: bytes.length, phase: fresh ? 'fresh' : phase });
  }

  /**
   * Has the file end at `size` (bytes) after the current step: shorter, or longer by a hole. A device stays as it is.
   * Throws `write-failed` where a device would have to grow.
   */
  resize(size: bigint): void {
    this.#requireRoom(size);
    if (this.fixedSize) {
      return;
    }
    this.#fileSize = size;
    this.#size = size;
  }

  /** Ends the current step, if anything was written: what is new in it first, then the refcounts, then the rest. */
  async endStep(says: string): Promise<void> {
    for (const phase of phases) {
      const edits = await this.#editsOf(phase);
      const fileSize = phase === 'switch' ? this.#fileSize : undefined;
      if (edits.length > 0 || fileSize !== undefined) {
        this.#steps.push({
          says: phase === 'switch' ? says : saysOfPhase[phase],
          edits,
          ...(fileSize === undefined ? {} : { fileSize }),
        });
      }
    }
    this.#edits = [];
    this.#fileSize = undefined;
  }

  /**
   * Adds a step of more writes than memory should hold (see `Step.stream`).
   *
   * @param end - host offset in bytes after the last of them
   */
  addStream(says: string, stream: Stream, end: bigint): void {
    this.#steps.push({ says, edits: [], stream });
    this.#grow(end);
  }

  /** Adds a step that has the file system give blocks past the end of the file. */
  addAllocation(says: string, allocation: Allocation): void {
    this.#steps.push({ says, edits: [], allocation });
    this.#grow(allocation.at + allocation.length);
  }

  /** Whether anything was written into a range of bytes so far, whole sectors of it, but by streams. */
  isWritten(at: bigint, length: number): boolean {
    let written = false;
    this.#eachSector(at, length, (sector) => {
      written ||= this.#sectors.has(sector);
    });
    return written;
  }

  /** Adds a sentence that the user should read before the change is applied. */
  caution(sentence: string): void {
    this.#cautions.push(sentence);
  }

  /**
   * The change that was drafted.
   *
   * @param from - the file that it was drafted for
   */
  changeSet(title: string, from: FileState): ChangeSet {
    if (this.#edits.length > 0 || this.#fileSize !== undefined) {
      throw new Error('The last step of a draft was not ended');
    }
    const { protection, dataFile, freed } = this;
    return {
      title,
      from,
      steps: this.#steps,
      cautions: this.#cautions,
      ...(protection && { protection }),
      ...(dataFile && { dataFile }),
      ...(freed && { freed }),
    };
  }

  /** Throws `write-failed` where a device ends before `end`. */
  #requireRoom(end: bigint): void {
    if (this.fixedSize && end > this.#file.size) {
      throw new Qcow2Error(
        'write-failed',
        `No space left on device: the image needs ${showSize(end)}, and the device has ${showSize(this.#file.size)}. Nothing was written. Make the device larger, or copy the image to a larger one.`,
        { system: 'ENOSPC' },
      );
    }
  }

  #grow(end: bigint): void {
    this.#requireRoom(end);
    this.#size = end > this.#size ? end : this.#size;
    // What the step writes behind the end that it sets must not be cut off.
    if (this.#fileSize !== undefined && end > this.#fileSize) {
      this.#fileSize = end;
    }
  }

  /** The edits of a phase, ascending, with their bytes as they are now; none overlap. */
  async #editsOf(phase: Phase): Promise<ByteWrite[]> {
    const sorted = this.#edits.filter((edit) => edit.phase === phase).sort((a, b) => compare(a.at, b.at));
    const writes: ByteWrite[] = [];
    let end = -1n;
    for (const { structure, at, length } of sorted) {
      const stop = at + BigInt(length);
      const from = at > end ? at : end;
      if (stop > from) {
        const bytes = new Uint8Array(Number(stop - from));
        await this.read(from, bytes);
        writes.push({ structure, at: from, bytes });
        end = stop;
      }
    }
    return writes;
  }

  #isFresh(at: bigint): boolean {
    return this.#fresh.some(({ from, to }) => at >= from && at < to);
  }

  async #store(at: bigint, bytes: Uint8Array): Promise<void> {
    const parts: (() => Promise<void>)[] = [];
    this.#eachSector(at, bytes.length, (sector, inSector, done, part) => {
      parts.push(async () => {
        const content = this.#sectors.get(sector) ?? (await this.#sectorBefore(sector, part));
        content.set(bytes.subarray(done, done + part), inSector);
        this.#sectors.set(sector, content);
      });
    });
    for (const store of parts) {
      await store();
    }
  }

  async #sectorBefore(sector: number, written: number): Promise<Uint8Array> {
    const content = new Uint8Array(sectorSize);
    if (written < sectorSize) {
      const at = BigInt(sector) * BigInt(sectorSize);
      const count = at < this.#file.size ? await this.#file.read(at, content) : 0;
      content.fill(0, count);
    }
    return content;
  }

  #eachSector(
    at: bigint,
    length: number,
    visit: (sector: number, inSector: number, done: number, part: number) => void,
  ): void {
    let sector = Number(at / BigInt(sectorSize));
    let inSector = Number(at % BigInt(sectorSize));
    for (let done = 0; done < length; sector++, inSector = 0) {
      const part = Math.min(sectorSize - inSector, length - done);
      visit(sector, inSector, done, part);
      done += part;
    }
  }
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
