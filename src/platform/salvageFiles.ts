import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, statSync } from 'node:fs';
import { Qcow2Error } from '../engine/error.ts';
import { type MissingRange, missingJson } from '../engine/salvage/missing.ts';
import { type ParsedMap, parseRescueMap, type Region, RescueMap, rescueMapLines } from '../engine/salvage/rescueMap.ts';
import type { SalvageOutput } from '../engine/salvage/salvage.ts';
import { freshMarks, marksAfter, type SalvageMark } from './salvageMark.ts';
import { writeFailed } from './systemError.ts';
import { TextFile } from './textFile.ts';
import { writeAt } from './writeAt.ts';

/** Milliseconds between two records, at least; they take no more than a tenth of the time. */
const recordEvery = 5000;

/** What a disk is saved to. */
export interface SalvageTarget {
  /** Of the raw file; the map and the list of what is missing lie beside it. */
  readonly path: string;
  /** Bytes of the disk. */
  readonly size: number;
  /** Says what is saved: a run goes on from one with the same mark; undefined: from none. */
  readonly mark: SalvageMark | undefined;
  /** Device and inode of files that must not be written: the image, and what it is based on. */
  readonly kept: ReadonlySet<string>;
  /**
   * What becomes of a file that is there and was not left by a run of the same mark: it is refused, or replaced. `anew`
   * replaces any, `unfinished` goes on from a run that was interrupted, and replaces any other.
   */
  readonly existing: 'refuse' | 'unfinished' | 'anew';
  /** Members of the list before that of the ranges: lines of JSON. */
  readonly head: readonly string[];
}

/** The names of the files beside a raw file. */
export function besideRaw(path: string): { readonly map: string; readonly missing: string } {
  return { map: `${path}.map`, missing: `${path}.missing.json` };
}

/**
 * Opens the files that a disk is saved to, and finds what earlier runs have saved.
 *
 * @throws `Qcow2Error`: `bad-argument` for a file that must not be replaced, `write-failed`
 */
export function openSalvageFiles(target: SalvageTarget): { readonly files: SalvageFiles; readonly before: RescueMap } {
  const { path, size, existing } = target;
  const { map, missing } = besideRaw(path);
  for (const file of [path, map, missing, part(map), part(missing)]) {
    refuseKept(file, target.kept);
  }
  if (!Number.isSafeInteger(size)) {
    throw new Qcow2Error(
      'write-failed',
      `${path} would have ${BigInt(size)} bytes: a file of 2^53 bytes or more is not written.`,
    );
  }
  const there = attempt(`look at ${path}`, () => statSync(path, { throwIfNoEntry: false }));
  if (there && !there.isFile()) {
    throw new Qcow2Error('bad-argument', `${path} is no regular file. Choose another name.`);
  }
  const left = existing === 'anew' ? nothingLeft : leftBefore(map, target.mark);
  const goesOn =
    there !== undefined &&
    there.size === size &&
    left.of === 'this' &&
    (existing === 'refuse' || (existing === 'unfinished' && !left.parsed.ended));
  if (existing !== 'anew' && !goesOn) {
    refuseOthers(target, there !== undefined, left.of);
  }
  const fd = attempt(`create ${path}`, () => openSync(path, goesOn ? 'r+' : 'w', 0o644));
  const files = new SalvageFiles(target, fd, goesOn ? left.marks : freshMarks(target.mark));
  try {
    attempt(`make ${path} ${size} bytes long`, () => ftruncateSync(fd, size));
    return { files, before: goesOn ? left.parsed.map : untouched(size) };
  } catch (error) {
    files.abandon();
    throw error;
  }
}

/** The files of one run. */
export class SalvageFiles implements SalvageOutput {
  readonly #target: SalvageTarget;
  readonly #fd: number;
  readonly #marks: readonly string[];
  readonly #list: TextFile;
  #ranges = 0;
  #recorded = Date.now();
  #pause = recordEvery;

