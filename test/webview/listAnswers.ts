import type { FieldRow, ImageDescription } from '../../src/engine/image/description.ts';
import type { DifferingRange, DirtyRange, ListApi, RangePage, RangesRequest } from '../../src/protocol/listApi.ts';
import type { Handlers } from '../../src/worker/server.ts';

/** The methods on snapshots and bitmaps that the fake worker has. */
export type ListAnswers = Pick<Handlers, keyof ListApi>;

const kinds = ['data', 'zero-plain', 'unallocated', 'compressed', 'wrong', undefined] as const;

/** Answers of a worker about the lists of an image: what it does not describe is made up. */
export function listAnswers({ snapshots, bitmaps }: ImageDescription): ListAnswers {
  return {
    snapshots: async ({ from, count }) => snapshots.items.slice(from, from + count),
    snapshot: async ({ index }) => ({
      ...there(snapshots.items, index),
      length: 72,
      fields: [row('l1_table_offset', '0x9_0000'), row('id_str_size', '1')],
      extraFields: [row('disk_size', '1 099 511 627 776')],
    }),
    snapshotUse: async (_, { report }) => {
      report(1, 2);
      return {
        clusterSize: 65536,
        exclusive: { tables: 3, data: 19_661 },
        withActive: { tables: 1, data: 120_000 },
        withSnapshots: { tables: 0, data: 5 },
        withBoth: { tables: 2, data: 1_000_000 },
        freed: { tables: 3, data: 19_660 },
        snapshotTable: { before: 2, after: 1 },
        freedBytes: 19_664n * 65536n,
        refcountTooLow: 0,
        flawed: 0,
        pastEnd: 7,
      };
    },
    snapshotDifference: async () => ({
      ranges: 1000,
      bytes: 1000n << 20n,
      changes: {
        written: 400n << 20n,
        overwritten: 300n << 20n,
        removed: 200n << 20n,
        resized: 50n << 20n,
        unknown: 50n << 20n,
      },
    }),
    differingRanges: async (request) => page(request, differing),
    bitmaps: async ({ from, count }) => bitmaps.items.slice(from, from + count),
    bitmap: async ({ index }) => ({ ...there(bitmaps.items, index), length: 40, fields: [row('type', '1')] }),
    bitmapUse: async () => ({ ranges: 1000, dirty: 999n << 20n, unknown: 1n << 20n }),
    dirtyRanges: async (request) => page(request, dirty),
  };
}

function there<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) {
    throw new Error(`no entry ${index}`);
  }
  return item;
}

function row(name: string, shown: string): FieldRow {
  const about = `What ${name} is.`;
  return {
    name,
    offset: 0,
    size: 8,
    present: true,
    bytes: new Uint8Array(8),
    value: 0n,
    shown,
    meaning: '',
    about,
    rules: [],
  };
}

function differing(index: number): DifferingRange {
  const snapshot = kinds[index % kinds.length];
  const active = kinds[(index + 1) % kinds.length];
  const range = { start: BigInt(index) << 24n, length: 1n << 20n };
  return { ...range, ...(snapshot && { snapshot }), ...(active && { active }) };
}

function dirty(index: number): DirtyRange {
  return { start: BigInt(index) << 24n, length: 1n << 20n, state: index === 999 ? 'unknown' : 'dirty' };
}

/** A thousand ranges, 16 MiB apart. */
function page<T>({ from, count }: RangesRequest, make: (index: number) => T): RangePage<T> {
  const first = Number((from + (1n << 24n) - 1n) >> 24n);
  const end = Math.min(1000, first + count);
  const rows = Array.from({ length: Math.max(0, end - first) }, (_, index) => make(first + index));
  return end < 1000 ? { rows, next: BigInt(end) << 24n } : { rows };
}
