import { type Finding, finding } from '../finding.ts';
import { readRefcount, readSmallRefcount } from '../format/refcounts.ts';
import { EntryFindings } from '../image/entryFindings.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Image } from '../image/image.ts';
import { readRefcountTable, refcountTableEntries } from '../image/refcountTable.ts';
import type { Progress } from '../ports.ts';
import { hex, hostOf } from './chains.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';
import { joined, wordsOf } from './numberRows.ts';

/**
 * Looks through the refcount blocks for what a check does not tell: refcounts of clusters from `end` on, which it does not
 * compare, and which part of a block can't be read. Each block is read once, however many entries lead to it.
 */
export async function walkRefcountBlocks(
  image: Image,
  geometry: Geometry,
  end: number,
  set: FindingSet,
  progress: Progress,
): Promise<void> {
  const { storage, header } = image;
  if (!header) {
    return;
  }
  const { clusterSize, fileSize, refcountBlockEntries: perBlock } = geometry;
  const entries = new EntryFindings(geometry, set);
  const past = new PastEnd(geometry, set);
  const seen = new Set<number>();
  const bytes = new Uint8Array(clusterSize);
  const table = await readRefcountTable(storage, geometry, header);
  for (const { index, block, unaligned } of refcountTableEntries(geometry, table)) {
    if (unaligned || block === 0 || BigInt(block) >= fileSize || seen.has(block)) {
      continue;
    }
    seen.add(block);
    const bad = await readHostBytes(storage, BigInt(block), bytes);
    for (const one of bad) {
      entries.blockUnreadable(index, block, one);
    }
    if (bad.length === 0 && (index + 1) * perBlock > end) {
      past.add(bytes, index, Math.max(end, index * perBlock));
    }
    await progress.step(index, table.entries);
  }
}

class PastEnd {
  readonly #geometry: Geometry;
  readonly #set: FindingSet;
  readonly #rows: PastEndRows;

  constructor(geometry: Geometry, set: FindingSet) {
    this.#geometry = geometry;
    this.#set = set;
    this.#rows = new PastEndRows(geometry);
  }

  /** The refcounts of a block from a cluster on that are not 0: clusters in a row with the same are one finding. */
  add(bytes: Uint8Array, index: number, from: number): void {
    const { refcountBlockEntries: perBlock, refcountOrder } = this.#geometry;
    const first = index * perBlock;
    for (let at = from - first; at < perBlock; ) {
      if (readSmallRefcount(bytes, at, refcountOrder) === 0) {
        at++;
        continue;
      }
      const refcount = readRefcount(bytes, at, refcountOrder);
      let stop = at + 1;
      while (stop < perBlock && readRefcount(bytes, stop, refcountOrder) === refcount) {
        stop++;
      }
      const row = [index, first + at, stop - at, ...wordsOf(refcount)];
      for (const found of this.#rows.expand(Float64Array.from(row))) {
        this.#set.addRow(found, this.#rows, row);
      }
      at = stop;
    }
  }
}

class PastEndRows implements FindingRows {
  readonly width = 5;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand([block = 0, cluster = 0, clusters = 0, hi, lo]: Float64Array): readonly Finding[] {
    const host = hostOf(this.#geometry, cluster, clusters);
    const entry = cluster - block * this.#geometry.refcountBlockEntries;
    const chain = `refcount_table[${block}] -> refcount[${clusters === 1 ? entry : `${entry}…${entry + clusters - 1}`}]`;
    const values = { clusters, start: hex(host.offset), refcount: joined(hi, lo) };
    return [finding('refcount-past-end', chain, values, { host })];
  }
}
