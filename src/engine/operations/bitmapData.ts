import type { ByteWrite } from '../change/changeSet.ts';
import { checksum } from '../change/checksum.ts';
import type { Clusters } from '../change/clusters.ts';
import type { Draft } from '../change/draft.ts';
import { Qcow2Error } from '../error.ts';
import { bitmapTableEntryBytes, encodeBitmapTableEntry } from '../format/bitmapTable.ts';
import type { Geometry } from '../image/geometry.ts';
import { noProgress, type Progress } from '../ports.ts';
import { dataClusters, tableEntries } from './bitmapBits.ts';
import { type PlannedBitmap, plannedName, type StoredTable } from './plannedBitmap.ts';

/** Bytes of one write. */
const writeBytes = 65536;

/** A cluster of data as it was planned. */
interface PlannedCluster {
  readonly index: number;
  /** Host offset in bytes. */
  readonly at: bigint;
  readonly sum: { readonly hi: number; readonly lo: number };
}

/**
 * Drafts a bitmap's data and its table in free clusters, data first, as QEMU's store_bitmap takes them: a cluster for
 * each table entry with dirty bits, none for the others. The data is not held in memory, but made again when it is
 * written.
 */
export async function storeBitmap(
  draft: Draft,
  clusters: Clusters,
  geometry: Geometry,
  bitmap: PlannedBitmap,
  progress: Progress,
): Promise<StoredTable> {
  const { clusterSize } = geometry;
  const name = plannedName(bitmap);
  const entries = tableEntries(bitmap, geometry);
  const table = new Uint8Array(entries * bitmapTableEntryBytes);
  const view = new DataView(table.buffer);
  const planned: PlannedCluster[] = [];
  for await (const { index, bytes } of dataClusters(bitmap, geometry, progress)) {
    const at = BigInt(await clusters.allocate(1)) * BigInt(clusterSize);
    const { hi, lo } = encodeBitmapTableEntry(at, false);
    view.setUint32(index * bitmapTableEntryBytes, hi);
    view.setUint32(index * bitmapTableEntryBytes + 4, lo);
    planned.push({ index, at, sum: checksum(bytes) });
  }
  const last = planned.at(-1);
  if (last) {
    const stream = () => dataWrites(bitmap, geometry, planned);
    draft.addStream(`Write the bits of bitmap '${name}' where nothing is`, stream, last.at + BigInt(clusterSize));
  }
  const first = await clusters.allocate(Math.ceil(table.length / clusterSize));
  const offset = BigInt(first) * BigInt(clusterSize);
  await draft.write(`table of bitmap '${name}'`, offset, table);
  return { offset, entries };
}

/** The data as writes. Throws `changed-since` where a source has changed since it was planned. */
async function* dataWrites(
  bitmap: PlannedBitmap,
  geometry: Geometry,
  planned: readonly PlannedCluster[],
): AsyncGenerator<ByteWrite> {
  const structure = `data of bitmap '${plannedName(bitmap)}'`;
  let next = 0;
  for await (const { index, bytes } of dataClusters(bitmap, geometry, noProgress)) {
    const place = planned[next++];
    const { hi, lo } = checksum(bytes);
    if (place?.index !== index || place.sum.hi !== hi || place.sum.lo !== lo) {
      throw changed();
    }
    for (let at = 0; at < bytes.length; at += writeBytes) {
      yield { structure, at: place.at + BigInt(at), bytes: bytes.slice(at, at + writeBytes) };
    }
  }
  if (next !== planned.length) {
    throw changed();
  }
}

function changed(): Qcow2Error {
  return new Qcow2Error(
    'changed-since',
    'A bitmap that is merged has changed since the change was planned. Plan it again.',
  );
}
