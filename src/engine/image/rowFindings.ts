import type { Finding } from '../finding.ts';
import { joinWords } from '../format/bits.ts';
import { compressedMaxBytes } from '../format/compressed.ts';
import { l1Place, l1Unaligned } from '../format/l1.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../format/l2.ts';
import { refcountTableEntry, refcountTableUnaligned } from '../format/refcounts.ts';
import { EntryFindings } from './entryFindings.ts';
import { l1Flaws, refcountTableFlaws } from './entryFlaws.ts';
import { FindingList } from './findingList.ts';
import type { Geometry } from './geometry.ts';
import { l2Flaws, l2Target } from './l2Flaws.ts';
import { activeSource, type EntryPlace, flaws, owners } from './reference.ts';
import { compressedPastEnd } from './tableEntry.ts';
import type { TableId } from './tablePlace.ts';
import { byteOf, type TableWindow, unreadableEntry } from './tableWindow.ts';

/** What a scan reports of one entry, were it alone in its table: there it may be told together with its neighbours. */
export function rowFindings(geometry: Geometry, window: TableWindow, index: number): readonly Finding[] {
  const list = new FindingList();
  new RowFindings(geometry, window, new EntryFindings(geometry, list)).add(index);
  return list.findings;
}

class RowFindings {
  readonly #geometry: Geometry;
  readonly #window: TableWindow;
  readonly #found: EntryFindings;

  constructor(geometry: Geometry, window: TableWindow, found: EntryFindings) {
    this.#geometry = geometry;
    this.#window = window;
    this.#found = found;
  }

  /** Entries past the end of the file have no finding of their own: that is one of what leads to their table. */
  add(index: number): void {
    const bad = unreadableEntry(this.#window, index);
    const { id } = this.#window.place;
    if (index >= this.#window.end) {
      return;
    }
    if (id.kind === 'refcount-block') {
      if (bad) {
        this.#found.blockUnreadable(id.index, Number(this.#window.place.offset), this.#inTable(bad));
      }
      return;
    }
    const at = byteOf(this.#window, index);
    const hi = bad ? 0 : this.#window.view.getUint32(at);
    const lo = bad ? 0 : this.#window.view.getUint32(at + 4);
    const place = this.#place(id, index, at, joinWords(hi, lo));
    if (bad) {
      this.#found.flaw(flaws.unreadable, { ...place, system: bad.system });
    } else if (id.kind === 'l1') {
      this.#l1(place, hi, lo);
    } else if (id.kind === 'l2') {
      this.#l2(place, at, hi, lo);
    } else {
      this.#refcountTable(place, hi, lo);
    }
  }

  #l1(place: EntryPlace, hi: number, lo: number): void {
    const { clusterBits } = this.#geometry;
    const table = l1Place(hi, lo);
    for (const flaw of l1Flaws(hi, lo, clusterBits)) {
      this.#found.flaw(flaw, { ...place, target: BigInt(table) });
    }
    if (table !== 0 && !l1Unaligned(lo, clusterBits)) {
      this.#found.reference(owners.l2Table, place.source, place.table, this.#cluster(table), 1);
    }
  }

  #refcountTable(place: EntryPlace, hi: number, lo: number): void {
    const { clusterBits } = this.#geometry;
    const block = refcountTableEntry(hi, lo);
    for (const flaw of refcountTableFlaws(lo, clusterBits)) {
      this.#found.flaw(flaw, { ...place, target: BigInt(block) });
    }
    if (block !== 0 && !refcountTableUnaligned(lo, clusterBits)) {
      this.#found.reference(owners.refcountBlock, 0, place.table, this.#cluster(block), 1);
    }
  }

  #l2(place: EntryPlace, at: number, hi: number, lo: number): void {
    const geometry = this.#geometry;
    const { extended, clusterSize, clusterBits, l2Entries, dataFile } = geometry;
    const zero = extended ? this.#window.view.getUint32(at + 8) : 0;
    const alloc = extended ? this.#window.view.getUint32(at + 12) : 0;
    const cluster = place.table * l2Entries + place.entry;
    const entry = { ...place, target: l2Target(hi, lo, geometry) };
    for (const flaw of l2Flaws(hi, lo, alloc, zero, cluster * clusterSize, geometry)) {
      this.#found.flaw(flaw, entry);
    }
    if (dataFile) {
      return;
    }
    const kind = l2Kind(hi, lo, geometry);
    if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
      this.#found.reference(owners.data, place.source, cluster, this.#cluster(l2HostOffset(hi, lo)), 1);
    } else if ((zero | alloc) === 0 && compressedPastEnd(geometry, hi, lo)) {
      this.#found.flaw(flaws.pastEnd, { ...entry, length: compressedMaxBytes(hi, lo, clusterBits) });
    }
  }

  #cluster(offset: number): number {
    return Math.floor(offset / this.#geometry.clusterSize);
  }

  #place(id: Exclude<TableId, { kind: 'refcount-block' }>, index: number, at: number, raw: bigint): EntryPlace {
    const host = this.#window.host + BigInt(at);
    const common = { count: 1, host, target: 0n, raw };
    switch (id.kind) {
      case 'l1':
        return { ...common, owner: owners.l2Table, source: id.snapshot ?? activeSource, table: index, entry: -1 };
      case 'l2':
        return { ...common, owner: owners.data, source: id.snapshot ?? activeSource, table: id.l1, entry: index };
      case 'refcount-table':
        return { ...common, owner: owners.refcountBlock, source: 0, table: index, entry: -1 };
    }
  }

  /** Unreadable bytes of the window as bytes of the block. */
  #inTable<T extends { readonly from: number; readonly to: number }>(bad: T): T {
    const shift = Number(this.#window.host - this.#window.place.offset);
    return { ...bad, from: bad.from + shift, to: bad.to + shift };
  }
}
