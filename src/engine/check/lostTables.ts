import type { Geometry } from '../image/geometry.ts';
import { readHostBytes } from '../image/hostBytes.ts';
import type { Progress, Storage } from '../ports.ts';
import { looksLikeTable } from './lostTable.ts';
import type { NumberRows } from './numberRows.ts';

/** Bytes of a cluster that are read first: most that is no table is seen not to be one there. */
const headBytes = 4096;
/** Clusters that are remembered as led to. */
const mostOwned = 2 ** 20;

/** Leaked clusters that look like tables, and what they would lead to. */
export interface LostTables {
  /** How many there are, and the first one. */
  readonly tables: number;
  readonly first: number;
  /** Leaked clusters to which they lead. */
  readonly owned: number;
  /** Leaked clusters that were looked at. */
  readonly seen: number;
}

/**
 * Looks through leaked clusters (runs: first cluster and count, ascending) for those that look like L1 or L2 tables of other
 * leaked ones. Reads about `most` bytes.
 */
export async function findLostTables(
  storage: Storage,
  geometry: Geometry,
  leaks: NumberRows,
  most: number,
  progress: Progress,
): Promise<LostTables> {
  const { clusterSize } = geometry;
  const bytes = new Uint8Array(clusterSize);
  const owned = new Set<number>();
  let tables = 0;
  let first = 0;
  let seen = 0;
  let left = most;
  for (let run = 0; run < leaks.length; run++) {
    const [from = 0, count = 0] = leaks.row(run);
    for (let cluster = from; cluster < from + count && left > 0; cluster++) {
      seen++;
      left -= await readCandidate(storage, geometry, cluster, bytes);
      const targets: number[] = [];
      const isTable = looksLikeTable(new DataView(bytes.buffer), geometry, (target) => {
        if (target !== cluster && includes(leaks, target)) targets.push(target);
      });
      if (isTable && targets.length > 0) {
        first = tables === 0 ? cluster : first;
        tables++;
        for (const target of targets) {
          if (owned.size < mostOwned) owned.add(target);
        }
      }
      await progress.step(0, 0);
    }
  }
  return { tables, first, owned: owned.size, seen };
}

/** Reads a cluster, or its head where that is no table's: the rest is zeros then. Returns how much was read. */
async function readCandidate(
  storage: Storage,
  geometry: Geometry,
  cluster: number,
  into: Uint8Array<ArrayBuffer>,
): Promise<number> {
  const at = BigInt(cluster) * BigInt(geometry.clusterSize);
  const head = into.subarray(0, Math.min(headBytes, into.length));
  into.fill(0);
  await readHostBytes(storage, at, head);
  const isZero = head.every((byte) => byte === 0);
  const view = new DataView(into.buffer, 0, head.length);
  if (head.length === into.length || !(isZero || looksLikeTable(view, geometry))) {
    return head.length;
  }
  await readHostBytes(storage, at, into);
  return into.length;
}

/** Whether a cluster is in one of the runs. */
function includes(runs: NumberRows, cluster: number): boolean {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [first = 0, count = 0] = runs.row(middle);
    if (first + count > cluster) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low < runs.length && (runs.row(low)[0] ?? 0) <= cluster;
}
