import { l2Fault, l2Faults } from '../format/l2.ts';
import { addExtendedRuns, addStandardRuns } from '../image/entryRuns.ts';
import { hostOffset } from '../image/geometry.ts';
import { type ExtentKind, extentKinds } from '../image/kinds.ts';
import { l2TableOf, nextL2Table } from '../image/l1Table.ts';
import type { L2Visitor, Lost } from '../image/l2Tables.ts';
import type { Layer } from '../image/layer.ts';
import { RunMerger } from '../image/runMerger.ts';
import { faultReasons, type Missing } from './missing.ts';

/** What the tables of one image tell of bytes. */
type Content =
  | { readonly kind: 'zero' | 'unallocated' | 'compressed' }
  | { readonly kind: 'stored'; readonly host: bigint }
  | { readonly kind: 'missing'; readonly why: Missing };

/** What they tell of a range. Guest offsets in bytes. */
export type Told = { readonly from: number; readonly to: number } & Content;

/**
 * Gathers what the tables of a layer tell of a range, and where they tell nothing, why. A table past the end of the file
 * reads as zeros in QEMU, and the disk as empty: here it is missing, since a file that was cut has lost it.
 */
export class TableReader implements L2Visitor {
  readonly told: Told[] = [];
  readonly #layer: Layer;
  readonly #from: number;
  readonly #to: number;
  readonly #most: number;

  /** From `from` to `to`; the walk ends once there are `most` ranges. */
  constructor(layer: Layer, from: number, to: number, most: number) {
    this.#layer = layer;
    this.#from = from;
    this.#to = to;
    this.#most = most;
  }

  absent(l1Index: number, count: number): boolean {
    const { l1 } = this.#layer;
    const end = l1Index + count;
    const inFile = l1.view.byteLength / 8;
    let index = l1Index;
    while (index < Math.min(end, inFile)) {
      const named = nextL2Table(l1, index, Math.min(end, inFile));
      this.#tables(index, named, { kind: 'unallocated' });
      if (named < Math.min(end, inFile)) {
        const host = BigInt(l2TableOf(l1, named));
        this.#tables(named, named + 1, { kind: 'missing', why: { reason: 'l2-table-past-end', host } });
      }
      index = named + 1;
    }
    const cut = Math.max(l1Index, inFile);
    if (cut < end) {
      const host = l1.offset + BigInt(cut) * 8n;
      this.#tables(cut, end, { kind: 'missing', why: { reason: 'l1-table-past-end', host } });
    }
    return this.#wanted();
  }

  lost(l1Index: number, from: number, to: number, { reason, at, system }: Lost): boolean {
    const why: Missing =
      reason === 'unaligned'
        ? { reason: 'l1-entry-unaligned', host: at }
        : { reason: reason === 'l1' ? 'l1-unreadable' : 'l2-unreadable', host: at, system };
    this.#entries(l1Index, from, to, { kind: 'missing', why });
    return this.#wanted();
  }

  entries(l1Index: number, from: number, to: number, view: DataView, at: number): boolean {
    const { geometry, l1 } = this.#layer;
    const table = l2TableOf(l1, l1Index);
    const inFile = Math.floor((Number(geometry.fileSize) - table) / geometry.l2EntryBytes);
    const end = Math.max(from, Math.min(to, inFile));
    const first = l1Index * geometry.l2Entries + from;
    const merger = new RunMerger(geometry, (kind, unit, count, cluster, byte) => {
      if (kind === extentKinds.invalid) {
        this.#invalid(unit / geometry.clusterUnits, count / geometry.clusterUnits, first, view, at);
      } else {
        this.#units(
          unit,
          count,
          contentOf(kind, () => hostOffset(geometry, cluster, byte)),
        );
      }
      return this.#wanted();
    });
    const more = geometry.extended
      ? addExtendedRuns(geometry, merger, first, end - from, view, at)
      : addStandardRuns(geometry, merger, first, end - from, view, at);
    if (!more || !merger.end()) {
      return false;
    }
    const host = BigInt(table + end * geometry.l2EntryBytes);
    this.#entries(l1Index, end, to, { kind: 'missing', why: { reason: 'l2-table-past-end', host } });
    return this.#wanted();
  }

  /** Entries that QEMU can't read, each with its own reason. `first`: the cluster of the entry at byte `at` of `view`. */
  #invalid(cluster: number, count: number, first: number, view: DataView, at: number): void {
    const { geometry } = this.#layer;
    for (let index = cluster; index < cluster + count; index++) {
      const entry = at + (index - first) * geometry.l2EntryBytes;
      const zero = geometry.extended ? view.getUint32(entry + 8) : 0;
      const alloc = geometry.extended ? view.getUint32(entry + 12) : 0;
      const guest = index * geometry.clusterSize;
      const fault = l2Fault(view.getUint32(entry), view.getUint32(entry + 4), alloc, zero, guest, geometry);
      const reason = fault === l2Faults.none ? 'l2-subclusters-invalid' : faultReasons[fault];
      this.#clusters(index, index + 1, { kind: 'missing', why: { reason } });
    }
  }

  #tables(l1Index: number, end: number, content: Content): void {
    const { l2Entries } = this.#layer.geometry;
    this.#clusters(l1Index * l2Entries, end * l2Entries, content);
  }

  #entries(l1Index: number, from: number, to: number, content: Content): void {
    const first = l1Index * this.#layer.geometry.l2Entries;
    this.#clusters(first + from, first + to, content);
  }

  #clusters(from: number, to: number, content: Content): void {
    const { clusterUnits } = this.#layer.geometry;
    this.#units(from * clusterUnits, (to - from) * clusterUnits, content);
  }

  #units(unit: number, count: number, content: Content): void {
    const start = unit * this.#layer.geometry.unitSize;
    const from = Math.max(this.#from, start);
    const to = Math.min(this.#to, start + count * this.#layer.geometry.unitSize);
    if (from < to) {
      this.told.push(
        content.kind === 'stored'
          ? { from, to, ...content, host: content.host + BigInt(from - start) }
          : { from, to, ...content },
      );
    }
  }

  #wanted(): boolean {
    return this.told.length < this.#most;
  }
}

function contentOf(kind: ExtentKind, host: () => bigint): Content {
  switch (kind) {
    case extentKinds.normal:
      return { kind: 'stored', host: host() };
    case extentKinds.compressed:
      return { kind: 'compressed' };
    case extentKinds.zeroPlain:
    case extentKinds.zeroAllocated:
      return { kind: 'zero' };
    case extentKinds.unallocatedPlain:
    case extentKinds.unallocatedAllocated:
      return { kind: 'unallocated' };
    case extentKinds.invalid:
    case extentKinds.unreadable:
      // The caller tells these by themselves, with their reasons.
      throw new RangeError(`no content of kind ${kind}`);
  }
}
