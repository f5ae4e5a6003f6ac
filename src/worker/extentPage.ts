import { Qcow2Error } from '../engine/error.ts';
import { type Walked, walkExtents } from '../engine/image/extents.ts';
import { hostOffset, unitOffset } from '../engine/image/geometry.ts';
import { type ExtentKind, extentKinds, guestKindOf, hasHost } from '../engine/image/kinds.ts';
import { nextL2Table } from '../engine/image/l1Table.ts';
import { beyondL1, guestRange, type Layer } from '../engine/image/layer.ts';
import type { Progress } from '../engine/ports.ts';
import type { ExtentPage, ExtentRequest, ExtentRow } from '../protocol/mapApi.ts';

/** Most rows of a page. */
export const mostRows = 10_000;

/** The extents of a layer from a guest offset on, as rows of a table. */
export async function extentPage(
  image: Walked,
  layer: Layer,
  { from, count }: ExtentRequest,
  progress: Progress,
): Promise<ExtentPage> {
  if (!Number.isInteger(count) || count < 1 || count > mostRows || from < 0n) {
    throw new Qcow2Error('bad-argument', `A page has 1 to ${mostRows} extents, not ${count}.`);
  }
  const { geometry } = layer;
  const firstUnit = Number(from / BigInt(geometry.unitSize));
  const rows: ExtentRow[] = [];
  let next: bigint | undefined;
  await walkExtents(
    image,
    layer,
    { from: Math.floor(firstUnit / geometry.clusterUnits), to: layer.clusters },
    (kind, start, units, hostCluster, hostByte) => {
      if (start + units <= firstUnit) {
        return true;
      }
      if (rows.length === count) {
        next = unitOffset(geometry, start);
        return false;
      }
      const skipped = Math.max(0, firstUnit - start);
      const host = hostOffset(geometry, hostCluster, hostByte) + BigInt(skipped * geometry.unitSize);
      rows.push(extentRow(layer, kind, start + skipped, units - skipped, host));
      return true;
    },
    progress,
  );
  const beyond = beyondL1(layer);
  if (next === undefined && beyond !== undefined && from < beyond.offset + beyond.length) {
    if (rows.length === count) {
      next = beyond.offset;
    } else {
      const start = from > beyond.offset ? from : beyond.offset;
      const length = beyond.offset + beyond.length - start;
      rows.push({ start, length, kind: 'wrong', chain: `past L1[${layer.l1.entries - 1}]` });
    }
  }
  return next === undefined ? { rows } : { rows, next };
}

function extentRow(layer: Layer, kind: ExtentKind, start: number, units: number, host: bigint): ExtentRow {
  const { offset, length } = guestRange(layer, start, units);
  return {
    start: offset,
    length,
    kind: guestKindOf(kind),
    ...(hasHost(kind) ? { host } : {}),
    chain: chainOf(layer, kind, start, units),
  };
}

/** Which table entries an extent comes from. */
function chainOf(layer: Layer, kind: ExtentKind, start: number, units: number): string {
  const { l2Entries, clusterUnits } = layer.geometry;
  const first = Math.floor(start / clusterUnits);
  const last = Math.floor((start + units - 1) / clusterUnits);
  const firstTable = Math.floor(first / l2Entries);
  const lastTable = Math.floor(last / l2Entries);
  const unmapped = kind === extentKinds.unallocatedPlain;
  if (unmapped && first % l2Entries === 0 && nextL2Table(layer.l1, firstTable, lastTable + 1) > lastTable) {
    return `L1[${span(firstTable, lastTable)}]`;
  }
  const firstEntry = first % l2Entries;
  const lastEntry = last % l2Entries;
  if (firstTable !== lastTable) {
    return `L1[${firstTable}] -> L2[${firstEntry}] … L1[${lastTable}] -> L2[${lastEntry}]`;
  }
  const part =
    first === last && units < clusterUnits
      ? `, subclusters ${span(start % clusterUnits, (start + units - 1) % clusterUnits)}`
      : '';
  return `L1[${firstTable}] -> L2[${span(firstEntry, lastEntry)}]${part}`;
}

function span(first: number, last: number): string {
  return first === last ? `${first}` : `${first}…${last}`;
}
