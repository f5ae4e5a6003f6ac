import { type ByteRange, type Finding, finding } from '../finding.ts';
import { compressedMaxBytes } from '../format/compressed.ts';
import { type Geometry, guestOffset } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { l2Target } from '../image/l2Flaws.ts';
import { inHostOrder } from '../image/l2References.ts';
import { walkL2Tables } from '../image/l2Tables.ts';
import { activeSource, owners } from '../image/reference.ts';
import { walkTableReferences } from '../image/references.ts';
import { share } from '../image/scan.ts';
import type { Progress } from '../ports.ts';
import { chainOf, hex } from './chains.ts';
import { CompressedEntries } from './compressedEntries.ts';
import { type CompressedStream, CompressedWindow, lastSector } from './compressedWindow.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';

/** Streams that are held at once: in up to 32 bytes each. */
const defaultMost = 2 ** 21;

/**
 * Finds compressed data that begins inside other compressed data, in all layers. QEMU packs it to the byte: what follows may
 * begin in the last sector of what is before, whose end the entry does not tell, but not in an earlier one. The same data at
 * the same guest cluster is a snapshot's. The file is looked at in as many windows as it takes to hold `most` streams at
 * once, in a walk over the L2 tables each.
 */
export async function findCompressedOverlaps(
  image: Image,
  geometry: Geometry,
  set: FindingSet,
  progress: Progress,
  most = defaultMost,
): Promise<void> {
  const tables = await walkTableReferences(image, { reference: () => undefined }, share(progress, 0, 0));
  if (!tables || geometry.dataFile) {
    return;
  }
  const overlaps = new Overlaps(geometry, set);
  const range = { from: 0, to: tables.count * geometry.l2Entries };
  for (let from = 0; from < Number(geometry.fileSize); ) {
    const window = new CompressedWindow(from, most);
    const entries = new CompressedEntries(geometry, tables, (source, cluster, hi, lo) =>
      window.add(Number(l2Target(hi, lo, geometry)), compressedMaxBytes(hi, lo, geometry.clusterBits), cluster, source),
    );
    const part = share(progress, from / Number(geometry.fileSize), 1);
    await walkL2Tables(image.storage, geometry, inHostOrder(tables), range, entries, part);
    for (const stream of window.inOrder()) {
      overlaps.meet(stream);
    }
    set.addUnlisted('compressed-overlap', window.dropped);
    from = window.to;
  }
}

/** Makes findings of streams that come in the order of their places in the file. */
class Overlaps {
  readonly #set: FindingSet;
  readonly #rows: OverlapRows;
  /** Of those that came: the one whose last sector is the furthest. */
  #widest: CompressedStream | undefined;
  /** The one that came last. */
  #last: CompressedStream | undefined;

  constructor(geometry: Geometry, set: FindingSet) {
    this.#set = set;
    this.#rows = new OverlapRows(geometry);
  }

  meet(stream: CompressedStream): void {
    const widest = this.#widest;
    if (this.#last?.start === stream.start) {
      this.#add(stream, this.#last);
    } else if (widest && stream.start < lastSector(widest)) {
      this.#add(stream, widest);
    }
    this.#last = stream;
    if (!widest || lastSector(stream) > lastSector(widest)) {
      this.#widest = stream;
    }
  }

  #add(stream: CompressedStream, first: CompressedStream): void {
    const row = [stream, first].flatMap(({ start, bytes, guest, source }) => [start, bytes, guest, source]);
    for (const found of this.#rows.expand(Float64Array.from(row))) {
      this.#set.addRow(found, this.#rows, row);
      // Which of the two is wrong is not known: the one that begins first is hurt too.
      if (first.source === activeSource) {
        this.#set.impacts.addRange(found.code, this.#rows.guest(first.guest));
      }
    }
  }
}

class OverlapRows implements FindingRows {
  readonly width = 8;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand(row: Float64Array): readonly Finding[] {
    const [start = 0, bytes = 0, guest = 0, source = 0, firstStart = 0, firstBytes = 0, firstGuest = 0, ...rest] = row;
    const [firstSource = 0] = rest;
    const place = { owner: owners.compressed, count: 1 };
    const second = chainOf(this.#geometry, { ...place, source, index: guest });
    const values = {
      target: hex(BigInt(start)),
      second,
      first: chainOf(this.#geometry, { ...place, source: firstSource, index: firstGuest }),
      firstTarget: hex(BigInt(firstStart)),
      firstEnd: hex(BigInt(firstStart + firstBytes)),
      guest: hex(this.guest(guest).offset),
      firstGuest: hex(this.guest(firstGuest).offset),
    };
    const host = { offset: BigInt(start), length: BigInt(bytes) };
    return [finding('compressed-overlap', second, values, { host, guest: this.guest(guest) })];
  }

  /** The range of the disk of a guest cluster. */
  guest(cluster: number): ByteRange {
    const { clusterSize } = this.#geometry;
    return { offset: guestOffset(this.#geometry, cluster), length: BigInt(clusterSize) };
  }
}
