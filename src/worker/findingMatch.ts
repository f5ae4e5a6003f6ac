import type { ByteRange, Finding, FindingCode } from '../engine/finding.ts';
import { type FindingText, placeholder, structureOf } from '../engine/findingText.ts';
import { findingTexts } from '../engine/findingTexts.ts';

/** One of the words of a filter. */
interface Term {
  /** Whether it is in a text that was written by `plain`. */
  isIn(text: string): boolean;
  /** The word as an offset: in the file, on the guest's disk, or either. */
  readonly offset?: { readonly value: bigint; readonly spaces: readonly ('host' | 'guest')[] };
}

/** A word, or a number that may have the name of its space before it: `host 0x3_0000`. */
const word = /(?<!\S)(?:(host|guest)\s+)?(0x[\da-f]+|\d+)(?!\S)|\S+/g;

/**
 * Findings that have all words of a filter: in what the page says of them (severity, code, structure, place, title, meaning,
 * QEMU's message), in any case. A number, hex or decimal, is found where it stands as a whole number, whichever way it is
 * written; and as an offset that is in the finding's host or guest range, or only in the one whose name is before it.
 */
export class FindingMatch {
  readonly #terms: readonly Term[];

  /** @param words - as they were typed */
  constructor(words: string) {
    this.#terms = Array.from(plain(words).matchAll(word), ([text, space, number]) =>
      number === undefined ? { isIn: (all) => all.includes(text) } : numberTerm(BigInt(number), space),
    );
  }

  /** What tells findings of one code apart; undefined where all of them match. */
  of(code: FindingCode): ((found: Finding) => boolean) | undefined {
    const { severity, title, meaning, qemu = '' }: FindingText = findingTexts[code];
    const texts = [title, meaning, qemu].map(piecesOf);
    // The words that all findings of the code have need not be looked for in each.
    const same = texts.flatMap((pieces) => pieces.map(({ literal }) => literal));
    const common = plain([severity, `${severity}s`, code, ...same].join('\n'));
    const terms = this.#terms.filter((term) => !term.isIn(common));
    const varying = texts.filter(({ length }) => length > 1);
    return terms.length === 0 ? undefined : (found) => hasAll(found, terms, varying);
  }
}

/** A piece of a text: what stands there, then what is filled in. */
interface Piece {
  readonly literal: string;
  readonly name?: string | undefined;
  readonly one?: string | undefined;
  readonly many?: string | undefined;
}

/** A text in pieces: `fillText` would take most of the time of a filter. Only the last one has nothing that is filled in. */
function piecesOf(text: string): readonly Piece[] {
  const parts = text.split(placeholder);
  return Array.from({ length: Math.ceil(parts.length / 4) }, (_, index) => {
    const [literal = '', name, one, many] = parts.slice(index * 4);
    return { literal, name, one, many };
  });
}

function hasAll(found: Finding, terms: readonly Term[], texts: readonly (readonly Piece[])[]): boolean {
  const left = terms.filter((term) => !isInRange(found, term));
  if (left.length === 0) {
    return true;
  }
  const { chain, values } = found;
  let text = `${chain}\n${structureOf(chain)}`;
  for (const pieces of texts) {
    text += '\n';
    for (const { literal, name, one, many } of pieces) {
      const value = name === undefined ? '' : String(values[name] ?? '');
      text += one === undefined ? literal + value : `${literal}${value} ${value === '1' ? one : many}`;
    }
  }
  const all = plain(text);
  return left.every((term) => term.isIn(all));
}

function isInRange(found: Finding, { offset }: Term): boolean {
  return offset?.spaces.some((space) => contains(found[space], offset.value)) ?? false;
}

function contains(range: ByteRange | undefined, offset: bigint): boolean {
  return range !== undefined && offset >= range.offset && offset < range.offset + range.length;
}

function numberTerm(value: bigint, space: string | undefined): Term {
  if (space === 'host' || space === 'guest') {
    return { isIn: () => false, offset: { value, spaces: [space] } };
  }
  const whole = new RegExp(`(?<![\\w.])(?:0x0*${value.toString(16)}|0*${value})(?!\\w|\\.\\d)`);
  return { isIn: (text) => whole.test(text), offset: { value, spaces: ['host', 'guest'] } };
}

/** Text as it is compared: in lower case, with digits that are not in groups, and the arrows of the page. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll('\u202f', '')
    .replaceAll(/\b0x[\da-f_]+/g, (number) => number.replaceAll('_', ''))
    .replaceAll('->', '→');
}
