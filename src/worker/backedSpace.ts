import type { ClusterRange } from '../engine/image/extents.ts';
import type { Layer } from '../engine/image/layer.ts';
import { spaceKinds } from '../protocol/mapApi.ts';
import type { Backing } from './backing.ts';
import { fragmentColumns } from './guestMap.ts';
import { addRun, emptyBins, type MapBins } from './mapBins.ts';
import type { RunVisitor, Space } from './mapSpace.ts';
import { sharedRun } from './sharedRun.ts';

/** Bytes of a unit: files of a chain end anywhere, and have clusters of any size. */
const sector = 512;

/** The index of each kind of the guest's map. */
const columnOf: ReadonlyMap<string, number> = new Map(spaceKinds.guest.map((kind, column) => [kind, column]));

/**
 * The guest's disk as a layer has it, with what comes from the backing chain, which must be open. Counts sectors.
 *
 * @param own - the same disk without the chain
 */
export function backedSpace(own: Space, layer: Layer, backing: Backing): Space {
  const { size, clusterSize, clusters, binClusters, kinds } = own;
  const columns = kinds + Object.keys(fragmentColumns).length;
  const clusterUnits = clusterSize / sector;
  const diskUnits = Number((size + BigInt(sector) - 1n) / BigInt(sector));
  const runs: Space['runs'] = async (range, visit, progress) => {
    const from = range.from * clusterUnits;
    const to = Math.min(range.to * clusterUnits, diskUnits);
    await backing.walk(
      layer,
      from * sector,
      to * sector,
      (start, length, kind) => {
        visit(columnOf.get(kind) ?? 0, start / sector, length / sector);
        return true;
      },
      progress,
    );
  };
  const part: Space['part'] = async (range, perBin, wanted, progress) => {
    const bins = emptyBins(range.from * clusterUnits, perBin * clusterUnits, binsOf(range, perBin), columns);
    const add: RunVisitor = (column, unit, count) => addRun(bins, unit, count, column);
    await runs(range, add, progress);
    if (wanted.fragments) {
      copyColumns(await own.part(range, perBin, wanted, progress), bins, kinds, own.unitSize / sector);
    }
    return bins;
  };
  const whole = sharedRun((progress) => part({ from: 0, to: clusters }, binClusters, { fragments: true }, progress));
  return {
    size,
    clusterSize,
    clusters,
    clusterUnits,
    unitSize: sector,
    binClusters,
    kinds,
    whole: (context) => whole.result(context),
    part,
    runs,
    ...(own.fragments ? { fragments: own.fragments } : {}),
  };
}

function binsOf({ from, to }: ClusterRange, binClusters: number): number {
  return Math.ceil((to - from) / binClusters);
}

/** Copies what is counted besides the kinds, in units `scale` times as large. */
function copyColumns(from: MapBins, into: MapBins, first: number, scale: number): void {
  for (let at = 0; at < from.counts.length; at += from.columns) {
    for (let column = first; column < from.columns; column++) {
      into.counts[at + column] = (from.counts[at + column] ?? 0) * scale;
    }
  }
}
