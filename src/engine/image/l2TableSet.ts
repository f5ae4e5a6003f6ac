import { joinWords } from '../format/bits.ts';
import { l1HasReserved, l1Place, l1Unaligned } from '../format/l1.ts';
import type { Storage } from '../ports.ts';
import { type EntrySegment, type Pause, walkEntries } from './entryTables.ts';
import type { Geometry } from './geometry.ts';
import { flaws, owners, type ReferenceVisitor } from './reference.ts';

/** The L2 tables of all layers, each once, in host order. */
export interface L2TableSet {
  readonly count: number;
  /** Host offsets in bytes, ascending. */
  readonly offsets: Float64Array;
  /** How many L1 entries lead to each. */
  readonly references: Uint32Array;
  /** The source of one of these L1 entries (that of the active layer if there is one), and its index. */
  readonly sources: Int32Array;
  readonly l1Indices: Uint32Array;
}

/** Gathers the L2 tables that L1 entries lead to, and visits each L1 entry as a reference to its table. */
export async function l2TableSet(
  storage: Storage,
  geometry: Geometry,
  segments: readonly EntrySegment[],
  visitor: ReferenceVisitor,
  pause: Pause,
): Promise<L2TableSet> {
  const offsets = await distinctTables(storage, geometry, segments, pause);
  const set = {
    count: offsets.length,
    offsets,
    references: new Uint32Array(offsets.length),
    sources: new Int32Array(offsets.length),
    l1Indices: new Uint32Array(offsets.length),
  };
  await walkEntries(
    storage,
    segments,
    ({ source, references, offset, first }, index, hi, lo) => {
      const table = l1Place(hi, lo);
      const host = BigInt(offset + (index - first) * 8);
      const words = { target: BigInt(table), raw: joinWords(hi, lo) };
      const place = { owner: owners.l2Table, source, table: index, entry: -1, count: 1, host, ...words };
      if (l1HasReserved(hi, lo)) {
        visitor.flaw?.(flaws.reserved, place);
      }
      if (l1Unaligned(lo, geometry.clusterBits)) {
        visitor.flaw?.(flaws.unaligned, place);
      } else if (table === 0) {
        visitor.flaw?.(flaws.flagsAlone, place);
      } else {
        visitor.reference(owners.l2Table, source, index, table / geometry.clusterSize, 1, references);
        count(set, table, source, index, references);
      }
    },
    ({ source, offset, first }, table, count, system) => {
      const host = BigInt(offset + (table - first) * 8);
      const place = { owner: owners.l2Table, source, table, entry: -1, count, host, target: 0n, raw: 0n, system };
      visitor.flaw?.(flaws.unreadable, place);
    },
    pause,
  );
  return set;
}

function count(set: L2TableSet, table: number, source: number, index: number, references: number): void {
  const at = indexOf(set.offsets, table);
  const before = set.references[at] ?? 0;
  if (before === 0 || source < (set.sources[at] ?? 0)) {
    set.sources[at] = source;
    set.l1Indices[at] = index;
  }
  set.references[at] = before + references;
}

/** The index of a host offset that is in the list. */
function indexOf(offsets: Float64Array, wanted: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((offsets[middle] ?? 0) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** The offsets of the tables, ascending, without repetition. */
async function distinctTables(
  storage: Storage,
  geometry: Geometry,
  segments: readonly EntrySegment[],
  pause: Pause,
): Promise<Float64Array> {
  let offsets = new Float64Array(1024);
  let length = 0;
  await walkEntries(
    storage,
    segments,
    (_segment, _index, hi, lo) => {
      const table = l1Place(hi, lo);
      if (table === 0 || l1Unaligned(lo, geometry.clusterBits)) {
        return;
      }
      if (length === offsets.length) {
        length = sortOut(offsets);
        if (length > offsets.length / 2) {
          const larger = new Float64Array(offsets.length * 2);
          larger.set(offsets.subarray(0, length));
          offsets = larger;
        }
      }
      offsets[length++] = table;
    },
    () => undefined,
    pause,
  );
  const rest = offsets.subarray(0, length);
  return rest.subarray(0, sortOut(rest));
}

/** Sorts the offsets and drops repetitions; returns how many are left. */
function sortOut(offsets: Float64Array): number {
  offsets.sort();
  let kept = 0;
  for (const offset of offsets) {
    if (kept === 0 || offsets[kept - 1] !== offset) {
      offsets[kept++] = offset;
    }
  }
  return kept;
}

/** The index of the table at a host offset (bytes); -1 where the set has none there. */
export function indexOfTable({ offsets }: L2TableSet, offset: number): number {
  const index = indexOf(offsets, offset);
  return offsets[index] === offset ? index : -1;
}

/** Some of the tables of a set, by index, ascending. */
export function someTables(set: L2TableSet, indices: readonly number[]): L2TableSet {
  return {
    count: indices.length,
    offsets: Float64Array.from(indices, (index) => set.offsets[index] ?? 0),
    references: Uint32Array.from(indices, (index) => set.references[index] ?? 0),
    sources: Int32Array.from(indices, (index) => set.sources[index] ?? 0),
    l1Indices: Uint32Array.from(indices, (index) => set.l1Indices[index] ?? 0),
  };
}
