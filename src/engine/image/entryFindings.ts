import { systemText } from '../error.ts';
import { type ByteRange, type FindingCode, finding } from '../finding.ts';
import { splitWords } from '../format/bits.ts';
import { compressedMaxBytes } from '../format/compressed.ts';
import type { FindingSink } from './findingList.ts';
import { type Geometry, guestOffset, hostOffset } from './geometry.ts';
import type { Unreadable } from './hostBytes.ts';
import type { HostMarks, Overlap } from './hostMarks.ts';
import { activeSource, type EntryPlace, type Flaw, flaws, type Owner, ownerNames, owners } from './reference.ts';

/** The finding for a flaw, by the owner of what the entry leads to. */
const flawCodes: Readonly<Record<Flaw, { readonly [owner in Owner]?: FindingCode }>> = {
  [flaws.reserved]: {
    [owners.l2Table]: 'l1-entry-reserved',
    [owners.data]: 'l2-entry-reserved',
    [owners.refcountBlock]: 'refcount-table-entry-reserved',
    [owners.bitmapData]: 'bitmap-table-entry-reserved',
  },
  [flaws.unaligned]: {
    [owners.l2Table]: 'l1-entry-unaligned',
    [owners.data]: 'l2-entry-unaligned',
    [owners.refcountBlock]: 'refcount-table-entry-unaligned',
    [owners.bitmapData]: 'bitmap-table-entry-unaligned',
  },
  [flaws.unreadable]: {
    [owners.l2Table]: 'l1-entry-unreadable',
    [owners.data]: 'l2-entry-unreadable',
    [owners.refcountBlock]: 'refcount-table-unreadable',
    [owners.bitmapData]: 'bitmap-table-entry-unreadable',
  },
  [flaws.zeroInVersion2]: { [owners.data]: 'l2-zero-in-version-2' },
  [flaws.invalidSubclusters]: { [owners.data]: 'l2-subclusters-invalid' },
  [flaws.compressedInDataFile]: { [owners.data]: 'l2-compressed-in-data-file' },
  [flaws.dataFileOffset]: { [owners.data]: 'l2-data-file-offset' },
  [flaws.compressedWithSubclusters]: { [owners.data]: 'l2-compressed-subclusters' },
  [flaws.compressedCopied]: { [owners.data]: 'l2-compressed-copied' },
  [flaws.compressedBeyond56]: { [owners.data]: 'l2-compressed-offset' },
  [flaws.flagsAlone]: { [owners.l2Table]: 'l1-entry-without-table', [owners.data]: 'l2-copied-alone' },
  [flaws.zeroOfExtended]: { [owners.data]: 'l2-extended-zero-bit' },
  [flaws.pastEnd]: { [owners.data]: 'compressed-past-end', [owners.bitmapTable]: 'bitmap-table-past-end' },
};

/** What lies past the end by less than a cluster: QEMU's check lets that pass (qcow2_inc_refcounts_imrt). */
const cutCodes: { readonly [owner in Owner]?: FindingCode } = {
  [owners.data]: 'compressed-cut',
  [owners.bitmapTable]: 'bitmap-table-cut',
};

/**
 * The finding for a reference past the end of the file, besides those that are flaws of their entries. Places that the
 * header gives are findings of opening.
 */
const pastEndCodes: { readonly [owner in Owner]?: FindingCode } = {
  [owners.l2Table]: 'l2-table-past-end',
  [owners.refcountBlock]: 'refcount-block-past-end',
  [owners.bitmapData]: 'bitmap-data-past-end',
  [owners.data]: 'data-past-end',
};

/** The owners of clusters that have two, as the finding names them. */
export interface OverlapNames {
  /** The way to the one that is the guest's. */
  readonly chain?: string;
  readonly first?: string;
  readonly second?: string;
  readonly guest?: ByteRange;
}

/** What the header and its extensions place, besides the active L1 table. */
const placedOwners: ReadonlySet<Owner> = new Set([
  owners.header,
  owners.refcountTable,
  owners.snapshotTable,
  owners.bitmapDirectory,
  owners.luksArea,
]);

/** Makes findings of what the reference walker visits. */
export class EntryFindings {
  readonly #geometry: Geometry;
  readonly #findings: FindingSink;

  constructor(geometry: Geometry, findings: FindingSink) {
    this.#geometry = geometry;
    this.#findings = findings;
  }

  /** A flawed table entry. */
  flaw(flaw: Flaw, place: EntryPlace): void {
    const code = (flaw === flaws.pastEnd && this.#isCut(place) ? cutCodes : flawCodes[flaw])[place.owner];
    if (code === undefined) {
      return;
    }
    const { owner, source, table, entry, count, host, raw } = place;
    const width = owner === owners.data ? this.#geometry.l2EntryBytes : 8;
    const guest = this.#guestOf(place);
    const values = {
      entries: count,
      target: hex(place.target),
      index: owner === owners.bitmapData ? source : hex(table),
      l1Index: hex(table),
      l2Index: hex(Math.max(0, entry)),
      table: hex(host - BigInt(Math.max(0, entry) * width)),
      guestOffset: hex(guest?.offset ?? 0n),
      number: owner === owners.data ? entry : table,
      raw: raw.toString(16),
      uncopied: (raw & ~(1n << 63n)).toString(16),
      compressedOffset: place.target.toString(16),
      compressedSize: this.#compressedSize(raw),
      size: hex(place.length ?? this.#geometry.clusterSize),
      error: systemText(place.system),
    };
    this.#findings.add(
      finding(code, this.#chain(owner, source, table, entry, count), values, {
        host: { offset: host, length: BigInt(count * width) },
        ...(guest ? { guest } : {}),
      }),
    );
  }

