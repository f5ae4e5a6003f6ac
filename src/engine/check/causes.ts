import { type Finding, type FindingCode, finding } from '../finding.ts';
import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Image } from '../image/image.ts';
import { limits } from '../limits.ts';
import type { Progress } from '../ports.ts';
import { hex, hostOf } from './chains.ts';
import type { FindingSet } from './findingSet.ts';
import { leakPatterns } from './leakPatterns.ts';
import { findLostTables } from './lostTables.ts';
import type { NumberRows } from './numberRows.ts';
import { refcountsInTables } from './refcountsInTable.ts';
import { wrongBits } from './wrongBits.ts';

/** Bytes of leaked clusters that are looked at, unless all are to be. */
const leakedBytes = 256 * 2 ** 20;

/** What keeps a walk from what a table leads to, so that it looks leaked. */
const damaged: readonly FindingCode[] = [
  'l1-table-past-end',
  'l1-table-unreadable',
  'l1-table-too-small',
  'l1-table-offset-invalid',
  'l1-entry-unaligned',
  'l1-entry-unreadable',
  'l2-table-past-end',
  'l2-entry-unreadable',
  'l2-entry-unaligned',
  'snapshot-table-past-end',
  'snapshot-l1-offset-invalid',
  'snapshot-l1-too-large',
  'snapshot-l1-past-end',
];

/** References past the end of the file. */
const pastEnd: readonly FindingCode[] = [
  'data-past-end',
  'compressed-past-end',
  'compressed-cut',
  'l1-table-past-end',
  'l2-table-past-end',
  'refcount-table-past-end',
  'refcount-block-past-end',
  'snapshot-table-past-end',
  'snapshot-l1-past-end',
  'bitmap-data-past-end',
  'bitmap-table-past-end',
];

/**
 * What explains many findings at once. `leaks`: runs of clusters to which nothing leads, first cluster and count; with
 * `deep` all of them are looked at, else the first ones.
 */
export async function causesOf(
  image: Image,
  set: FindingSet,
  leaks: NumberRows,
  deep: boolean,
  progress: Progress,
): Promise<readonly Finding[]> {
  const { geometry } = image;
  if (!geometry) {
    return zeroedStart(image);
  }
  const has = (code: FindingCode): boolean => set.has(code);
  return [
    ...(await lostTables(image, geometry, leaks, damaged.some(has), deep, progress)),
    ...(await refcountsInTables(image, geometry, set)),
    ...(pastEnd.some(has) && has('refcount-past-end') ? [truncated(geometry, set)] : []),
    ...(has('refcount-past-end') ? [] : wrongBits(geometry, set, leaks)),
    ...leakPatterns(geometry, leaks),
  ];
}

async function lostTables(
  { storage }: Image,
  geometry: Geometry,
  runs: NumberRows,
  isDamaged: boolean,
  deep: boolean,
  progress: Progress,
): Promise<readonly Finding[]> {
  let leaks = 0;
  for (let run = 0; run < runs.length; run++) {
    leaks += runs.row(run)[1] ?? 0;
  }
  const most = deep ? Number.POSITIVE_INFINITY : leakedBytes;
  const { tables, first, owned } = await findLostTables(storage, geometry, runs, most, progress);
  if (tables > 0) {
    const host = hostOf(geometry, first, 1);
    const values = { tables, start: hex(host.offset), owned, leaks };
    return [finding('cause-lost-table', `cluster ${first}`, values, { host })];
  }
  return isDamaged && leaks > 0 ? [finding('cause-damaged-table', 'tables', { leaks })] : [];
}

/** Refcounts count what is not in the file any more. */
function truncated({ fileSize }: Geometry, set: FindingSet): Finding {
  let end = fileSize;
  for (const { host } of set.findings('refcount-past-end', 0, 10_000)) {
    end = host && host.offset + host.length > end ? host.offset + host.length : end;
  }
  const host = { offset: fileSize, length: end - fileSize };
  return finding('cause-truncated', 'file', { size: hex(fileSize), end: hex(end) }, { host });
}

/** A file that starts with zeros and has, at its second cluster, a refcount table as qemu-img places it. */
async function zeroedStart({ storage }: Image): Promise<readonly Finding[]> {
  const start = new Uint8Array(512);
  await readHostBytes(storage, 0n, start);
  if (storage.size <= 512n || start.some((byte) => byte !== 0)) {
    return [];
  }
  for (let bits = limits.maxClusterBits; bits >= limits.minClusterBits; bits--) {
    const size = BigInt(2 ** bits);
    const entry = new DataView(new ArrayBuffer(8));
    await readHostBytes(storage, size, new Uint8Array(entry.buffer));
    const block = entry.getBigUint64(0);
    if (block !== 0n && block % size === 0n && block < storage.size) {
      const refcounts = new DataView(new ArrayBuffer(8));
      await readHostBytes(storage, block, new Uint8Array(refcounts.buffer));
      // The first four clusters are used once each, in the usual 16 bits.
      if (refcounts.getBigUint64(0) === 0x0001_0001_0001_0001n) {
        return [
          finding('cause-start-zeroed', 'header', { start: hex(size), size }, { host: { offset: 0n, length: size } }),
        ];
      }
    }
  }
  return [];
}
