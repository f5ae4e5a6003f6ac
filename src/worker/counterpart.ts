import type { ByteRange } from '../engine/finding.ts';
import { l2TableOf, nextL2Table } from '../engine/image/l1Table.ts';
import { walkL2References } from '../engine/image/l2References.ts';
import type { L2Summaries } from '../engine/image/l2Summaries.ts';
import { indexOfTable, type L2TableSet } from '../engine/image/l2TableSet.ts';
import type { Layer } from '../engine/image/layer.ts';
import { activeSource, owners } from '../engine/image/reference.ts';
import type { Storage } from '../engine/ports.ts';
import type { Counterpart } from '../protocol/mapApi.ts';
import { RangeCover } from './rangeCover.ts';
import type { CallContext } from './server.ts';

/** Ranges of an answer at most. */
const mostRanges = 4096;

/** Bytes of L2 tables that are read for an answer; where they are more, the tables' summaries tell. */
const mostBytes = 32 * 2 ** 20;

/** A range of clusters. */
interface Clusters {
  readonly from: number;
  readonly to: number;
}

/** What a counterpart is found in. `count`: the summaries of all L2 tables, as soon as they are there. */
export interface Mapped {
  readonly storage: Storage;
  readonly layer: Layer;
  readonly count: (context: CallContext) => Promise<L2Summaries | undefined>;
}

/** Where the guest clusters of a range are in the file. */
export async function hostOfGuest(mapped: Mapped, range: Clusters, context: CallContext): Promise<Counterpart> {
  const { layer } = mapped;
  const { l2Entries } = layer.geometry;
  const first = Math.floor(range.from / l2Entries);
  const end = Math.min(Math.ceil(range.to / l2Entries), layer.l1.entries);
  const tables = tablesOf(layer, first, end, () => true);
  const cover = new RangeCover(mostRanges);
  if (tables.count <= mostTables(layer)) {
    await addHost(mapped, range, tables, cover, context);
    return answer(layer, cover, true);
  }
  // The first and the last table may be in the range in part.
  await addHost(
    mapped,
    range,
    tablesOf(layer, first, first + 1, () => true),
    cover,
    context,
  );
  await addHost(
    mapped,
    range,
    tablesOf(layer, end - 1, end, () => true),
    cover,
    context,
  );
  const complete = await addSummaries(
    mapped,
    tablesOf(layer, first + 1, end - 1, () => true),
    cover,
    context,
  );
  return answer(layer, cover, complete);
}

/** Adds where the entries of tables lead that are in the range. */
async function addHost(
  mapped: Mapped,
  range: Clusters,
  tables: L2TableSet,
  cover: RangeCover,
  context: CallContext,
): Promise<void> {
  await walkRuns(mapped, tables, context, (guest, cluster, count, compressed) => {
    const first = compressed ? 0 : Math.max(0, range.from - guest);
    const past = compressed ? 0 : Math.max(0, guest + count - range.to);
    if (guest < range.to && guest + (compressed ? 1 : count) > range.from) {
      cover.add(cluster + first, cluster + count - past);
    }
  });
}

/** Adds where the entries of tables lead at most; returns whether they lead everywhere there. */
async function addSummaries(
  mapped: Mapped,
  tables: L2TableSet,
  cover: RangeCover,
  context: CallContext,
): Promise<boolean> {
  const { fileClusters } = mapped.layer.geometry;
  const summaries = await mapped.count(context);
  let complete = true;
  for (const offset of tables.offsets) {
    const table = summaries ? indexOfTable(summaries.tables, offset) : -1;
    const reach = table < 0 ? undefined : summaries?.reach(table);
    if (reach && reach.from < fileClusters) {
      complete &&= reach.exact;
      cover.add(reach.from, Math.min(reach.to, fileClusters));
    }
  }
  return complete;
}

/** Which guest clusters lie in a range of the file. */
export async function guestOfHost(mapped: Mapped, range: Clusters, context: CallContext): Promise<Counterpart> {
  const { layer } = mapped;
  const { l2Entries } = layer.geometry;
  const summaries = await mapped.count(context);
  const end = Math.min(Math.ceil(layer.clusters / l2Entries), layer.l1.entries);
  const cover = new RangeCover(mostRanges);
  const add = (from: number, to: number): void => {
    if (from < layer.clusters) {
      cover.add(from, Math.min(to, layer.clusters));
    }
  };
  const tables = tablesOf(layer, 0, end, (offset, l1Index) => {
    const table = summaries ? indexOfTable(summaries.tables, offset) : -1;
    const reach = table < 0 ? undefined : summaries?.reach(table);
    if (!reach || reach.from >= range.to || reach.to <= range.from) {
      return false;
    }
    const inside = reach.from >= range.from && reach.to <= range.to;
    if (inside && reach.exact && reach.to - reach.from === l2Entries) {
      // Every entry leads into the range: nothing has to be read to know that.
      add(l1Index * l2Entries, (l1Index + 1) * l2Entries);
      return false;
    }
    return true;
  });
  if (tables.count > mostTables(layer)) {
    for (const l1Index of tables.l1Indices) {
      add(l1Index * l2Entries, (l1Index + 1) * l2Entries);
    }
    return answer(layer, cover, false);
  }
  await walkRuns(mapped, tables, context, (guest, cluster, count, compressed) => {
    const first = Math.max(cluster, range.from) - cluster;
    const last = Math.min(cluster + count, range.to) - cluster;
    if (first < last) {
      add(compressed ? guest : guest + first, compressed ? guest + 1 : guest + last);
    }
  });
  return answer(layer, cover, true);
}

function mostTables({ geometry }: Layer): number {
  return Math.max(4, Math.floor(mostBytes / geometry.clusterSize));
}

/** The L2 tables of a layer's L1 entries `from` to `to` (exclusive) that are wanted, in guest order. */
function tablesOf(
  layer: Layer,
  from: number,
  to: number,
  wanted: (offset: number, l1Index: number) => boolean,
): L2TableSet {
  const { geometry, l1, snapshot } = layer;
  const offsets: number[] = [];
  const l1Indices: number[] = [];
  for (let index = nextL2Table(l1, from, to); index < to; index = nextL2Table(l1, index + 1, to)) {
    const offset = l2TableOf(l1, index);
    if (offset % geometry.clusterSize === 0 && wanted(offset, index)) {
      offsets.push(offset);
      l1Indices.push(index);
    }
  }
  return {
    count: offsets.length,
    offsets: Float64Array.from(offsets),
    references: new Uint32Array(offsets.length).fill(1),
    sources: new Int32Array(offsets.length).fill(snapshot ?? activeSource),
    l1Indices: Uint32Array.from(l1Indices),
  };
}

/** Visits what the entries of tables lead to: `count` host clusters, which are of as many guest clusters unless compressed. */
async function walkRuns(
  { storage, layer }: Mapped,
  tables: L2TableSet,
  { progress }: CallContext,
  visit: (guest: number, cluster: number, count: number, compressed: boolean) => void,
): Promise<void> {
  const reference = (owner: number, _source: number, guest: number, cluster: number, count: number): void =>
    visit(guest, cluster, count, owner === owners.compressed);
  await walkL2References(storage, layer.geometry, tables, { reference }, progress);
}

function answer({ geometry }: Layer, cover: RangeCover, whole: boolean): Counterpart {
  const size = BigInt(geometry.clusterSize);
  const ranges = cover.ranges().map(
    ({ from, to }): ByteRange => ({
      offset: BigInt(from) * size,
      length: BigInt(to - from) * size,
    }),
  );
  return { ranges, complete: whole && cover.exact };
}
