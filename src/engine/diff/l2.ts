import { joinWords } from '../format/bits.ts';
import { compressedByte, compressedCluster } from '../format/compressed.ts';
import { l2Copied, l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { l2TableOf, nextL2Table } from '../image/l1Table.ts';
import { type L2Content, L2Reader } from '../image/l2Comparison.ts';
import type { Layer } from '../image/layer.ts';
import type { Progress } from '../ports.ts';
import type { DifferenceVisitor, Side } from './difference.ts';
import { compareEntryTables } from './entryTables.ts';

/** A layer of one of two images. */
export interface ImageLayer {
  readonly image: Image;
  readonly layer: Layer;
}

/** Pairs of equal tables that are kept in mind, so that layers that share them cost nothing. */
const mostPairs = 2 ** 18;

/** Compares the L1 and L2 tables of layers of two images with the same geometry. */
export class LayerComparison {
  readonly #geometry: Geometry;
  readonly #visit: DifferenceVisitor;
  readonly #equal = new Set<string>();

  constructor(geometry: Geometry, visit: DifferenceVisitor) {
    this.#geometry = geometry;
    this.#visit = visit;
  }

  /** Compares all entries, and tells of the runs that differ. `name`: of the layer, before the places. */
  async compare(name: string, a: ImageLayer, b: ImageLayer, progress: Progress): Promise<void> {
    const table = ({ image, layer: { l1 } }: ImageLayer) => ({
      storage: image.storage,
      offset: l1.offset,
      entries: l1.entries,
    });
    await compareEntryTables({ section: 'l1', name: `${name}L1` }, table(a), table(b), this.#visit, progress);
    const readers = [new L2Reader(a.image.storage, a.layer), new L2Reader(b.image.storage, b.layer)] as const;
    const runs = new Runs(this.#geometry, name, this.#visit);
    const [left, right] = [a.layer.l1, b.layer.l1];
    const end = Math.max(left.entries, right.entries);
    const next = (from: number): number => Math.min(nextL2Table(left, from, end), nextL2Table(right, from, end));
    for (let index = next(0); index < end; index = next(index + 1)) {
      const pair = `${l2TableOf(left, index)} ${l2TableOf(right, index)}`;
      if (!this.#equal.has(pair)) {
        const tables = [
          index < left.entries ? await readers[0].read(index) : 'none',
          index < right.entries ? await readers[1].read(index) : 'none',
        ] as const;
        if (this.#same(...tables)) {
          if (this.#equal.size < mostPairs) {
            this.#equal.add(pair);
          }
        } else {
          this.#entries(index, tables[0], tables[1], runs);
        }
      }
      await progress.step(index, end);
    }
    runs.flush();
  }

  #same(a: L2Content, b: L2Content): boolean {
    if (typeof a === 'string' || typeof b === 'string') {
      return a === b;
    }
    const [words, others] = [new Uint32Array(a.buffer), new Uint32Array(b.buffer)];
    return words.every((word, index) => word === others[index]);
  }

  #entries(l1Index: number, a: L2Content, b: L2Content, runs: Runs): void {
    const { l2Entries } = this.#geometry;
    for (let entry = 0; entry < l2Entries; entry++) {
      const [one, other] = [this.#entry(a, entry), this.#entry(b, entry)];
      if (!sameEntry(one, other)) {
        runs.add(l1Index * l2Entries + entry, one, other);
      }
    }
  }

  #entry(table: L2Content, index: number): Entry {
    if (typeof table === 'string') {
      return { hi: 0, lo: 0, zero: 0, alloc: 0, known: table === 'none' };
    }
    const { l2EntryBytes, extended } = this.#geometry;
    const at = index * l2EntryBytes;
    return {
      hi: table.getUint32(at),
      lo: table.getUint32(at + 4),
      zero: extended ? table.getUint32(at + 8) : 0,
      alloc: extended ? table.getUint32(at + 12) : 0,
      known: true,
    };
  }
}

/** The words of an L2 entry. */
interface Entry {
  readonly hi: number;
  readonly lo: number;
  readonly zero: number;
  readonly alloc: number;
  /** False where its table can't be read. */
  readonly known: boolean;
}

function sameEntry(a: Entry, b: Entry): boolean {
  return a.known === b.known && a.hi === b.hi && a.lo === b.lo && a.zero === b.zero && a.alloc === b.alloc;
}

/** By `L2Kind`. */
const kindNames = ['unallocated', 'data', 'zero', 'zero-allocated', 'compressed'] as const;

/** Joins neighbours that differ in the same way to runs. */
class Runs {
  readonly #geometry: Geometry;
  readonly #name: string;
  readonly #visit: DifferenceVisitor;
  #start = 0;
  #count = 0;
  #first: readonly [Entry, Entry] | undefined;

  constructor(geometry: Geometry, name: string, visit: DifferenceVisitor) {
    this.#geometry = geometry;
    this.#name = name;
    this.#visit = visit;
  }

  add(cluster: number, a: Entry, b: Entry): void {
    const first = this.#first;
    if (
      first &&
      cluster === this.#start + this.#count &&
      this.#continues(first[0], this.#count, a) &&
      this.#continues(first[1], this.#count, b)
    ) {
      this.#count++;
      return;
    }
    this.flush();
    [this.#start, this.#count, this.#first] = [cluster, 1, [a, b]];
  }

  /** Visits the last run. */
  flush(): void {
    if (this.#first) {
      const size = BigInt(this.#geometry.clusterSize);
      const guest = { start: BigInt(this.#start) * size, length: BigInt(this.#count) * size };
      const place = `${this.#name}guest`;
      const [a, b] = [this.#side(this.#first[0]), this.#side(this.#first[1])];
      this.#visit({ section: 'l2', place, guest, count: this.#count, a, b });
      this.#first = undefined;
    }
  }

  /** Whether an entry is to the first one of a run what is `count` clusters further on. */
  #continues(first: Entry, count: number, now: Entry): boolean {
    const kind = l2Kind(first.hi, first.lo, this.#geometry);
    if (first.known !== now.known || kind !== l2Kind(now.hi, now.lo, this.#geometry)) {
      return false;
    }
    if (kind === l2Kinds.compressed) {
      return true;
    }
    const placed = kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated;
    const step = placed ? count * this.#geometry.clusterSize : 0;
    return (
      l2HostOffset(now.hi, now.lo) === l2HostOffset(first.hi, first.lo) + step &&
      now.hi >>> 24 === first.hi >>> 24 &&
      (now.lo & 0x1ff) === (first.lo & 0x1ff) &&
      now.zero === first.zero &&
      now.alloc === first.alloc
    );
  }

  #side({ hi, lo, zero, alloc, known }: Entry): Side {
    if (!known) {
      return { text: 'table can’t be read', values: { kind: 'unreadable' } };
    }
    const { clusterBits, clusterSize, extended } = this.#geometry;
    const kind = l2Kind(hi, lo, this.#geometry);
    const raw = hex(joinWords(hi, lo));
    const bitmap = extended ? hex(joinWords(zero, alloc)) : undefined;
    const host =
      kind === l2Kinds.compressed
        ? BigInt(compressedCluster(hi, lo, clusterBits)) * BigInt(clusterSize) + BigInt(compressedByte(lo, clusterBits))
        : BigInt(l2HostOffset(hi, lo));
    const at = kind === l2Kinds.unallocated || kind === l2Kinds.zeroPlain ? undefined : host;
    const copied = kind !== l2Kinds.compressed && l2Copied(hi);
    const words = [
      `${kindNames[kind]}${at === undefined ? '' : ` at 0x${at.toString(16)}`}`,
      ...(copied ? ['copied'] : []),
      ...(bitmap === undefined ? [] : [`subclusters 0x${bitmap}`]),
    ];
    return {
      text: words.join(', '),
      values: {
        kind: kindNames[kind],
        ...(at === undefined ? {} : { host: at }),
        copied,
        raw,
        ...(bitmap === undefined ? {} : { bitmap }),
      },
    };
  }
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
