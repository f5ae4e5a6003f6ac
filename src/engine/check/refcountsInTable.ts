import { type Finding, type FindingCode, finding } from '../finding.ts';
import { readSmallRefcount } from '../format/refcounts.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Image } from '../image/image.ts';
import { l2TableOf } from '../image/l1Table.ts';
import { hex, hostOf } from './chains.ts';
import type { FindingSet } from './findingSet.ts';

/** Findings of entries that refcounts would make. */
const entryCodes: readonly FindingCode[] = ['data-past-end', 'l2-entry-reserved', 'l2-entry-unaligned'];

/** Findings of each code, and tables, that are looked at. */
const mostFindings = 1000;
const mostTables = 64;

/** Words of 8 bytes that must be full of refcounts, and the largest refcount that is one. */
const leastWords = 8;
const mostRefcount = 64;

/** The L2 tables of the active layer with wrong entries whose bytes are refcounts. */
export async function refcountsInTables(
  image: Image,
  geometry: Geometry,
  set: FindingSet,
): Promise<readonly Finding[]> {
  const span = BigInt(geometry.l2Entries) * BigInt(geometry.clusterSize);
  const indices = new Set<number>();
  for (const { guest, chain } of entryCodes.flatMap((code) => set.findings(code, 0, mostFindings))) {
    if (guest && chain.startsWith('L1[') && indices.size < mostTables) {
      indices.add(Number(guest.offset / span));
    }
  }
  const found: Finding[] = [];
  const bytes = new Uint8Array(geometry.clusterSize);
  for (const index of indices) {
    const table = l2TableOf(image.l1, index);
    await readHostBytes(image.storage, BigInt(table), bytes);
    if (table !== 0 && areRefcounts(bytes, geometry)) {
      const host = { ...hostOf(geometry, 0, 1), offset: BigInt(table) };
      const guest = { offset: BigInt(index) * span, length: span };
      found.push(finding('cause-refcounts-in-table', `L1[${index}]`, { start: hex(BigInt(table)) }, { host, guest }));
    }
  }
  return found;
}

/** Whether many words are full of small refcounts, and none has another: entries of a table have zeros in them. */
function areRefcounts(bytes: Uint8Array, { refcountOrder }: Geometry): boolean {
  const perWord = 64 / 2 ** refcountOrder;
  let full = 0;
  for (let word = 0; word < bytes.length / 8; word++) {
    let used = 0;
    for (let at = 0; at < perWord; at++) {
      const refcount = readSmallRefcount(bytes, word * perWord + at, refcountOrder);
      if (refcount > mostRefcount) {
        return false;
      }
      used += refcount > 0 ? 1 : 0;
    }
    // A single refcount a word can't be told from an entry.
    full += used === perWord && perWord > 1 ? 1 : 0;
  }
  return full >= leastWords;
}
