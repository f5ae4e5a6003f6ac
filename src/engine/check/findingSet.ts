import type { Finding, FindingCode } from '../finding.ts';
import type { Severity } from '../findingText.ts';
import { findingTexts } from '../findingTexts.ts';
import type { FindingSink } from '../image/findingList.ts';
import { isCountedByQemu } from './countedByQemu.ts';
import type { FindingGroup } from './diagnosis.ts';
import { Impacts } from './impacts.ts';
import { NumberRows } from './numberRows.ts';

/** Findings of a kind that are kept as numbers, and made again when they are asked for. */
export interface FindingRows {
  /** Numbers a finding. */
  readonly width: number;
  expand(row: Float64Array): readonly Finding[];
}

/** Bytes of memory for all findings, and what a whole one takes, about. */
const defaultBytes = 256 * 2 ** 20;
const wholeBytes = 512;

/** Whether a finding is about the guest's disk as it is now, not as a snapshot keeps it. */
function hurtsActive({ guest, chain }: Finding): boolean {
  return guest !== undefined && !chain.startsWith('snapshot[');
}

/** The findings of one code. */
class CodeFindings {
  count = 0;
  hostBytes = 0n;
  guestBytes = 0n;
  readonly whole: Finding[] = [];
  readonly rows = new Map<FindingRows, NumberRows>();

  add(found: Finding): void {
    this.count++;
    this.hostBytes += found.host?.length ?? 0n;
    if (hurtsActive(found)) {
      this.guestBytes += found.guest?.length ?? 0n;
    }
  }

  /** How many can be listed. */
  get listed(): number {
    let listed = this.whole.length;
    for (const { length } of this.rows.values()) {
      listed += length;
    }
    return listed;
  }

  list(from: number, count: number): Finding[] {
    const found = this.whole.slice(from, from + count);
    let before = this.whole.length;
    for (const [kind, rows] of this.rows) {
      for (let index = from + found.length - before; index < rows.length && found.length < count; index++) {
        found.push(...kind.expand(rows.row(index)));
      }
      before += rows.length;
    }
    return found;
  }
}

/**
 * Findings by code, of any number: those that come in masses are kept as numbers. Where even these take too much memory,
 * the rest is only counted.
 */
export class FindingSet implements FindingSink {
  /** What the guest has of them. */
  readonly impacts = new Impacts();
  readonly #codes = new Map<FindingCode, CodeFindings>();
  #left: number;

  /** Findings in about `bytes` of memory. */
  constructor(bytes = defaultBytes) {
    this.#left = bytes;
  }

  addUnlisted(code: FindingCode, count: number): void {
    if (count > 0) {
      this.#of(code).count += count;
    }
  }

  add(...found: readonly Finding[]): void {
    for (const one of found) {
      const of = this.#count(one);
      if (this.#takes(wholeBytes)) {
        of.whole.push(one);
      }
    }
  }

  /** Adds a finding that `kind` makes of a row of numbers. */
  addRow(found: Finding, kind: FindingRows, row: readonly number[]): void {
    const of = this.#count(found);
    if (this.#takes(kind.width * 8)) {
      const rows = of.rows.get(kind) ?? new NumberRows(kind.width);
      of.rows.set(kind, rows);
      rows.push(row);
    }
  }

  /** Whether there is a finding of a code. */
  has(code: FindingCode): boolean {
    return this.#codes.has(code);
  }

  /** Findings of a code from one on, `count` at most. */
  findings(code: FindingCode, from: number, count: number): readonly Finding[] {
    return this.#codes.get(code)?.list(from, count) ?? [];
  }

  /**
   * The groups, the worst first. `clean`: qemu-img check counts no corruption, so that none of these is of its: it lets pass
   * what reaches past the end of the file by less than a cluster, and bitmaps that are not up to date.
   */
  groups(clean: boolean): readonly FindingGroup[] {
    const groups = [...this.#codes].map(([code, found]) => ({
      code,
      count: found.count,
      ...(found.listed < found.count ? { listed: found.listed } : {}),
      hostBytes: found.hostBytes,
      guestBytes: found.guestBytes,
      additional: !isCountedByQemu(code) || (clean && isSilentCorruption(code)),
    }));
    return groups.sort((a, b) => rank(a.code) - rank(b.code) || order.indexOf(a.code) - order.indexOf(b.code));
  }

  #count(found: Finding): CodeFindings {
    const of = this.#of(found.code);
    of.add(found);
    if (hurtsActive(found)) {
      this.impacts.add(found);
    }
    return of;
  }

  #of(code: FindingCode): CodeFindings {
    const found = this.#codes.get(code) ?? new CodeFindings();
    this.#codes.set(code, found);
    return found;
  }

  #takes(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }
}

function isSilentCorruption(code: FindingCode): boolean {
  const { severity, verdict } = findingTexts[code];
  return severity === 'corruption' && verdict !== 'refuses';
}

/** All codes, in the order of their texts. */
const order: readonly string[] = Object.keys(findingTexts);

const ranks: Readonly<Record<Severity, number>> = { corruption: 0, leak: 1, warning: 2, note: 3 };

function rank(code: FindingCode): number {
  return ranks[findingTexts[code].severity];
}