  /** `fd`: of the raw file. `marks`: lines for its map, by which the next run knows it. */
  constructor(target: SalvageTarget, fd: number, marks: readonly string[]) {
    this.#target = target;
    this.#fd = fd;
    this.#marks = marks;
    this.#list = new TextFile(part(besideRaw(target.path).missing));
    this.#list.add(`{\n${target.head.map((line) => `  ${line},\n`).join('')}  "missing": [`);
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    writeAt(this.#target.path, this.#fd, BigInt(at), bytes);
  }

  async missing(range: MissingRange): Promise<void> {
    this.#list.add(`${this.#ranges === 0 ? '' : ','}\n    ${missingJson(range)}`);
    this.#ranges++;
  }

  due(): boolean {
    return Date.now() - this.#recorded >= this.#pause;
  }

  async record(regions: Iterable<Region>, at: number | undefined): Promise<void> {
    const { path } = this.#target;
    const start = Date.now();
    attempt(`write ${path}`, () => fdatasyncSync(this.#fd));
    const { map } = besideRaw(path);
    const file = new TextFile(part(map));
    try {
      for (const line of rescueMapLines([madeBy, ...this.#marks], regions, at)) {
        file.add(line);
      }
      file.end(map);
    } catch (error) {
      file.remove();
      throw error;
    }
    this.#recorded = Date.now();
    this.#pause = Math.max(recordEvery, 10 * (this.#recorded - start));
  }

  /**
   * Ends the list of what is missing, gives it its name, and closes the files.
   *
   * @param tail - members of the list after that of the ranges: lines of JSON
   */
  finish(tail: readonly string[]): void {
    try {
      this.#list.add(`${this.#ranges === 0 ? '' : '\n  '}],\n${tail.map((line) => `  ${line}`).join(',\n')}\n}\n`);
      this.#list.end(besideRaw(this.#target.path).missing);
    } catch (error) {
      this.#list.remove();
      throw error;
    } finally {
      closeSync(this.#fd);
    }
  }

  /** Closes the files; there is no list of what is missing. */
  abandon(): void {
    this.#list.remove();
    closeSync(this.#fd);
  }
}

const madeBy = 'Mapfile of a guest disk, in the format of GNU ddrescue. Made by qcow2 salvage';

/** What is at the place of the map. `other`: the map of something else, or no map at all. */
interface Left {
  readonly of: 'nothing' | 'other' | 'another-run' | 'this';
  readonly parsed: ParsedMap;
  /** By which a run that goes on from it is known. */
  readonly marks: readonly string[];
}

const nothingLeft: Left = { of: 'nothing', parsed: { comments: [], map: new RescueMap(), ended: false }, marks: [] };

function leftBefore(map: string, mark: SalvageMark | undefined): Left {
  if (!attempt(`look at ${map}`, () => statSync(map, { throwIfNoEntry: false }))) {
    return nothingLeft;
  }
  const text = attempt(`read ${map}`, () => readFileSync(map, 'utf8'));
  if (!text.startsWith(`# ${madeBy}`)) {
    return { ...nothingLeft, of: 'other' };
  }
  const parsed = parseRescueMap(text);
  const marks = mark && marksAfter(parsed.comments, mark);
  return { of: marks ? 'this' : 'another-run', parsed, marks: marks ?? [] };
}

const whatToDo = 'Choose another name, or delete it; the command line also replaces it with --force';

/** Throws where a file that nobody asked to replace would be replaced. */
function refuseOthers({ path, existing }: SalvageTarget, there: boolean, left: Left['of']): void {
  const { map, missing } = besideRaw(path);
  if (there && existing === 'refuse') {
    const why = {
      nothing: 'it has no map file, so that no earlier run can have left it',
      other: `${map} is no map of ours`,
      'another-run':
        'an earlier run left it, but of another image or another state of it, or the image was changed since, or a file that it is based on',
      this: 'an earlier run left it, but it has another size now',
    }[left];
    throw new Qcow2Error('bad-argument', `${path} is there already, and ${why}. ${whatToDo}.`);
  }
  const lost = left === 'nothing' && statSync(missing, { throwIfNoEntry: false }) ? missing : undefined;
  const beside = left === 'other' ? map : lost;
  if (beside !== undefined) {
    throw new Qcow2Error('bad-argument', `${beside} is there already, and would be replaced. ${whatToDo}.`);
  }
}

function untouched(size: number): RescueMap {
  const map = new RescueMap();
  map.add(size, '?');
  return map;
}

function part(path: string): string {
  return `${path}.part`;
}

function refuseKept(path: string, kept: ReadonlySet<string>): void {
  const there = attempt(`look at ${path}`, () => statSync(path, { bigint: true, throwIfNoEntry: false }));
  if (there && kept.has(`${there.dev}:${there.ino}`)) {
    throw new Qcow2Error('bad-argument', `${path} is the image, or a file that it is based on. Choose another name.`);
  }
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw writeFailed(what, error);
  }
}
