import { Qcow2Error } from '../engine/error.ts';
import type { Progress } from '../engine/ports.ts';
import { type ExtentRequest, type HostExtentPage, type HostExtentRow, spaceKinds } from '../protocol/mapApi.ts';
import { mostRows } from './extentPage.ts';
import type { Space } from './mapSpace.ts';

/** Clusters of the file that are looked at before it is known whether the page is full. */
const pieceClusters = 2 ** 20;

/** Runs of the file of one kind, from a host offset on, as rows of a table. */
export async function hostExtents(
  space: Space,
  { from, count }: ExtentRequest,
  progress: Progress,
): Promise<HostExtentPage> {
  if (!Number.isInteger(count) || count < 1 || count > mostRows || from < 0n) {
    throw new Qcow2Error('bad-argument', `A page has 1 to ${mostRows} extents, not ${count}.`);
  }
  const size = BigInt(space.clusterSize);
  const runs: { kind: number; cluster: number; count: number }[] = [];
  let kept = true;
  const add = (kind: number, cluster: number, length: number): void => {
    const last = runs.at(-1);
    if (last?.kind === kind) {
      last.count += length;
    } else if (runs.length <= count) {
      runs.push({ kind, cluster, count: length });
    } else {
      kept = false;
    }
  };
  const first = from >= space.size ? space.clusters : Number(from / size);
  // Pieces grow, so that a file that is nearly all hole is soon through.
  let piece = pieceClusters;
  for (let at = first; at < space.clusters && kept && runs.length <= count; piece *= 2) {
    const to = Math.min(space.clusters, at + piece);
    await space.runs({ from: at, to }, add, progress);
    await progress.step(to, space.clusters);
    at = to;
  }
  const rows = runs.slice(0, count).map((run): HostExtentRow => {
    const start = BigInt(run.cluster) * size;
    const end = BigInt(run.cluster + run.count) * size;
    const kind = spaceKinds.host[run.kind] ?? 'unknown';
    return { start, length: (end < space.size ? end : space.size) - start, kind };
  });
  const more = runs[count];
  return more ? { rows, next: BigInt(more.cluster) * size } : { rows };
}
