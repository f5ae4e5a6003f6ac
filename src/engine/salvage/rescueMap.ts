import { Qcow2Error } from '../error.ts';

/** What became of a region: GNU ddrescue's letters for finished, bad and not tried. */
export type RegionStatus = '+' | '-' | '?';

/** A region of the guest's disk. Offsets in bytes. */
export interface Region {
  readonly from: number;
  readonly to: number;
  readonly status: RegionStatus;
}

const letters: readonly RegionStatus[] = ['+', '-', '?'];

/** Which regions of a disk were saved, in order and without a gap: what a mapfile of GNU ddrescue holds. */
export class RescueMap {
  readonly #ends: number[] = [];
  /** Indices in `letters`. */
  readonly #statuses: number[] = [];

  /** The byte up to which regions were added. */
  get end(): number {
    return this.#ends.at(-1) ?? 0;
  }

  /** Adds a region at the end, up to `to`; nothing where it has no bytes. */
  add(to: number, status: RegionStatus): void {
    if (to <= this.end) {
      return;
    }
    const letter = letters.indexOf(status);
    if (this.#statuses.at(-1) === letter) {
      this.#ends[this.#ends.length - 1] = to;
    } else {
      this.#ends.push(to);
      this.#statuses.push(letter);
    }
  }

  /** The regions from a byte on, the first one cut there. */
  *regions(from = 0): Generator<Region> {
    let start = 0;
    for (const [index, to] of this.#ends.entries()) {
      if (to > from) {
        yield { from: Math.max(start, from), to, status: letters[this.#statuses[index] ?? 2] ?? '?' };
      }
      start = to;
    }
  }
}

/** The regions of `done`, then, where it ends, those of `before`: what is known while a map is being made. */
export function* mapSoFar(done: RescueMap, before: RescueMap): Generator<Region> {
  yield* done.regions();
  yield* before.regions(done.end);
}

/**
 * A mapfile of GNU ddrescue, line by line.
 *
 * @param comments - lines without their `#`
 * @param at - the byte up to which the current run has come; undefined once it has ended
 */
export function* rescueMapLines(
  comments: readonly string[],
  regions: Iterable<Region>,
  at: number | undefined,
): Generator<string> {
  for (const comment of comments) {
    yield `# ${comment}\n`;
  }
  yield '# current_pos  current_status  current_pass\n';
  yield `${hex(at ?? 0)}     ${at === undefined ? '+' : '?'}               1\n`;
  yield '#      pos        size  status\n';
  for (const { from, to, status } of regions) {
    yield `${hex(from)}  ${hex(to - from)}  ${status}\n`;
  }
}

/** A mapfile as read. */
export interface ParsedMap {
  /** Without their `#` and the space after it. */
  readonly comments: readonly string[];
  readonly map: RescueMap;
  /** Whether the run that wrote it came to its end. */
  readonly ended: boolean;
}

/**
 * Reads a mapfile of GNU ddrescue. What ddrescue has still to trim or scrape counts as not tried. Throws `damaged` with
 * the line that is none of a mapfile, or does not go on where the one before ends.
 */
export function parseRescueMap(text: string): ParsedMap {
  const comments: string[] = [];
  const map = new RescueMap();
  let current: string | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const wrong = (why: string): Qcow2Error => new Qcow2Error('damaged', `Line ${index + 1} of the map file ${why}.`);
    if (line.startsWith('#')) {
      comments.push(line.replace(/^# ?/, ''));
    } else if (line.trim() !== '' && current === undefined) {
      current = /^\s*(?:0x[0-9a-fA-F]+|\d+)\s+([?*/\-FG+])(?:\s+\d+)?\s*$/.exec(line)?.[1];
      if (current === undefined) {
        throw wrong('is not its status line');
      }
    } else if (line.trim() !== '') {
      const found = /^\s*(0x[0-9a-fA-F]+|\d+)\s+(0x[0-9a-fA-F]+|\d+)\s+([?*/\-+])\s*$/.exec(line);
      if (!found || Number(found[1]) !== map.end || Number(found[2]) === 0) {
        throw wrong(found ? 'does not go on where the one before ends' : 'is not a region');
      }
      const status = letters.find((letter) => letter === found[3]) ?? '?';
      map.add(map.end + Number(found[2]), status);
    }
  }
  if (current === undefined) {
    throw new Qcow2Error('damaged', 'The map file has no status line.');
  }
  return { comments, map, ended: current === '+' };
}

function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(8, '0')}`;
}
