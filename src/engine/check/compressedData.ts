import { Qcow2Error, systemText } from '../error.ts';
import { type Finding, finding } from '../finding.ts';
import { joinWords, splitWords } from '../format/bits.ts';
import { compressedMaxBytes } from '../format/compressed.ts';
import { decompress } from '../image/compressedCluster.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Image } from '../image/image.ts';
import { l2Target } from '../image/l2Flaws.ts';
import { inHostOrder } from '../image/l2References.ts';
import { walkL2Tables } from '../image/l2Tables.ts';
import { owners } from '../image/reference.ts';
import { walkTableReferences } from '../image/references.ts';
import { share } from '../image/scan.ts';
import { type Codecs, noProgress, type Progress } from '../ports.ts';
import { chainOf, guestOf, hex } from './chains.ts';
import { CompressedEntries } from './compressedEntries.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';
import { joined, NumberRows, wordsOf } from './numberRows.ts';

/** Entries that are looked at before what they lead to is decompressed. */
const windowEntries = 2 ** 19;
/** Reasons that are kept apart. */
const mostReasons = 1000;

/** Decompresses every compressed cluster of all layers, each entry of an L2 table once, and tells of those that can't be. */
export async function verifyCompressed(
  image: Image,
  geometry: Geometry,
  codecs: Codecs,
  set: FindingSet,
  progress: Progress,
): Promise<void> {
  const tables = await walkTableReferences(image, { reference: () => undefined }, share(progress, 0, 0));
  if (!tables || geometry.dataFile) {
    return;
  }
  const decoder = new Decoder(image, geometry, codecs, set);
  const step = Math.max(1, Math.floor(windowEntries / geometry.l2Entries));
  for (let from = 0; from < tables.count; from += step) {
    const range = {
      from: from * geometry.l2Entries,
      to: Math.min(tables.count, from + step) * geometry.l2Entries,
    };
    // Source, guest cluster, and the two words of the entry.
    const rows = new NumberRows(4);
    const entries = new CompressedEntries(geometry, tables, (...entry) => rows.push(entry));
    await walkL2Tables(image.storage, geometry, inHostOrder(tables), range, entries, noProgress);
    const part = share(progress, from / tables.count, Math.min(1, (from + step) / tables.count));
    for (let index = 0; index < rows.length; index++) {
      await decoder.verify(rows.row(index));
      await part.step(index, rows.length);
    }
  }
}

class Decoder {
  readonly #image: Image;
  readonly #geometry: Geometry;
  readonly #codecs: Codecs;
  readonly #set: FindingSet;
  readonly #rows: UndecodableRows;

  constructor(image: Image, geometry: Geometry, codecs: Codecs, set: FindingSet) {
    this.#image = image;
    this.#geometry = geometry;
    this.#codecs = codecs;
    this.#set = set;
    this.#rows = new UndecodableRows(geometry);
  }

  async verify([source = 0, cluster = 0, hi = 0, lo = 0]: Float64Array): Promise<void> {
    const target = l2Target(hi, lo, this.#geometry);
    const compressed = new Uint8Array(compressedMaxBytes(hi, lo, this.#geometry.clusterBits));
    const [bad] = await readHostBytes(this.#image.storage, target, compressed);
    const reason = bad ? systemText(bad.system) : this.#fault(compressed);
    if (reason !== undefined) {
      const row = this.#rows.row(source, cluster, joinWords(hi, lo), reason);
      for (const found of this.#rows.expand(Float64Array.from(row))) {
        this.#set.addRow(found, this.#rows, row);
      }
    }
  }

  /** Why compressed data does not give a whole cluster; undefined where it does. */
  #fault(compressed: Uint8Array): string | undefined {
    const { clusterSize } = this.#geometry;
    try {
      const { length } = decompress(this.#codecs, this.#image.header?.compression_type ?? 0, compressed, clusterSize);
      return length === clusterSize ? undefined : `it gives ${length} of ${clusterSize} bytes`;
    } catch (error) {
      if (error instanceof Qcow2Error) {
        return error.message;
      }
      throw error;
    }
  }
}

class UndecodableRows implements FindingRows {
  readonly width = 5;
  readonly #geometry: Geometry;
  /** The reasons, which a row has by index. */
  readonly #reasons: string[] = [];

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  row(source: number, cluster: number, entry: bigint, reason: string): readonly number[] {
    return [source, cluster, ...wordsOf(entry), this.#indexOf(reason)];
  }

  expand([source = 0, index = 0, hi, lo, reason = 0]: Float64Array): readonly Finding[] {
    const words = splitWords(joined(hi, lo));
    const offset = l2Target(words.hi, words.lo, this.#geometry);
    const host = { offset, length: BigInt(compressedMaxBytes(words.hi, words.lo, this.#geometry.clusterBits)) };
    const place = { owner: owners.compressed, source, index, count: 1 };
    const guest = guestOf(this.#geometry, place);
    const values = { target: hex(offset), error: this.#reasons[reason] ?? '' };
    const chain = chainOf(this.#geometry, place);
    return [finding('compressed-undecodable', chain, values, { host, ...(guest ? { guest } : {}) })];
  }

  /** What makes too many different reasons is one. */
  #indexOf(reason: string): number {
    const known = this.#reasons.indexOf(reason);
    if (known >= 0) {
      return known;
    }
    if (this.#reasons.length < mostReasons) {
      return this.#reasons.push(reason) - 1;
    }
    return this.#reasons.length > mostReasons ? mostReasons : this.#reasons.push('it does not give a cluster') - 1;
  }
}
