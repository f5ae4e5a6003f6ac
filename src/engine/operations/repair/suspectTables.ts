import type { Draft } from '../../change/draft.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { L2TableSet } from '../../image/l2TableSet.ts';
import type { Progress } from '../../ports.ts';
import type { Survey } from './survey.ts';
import { isNoL2Table } from './tableContent.ts';

/** An L2 table of an image. */
export interface L2Table {
  /** Index in the set of tables. */
  readonly index: number;
  /** Host offset in bytes. */
  readonly offset: number;
}

/**
 * The L2 tables in which an entry may have to be put right: those that can be read, can be tables, and of which not all
 * entries lead to a cluster of the file that is theirs alone. Nearly all tables of nearly all images are not among them.
 * `shared`: host clusters that several guest clusters have.
 */
export async function suspectTables(
  draft: Draft,
  survey: Survey,
  tables: L2TableSet,
  shared: ReadonlyMap<number, unknown>,
  progress: Progress,
): Promise<readonly L2Table[]> {
  const { geometry } = survey;
  const contested = new ClusterSet();
  for (const clusters of [survey.structures.each(), survey.l2Tables.each(), survey.compressed.each(), shared.keys()]) {
    for (const cluster of clusters) {
      contested.add(cluster, 1);
    }
  }
  const view = new DataView(new ArrayBuffer(geometry.clusterSize));
  const suspects: L2Table[] = [];
  for (const [index, offset] of tables.offsets.entries()) {
    const isRead = BigInt(offset) < draft.size && (await readTable(draft, offset, view));
    if (isRead && !isPlain(view, geometry, contested) && !isNoL2Table(view, geometry)) {
      suspects.push({ index, offset });
    }
    await progress.step(index, tables.count);
  }
  return suspects;
}

/** Reads a table at a host offset in bytes; returns whether it could be read. */
export async function readTable(draft: Draft, offset: number, into: DataView): Promise<boolean> {
  return (await readHostBytes(draft, BigInt(offset), new Uint8Array(into.buffer))).length === 0;
}

/** Whether all entries of a table are unused, zeros, or normal with a cluster of the file that is not `contested`. */
function isPlain(view: DataView, geometry: Geometry, contested: ClusterSet): boolean {
  const { clusterBits, clusterSize, l2EntryBytes, extended, dataFile, version, fileClusters } = geometry;
  const perHigh = 2 ** (32 - clusterBits);
  for (let at = 0; at < clusterSize; at += l2EntryBytes) {
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const [zero, alloc] = extended ? [view.getUint32(at + 8), view.getUint32(at + 12)] : [0, 0];
    const isUnused = (hi | lo | alloc) === 0;
    const isZero = hi === 0 && lo === 1 && version >= 3 && !extended;
    if (isUnused || isZero) {
      continue;
    }
    const cluster = (hi & 0x00ff_ffff) * perHigh + (lo >>> clusterBits);
    const hasOtherBits = (hi & 0x7f00_0000) !== 0 || (lo & (clusterSize - 1)) !== 0 || (zero & alloc) !== 0;
    if (dataFile || hasOtherBits || cluster === 0 || cluster >= fileClusters || contested.has(cluster)) {
      return false;
    }
  }
  return true;
}