  /** A reference: a finding if it leads past the end of the file. Arguments as in `ReferenceVisitor`. */
  reference(owner: Owner, source: number, index: number, cluster: number, count: number): void {
    const { fileClusters, l2Entries, clusterSize } = this.#geometry;
    const code = cluster + count > fileClusters ? pastEndCodes[owner] : undefined;
    if (code === undefined) {
      return;
    }
    const skipped = owner === owners.data ? Math.max(0, fileClusters - cluster) : 0;
    const start = hostOffset(this.#geometry, cluster + skipped);
    const host = { offset: start, length: BigInt(count - skipped) * BigInt(clusterSize) };
    const values = {
      clusters: count - skipped,
      start: hex(start),
      target: hex(start),
      index: source,
      number: index,
      size: hex(clusterSize),
    };
    if (owner === owners.data) {
      const cluster = index + skipped;
      const entries = count - skipped;
      const guest = this.#guest(cluster, entries);
      const chain = this.#chain(owner, source, Math.floor(cluster / l2Entries), cluster % l2Entries, entries);
      this.#findings.add(finding(code, chain, values, { host, guest }));
    } else {
      const guest = owner === owners.l2Table ? { guest: this.#guest(index * l2Entries, l2Entries) } : {};
      this.#findings.add(finding(code, this.#chain(owner, source, index, -1, 1), values, { host, ...guest }));
    }
  }

  /**
   * Runs of clusters that have two owners, but for what the header places: that is a finding of opening. `names`: what is
   * known of those of an overlap.
   */
  overlaps(
    { overlaps, overlapCount }: HostMarks,
    activeL1: ByteRange,
    names: (overlap: Overlap) => OverlapNames | undefined = () => undefined,
  ): void {
    const size = BigInt(this.#geometry.clusterSize);
    const l1 = { from: activeL1.offset / size, to: (activeL1.offset + activeL1.length + size - 1n) / size };
    const placed = (owner: Owner, cluster: number): boolean =>
      owner === owners.l1Table ? cluster >= l1.from && cluster < l1.to : placedOwners.has(owner);
    for (const overlap of overlaps) {
      const { cluster, count, owner, by } = overlap;
      if (placed(owner, cluster) && placed(by, cluster)) {
        continue;
      }
      const offset = hostOffset(this.#geometry, cluster);
      const host = { offset, length: BigInt(count) * BigInt(this.#geometry.clusterSize) };
      const { chain = `cluster ${cluster}`, first, second, guest } = names(overlap) ?? {};
      const values = {
        clusters: count,
        start: hex(offset),
        first: first ?? ownerNames[owner],
        second: second ?? ownerNames[by],
      };
      this.#findings.add(finding('clusters-overlap', chain, values, { host, ...(guest ? { guest } : {}) }));
    }
    this.#findings.addUnlisted('clusters-overlap', overlapCount - overlaps.length);
  }

  /** A part of a refcount block that the system failed to read. `block`: host offset in bytes. */
  blockUnreadable(index: number, block: number, { from, to, system }: Unreadable): void {
    const host = { offset: BigInt(block + from), length: BigInt(to - from) };
    const values = { target: hex(block), error: systemText(system) };
    this.#findings.add(finding('refcount-block-unreadable', `refcount_table[${index}]`, values, { host }));
  }

  /** The guest's bytes whose way leads through the entry. */
  #guestOf({ owner, table, entry, count }: EntryPlace): ByteRange | undefined {
    const { l2Entries } = this.#geometry;
    if (owner === owners.l2Table) {
      return this.#guest(table * l2Entries, count * l2Entries);
    }
    return owner === owners.data ? this.#guest(table * l2Entries + entry, count) : undefined;
  }

  /** Whether it reaches past the end of the file, in sectors, by less than a cluster. */
  #isCut({ target, length = 0 }: EntryPlace): boolean {
    const { fileSize, clusterSize } = this.#geometry;
    const sectors = (fileSize + 511n) / 512n;
    return target + BigInt(length) - sectors * 512n < BigInt(clusterSize);
  }

  /** Bytes of the compressed data of an L2 entry, as QEMU counts them. */
  #compressedSize(raw: bigint): string {
    const { hi, lo } = splitWords(raw);
    return compressedMaxBytes(hi, lo, this.#geometry.clusterBits).toString(16);
  }

  #guest(cluster: number, count: number): ByteRange {
    const length = BigInt(count) * BigInt(this.#geometry.clusterSize);
    return { offset: guestOffset(this.#geometry, cluster), length };
  }

  #chain(owner: Owner, source: number, table: number, entry: number, count: number): string {
    const span = (first: number): string => (count > 1 ? `${first}…${first + count - 1}` : `${first}`);
    const layer = source === activeSource ? '' : `snapshot[${source}] -> `;
    if (owner === owners.data) {
      return `${layer}L1[${table}] -> L2[${span(entry)}]`;
    }
    if (owner === owners.l2Table) {
      return `${layer}L1[${span(table)}]`;
    }
    if (owner === owners.refcountBlock) {
      return `refcount_table[${span(table)}]`;
    }
    return `bitmap[${source}]${owner === owners.bitmapData ? ` -> table[${span(table)}]` : ''}`;
  }
}

/** As C's `%#x`: 0 without a prefix. */
function hex(value: number | bigint): string {
  return value === 0 || value === 0n ? '0' : `0x${value.toString(16)}`;
}
