import type { ByteRange, Finding, FindingCode } from '../finding.ts';
import type { GuestImpact, ImpactKind, Partition } from './diagnosis.ts';
import { NumberRows } from './numberRows.ts';

/** What the guest has of a finding. Those that are not here hurt no range of its disk. */
const kinds: { readonly [code in FindingCode]?: ImpactKind } = {
  'l1-table-too-small': 'unreadable',
  'l1-table-unreadable': 'unreadable',
  'l1-entry-unaligned': 'unreadable',
  'l1-entry-unreadable': 'unreadable',
  'l2-entry-unreadable': 'unreadable',
  'l2-entry-unaligned': 'unreadable',
  'l2-zero-in-version-2': 'unreadable',
  'l2-subclusters-invalid': 'unreadable',
  'l2-compressed-in-data-file': 'unreadable',
  'l2-data-file-offset': 'unreadable',
  'l2-compressed-offset': 'unreadable',
  'compressed-past-end': 'unreadable',
  'compressed-cut': 'unreadable',
  'compressed-undecodable': 'unreadable',
  'l1-table-past-end': 'wrong',
  'l2-table-past-end': 'wrong',
  'data-past-end': 'wrong',
  'clusters-overlap': 'wrong',
  'cluster-shared': 'wrong',
  'l2-table-shared': 'wrong',
  'compressed-overlap': 'wrong',
  'refcount-too-low': 'at-risk',
  'copied-wrong': 'at-risk',
};

const codes = Object.keys(kinds) as FindingCode[];

/** Ranges that are kept, and how many of them are told. */
const kept = 2 ** 20;
const told = 10_000;

/** What the guest has of findings. */
export interface ImpactList {
  readonly impacts: readonly GuestImpact[];
  /** How many ranges there are beyond those. */
  readonly unlisted: number;
}

/** Gathers what the guest has of findings. */
export class Impacts {
  /** Code, first sector and sectors: numbers are exact with whole sectors. */
  readonly #rows = new NumberRows(3);
  #unkept = 0;

  /** How many ranges there are. */
  get count(): number {
    return this.#rows.length + this.#unkept;
  }

  /** Adds what a finding about the disk as it is now does to it. */
  add({ code, values, guest }: Finding): void {
    // COPIED that is clear where it could be set only costs a copy.
    if (guest && !(code === 'copied-wrong' && values.copied === 'clear')) {
      this.addRange(code, guest);
    }
  }

  /** Adds a range that a finding of a code hurts. */
  addRange(code: FindingCode, { offset, length }: ByteRange): void {
    const index = codes.indexOf(code);
    if (index < 0) {
      return;
    }
    if (this.#rows.length >= kept) {
      this.#unkept++;
      return;
    }
    this.#rows.push([index, Number(offset / 512n), Number((length + 511n) / 512n)]);
  }

  /**
   * The ranges in guest order, neighbours with the same code as one, cut at the end of the disk (bytes). `unlisted`: how
   * many there are beyond the first ones.
   */
  list(size: bigint, partitions: readonly Partition[]): ImpactList {
    const rows = this.#rows;
    const byPlace = Uint32Array.from({ length: rows.length }, (_, index) => index).sort(
      (a, b) => (rows.row(a)[1] ?? 0) - (rows.row(b)[1] ?? 0),
    );
    const impacts: GuestImpact[] = [];
    /** By code: the range that may go on. */
    const open = new Map<number, { from: number; to: number }>();
    let unlisted = this.#unkept;
    const close = (index: number, { from, to }: { readonly from: number; readonly to: number }): void => {
      const offset = BigInt(from) * 512n;
      const end = BigInt(to) * 512n < size ? BigInt(to) * 512n : size;
      const code = codes[index];
      const kind = code && kinds[code];
      if (code === undefined || kind === undefined || offset >= end) {
        return;
      }
      if (impacts.length >= told) {
        unlisted++;
        return;
      }
      const partition = partitionAt(partitions, offset);
      impacts.push({ kind, guest: { offset, length: end - offset }, code, ...(partition ? { partition } : {}) });
    };
    for (const at of byPlace) {
      const [index = 0, from = 0, sectors = 0] = rows.row(at);
      const last = open.get(index);
      if (last && from <= last.to) {
        last.to = Math.max(last.to, from + sectors);
      } else {
        if (last) {
          close(index, last);
        }
        open.set(index, { from, to: from + sectors });
      }
    }
    for (const [index, last] of open) {
      close(index, last);
    }
    impacts.sort((a, b) => (a.guest.offset < b.guest.offset ? -1 : a.guest.offset > b.guest.offset ? 1 : 0));
    return { impacts, unlisted };
  }
}

/** The partition in which a guest offset lies. */
function partitionAt(partitions: readonly Partition[], at: bigint): Partition | undefined {
  return partitions.find(({ guest }) => at >= guest.offset && at < guest.offset + guest.length);
}
