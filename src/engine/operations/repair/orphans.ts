import type { Draft } from '../../change/draft.ts';
import { looksLikeTable } from '../../check/lostTable.ts';
import { l1EntryBytes, l1HasReserved, l1Place, l1Unaligned } from '../../format/l1.ts';
import { l2HostOffset, l2Kind, l2Kinds } from '../../format/l2.ts';
import { clustersOf, type Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import { limits } from '../../limits.ts';
import type { Progress } from '../../ports.ts';
import { isUnclaimed } from './entryRepair.ts';
import type { Survey } from './survey.ts';
import { hasSureEntry } from './tableContent.ts';

/** The clusters that are in use, to which nothing leads, and that fit; `most` of them at most. The survey has counted. */
export async function unclaimed(
  found: Survey,
  most: number,
  fits: (cluster: number) => Promise<boolean>,
  progress: Progress,
): Promise<number[]> {
  const places: number[] = [];
  const { counted } = found;
  for (let cluster = counted.next(0); cluster !== undefined; cluster = counted.next(cluster + 1)) {
    if (isUnclaimed(found, cluster) && (await fits(cluster))) {
      places.push(cluster);
    }
    if (places.length >= most) {
      break;
    }
    await progress.step(0, 0);
  }
  return places;
}

/** Whether an L1 table of so many entries could start at a cluster: every entry leads to what looks like an L2 table. */
export async function isL1Table(draft: Draft, geometry: Geometry, cluster: number, entries: number): Promise<boolean> {
  const { clusterSize, clusterBits, fileClusters } = geometry;
  const length = entries * l1EntryBytes;
  const clusters = Number(clustersOf(BigInt(length), clusterBits));
  if (length === 0 || length > limits.l1TableBytes || cluster + clusters > fileClusters) {
    return false;
  }
  const bytes = new Uint8Array(clusters * clusterSize);
  const bad = await readHostBytes(draft, BigInt(cluster) * BigInt(clusterSize), bytes);
  if (bad.length > 0 || bytes.subarray(length).some((byte) => byte !== 0)) {
    return false;
  }
  const view = new DataView(bytes.buffer);
  let tables = 0;
  for (let at = 0; at < length; at += l1EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    if ((hi | lo) === 0) {
      continue;
    }
    const table = Math.floor(l1Place(hi, lo) / clusterSize);
    const fits = !l1HasReserved(hi, lo) && !l1Unaligned(lo, clusterBits) && table < fileClusters;
    if (!fits || (await tableAt(draft, geometry, table)) === undefined) {
      return false;
    }
    tables++;
  }
  return tables > 0;
}

/**
 * Whether an L1 table has entries, and none of them leads to what looks like an L2 table, or was one before it was written
 * over. `view`: its entries.
 */
export async function leadsToNoTable(draft: Draft, geometry: Geometry, view: DataView): Promise<boolean> {
  let entries = 0;
  for (let at = 0; at < view.byteLength; at += l1EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const table = Math.floor(l1Place(hi, lo) / geometry.clusterSize);
    if (table > 0 && table < geometry.fileClusters && (await wasTable(draft, geometry, table))) {
      return false;
    }
    entries += (hi | lo) === 0 ? 0 : 1;
  }
  return entries > 0;
}

/** Whether anything but zeros follows an L1 table of so many bytes in its cluster. */
export async function holdsMore(
  draft: Draft,
  { clusterSize }: Geometry,
  offset: bigint,
  length: number,
): Promise<boolean> {
  const rest = new Uint8Array((clusterSize - (length % clusterSize)) % clusterSize);
  const bad = await readHostBytes(draft, offset + BigInt(length), rest);
  return bad.length > 0 || rest.some((byte) => byte !== 0);
}

/** Whether an L2 table could be at a cluster: its entries lead to data, and not to further tables as those of an L1 table. */
export async function isL2Table(draft: Draft, geometry: Geometry, cluster: number): Promise<boolean> {
  const view = await tableAt(draft, geometry, cluster);
  if (view === undefined) {
    return false;
  }
  const { clusterSize, l2EntryBytes } = geometry;
  for (let at = 0; at < view.byteLength; at += l2EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const kind = l2Kind(hi, lo, geometry);
    if (kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) {
      return (await tableAt(draft, geometry, Math.floor(l2HostOffset(hi, lo) / clusterSize))) === undefined;
    }
  }
  return true;
}

/** The bytes of a cluster that looks like a table; undefined for another one. */
async function tableAt(draft: Draft, geometry: Geometry, cluster: number): Promise<DataView | undefined> {
  const view = await clusterAt(draft, geometry, cluster);
  return view && looksLikeTable(view, geometry) ? view : undefined;
}

/** Whether a cluster looks like an L2 table, or still has entries of one. */
async function wasTable(draft: Draft, geometry: Geometry, cluster: number): Promise<boolean> {
  const view = await clusterAt(draft, geometry, cluster);
  return view !== undefined && (looksLikeTable(view, geometry) || hasSureEntry(view, geometry));
}

/** The bytes of a cluster; undefined where one can't be read. */
async function clusterAt(draft: Draft, geometry: Geometry, cluster: number): Promise<DataView | undefined> {
  const bytes = new Uint8Array(geometry.clusterSize);
  const bad = await readHostBytes(draft, BigInt(cluster) * BigInt(geometry.clusterSize), bytes);
  return bad.length === 0 ? new DataView(bytes.buffer) : undefined;
}
