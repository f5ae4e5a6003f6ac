import { Draft } from '../../change/draft.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import { l1EntryBytes } from '../../format/l1.ts';
import { requiredExtraBytes, type Snapshot, snapshotIdBytes, snapshotNameBytes } from '../../format/snapshots.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import { clustersOf, type Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import { readSnapshots } from '../../image/snapshotTable.ts';
import { limits } from '../../limits.ts';
import { keptSnapshotEntry, snapshotTableBytes } from '../snapshotEntries.ts';
import type { EndClusters } from './endClusters.ts';
import type { RepairCode, Wanted } from './selection.ts';

/** Where the size of the extra data is in an entry. */
const extraSizeAt = 36n;

/** Sizes that writers give the extra data, the likeliest first; then all others that QEMU reads. */
const extraSizes: readonly number[] = [
  24,
  16,
  0,
  ...Array.from({ length: limits.snapshotExtraBytes / 8 + 1 }, (_, index) => index * 8),
];

/** What a repair of the snapshot table came to. */
export interface MendedSnapshots {
  readonly mended: ReadonlyMap<RepairCode, number>;
  /** Clusters of a table that was written anew elsewhere. */
  readonly freed: ClusterSet;
}

/**
 * Puts the snapshot table right in the draft: lengths of extra data with which the rest of the table makes no sense, and
 * the extra data that version 3 requires. Names and IDs are kept (QEMU's repair makes them empty).
 */
export async function mendSnapshots(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  end: EndClusters,
  wanted: Wanted,
): Promise<MendedSnapshots> {
  const mended = new Map<RepairCode, number>();
  const freed = new ClusterSet();
  await mendCount(draft, image, geometry, wanted, mended);
  const { header } = await openImage(draft);
  if (!header || header.nb_snapshots === 0 || header.nb_snapshots > limits.snapshots) {
    return { mended, freed };
  }
  for (
    let entry = await firstTooLong(draft, header, wanted);
    entry;
    entry = await firstTooLong(draft, header, wanted)
  ) {
    const size = await extraSizeOf(draft, header, geometry, entry);
    if (size === undefined) {
      return { mended, freed };
    }
    await draft.write(`snapshot[${entry.index}]`, entry.offset + extraSizeAt, word(size));
    mended.set('snapshot-extra-too-large', (mended.get('snapshot-extra-too-large') ?? 0) + 1);
  }
  await draft.endStep('Put the lengths in the snapshot table right');
  const snapshots = await readSnapshots(draft, header);
  const lacking = snapshots.filter(
    ({ fields, offset }) =>
      header.version >= 3 && fields.extra_data_size < requiredExtraBytes && wanted('snapshot-entry-incomplete', offset),
  );
  // What a wrong offset leads to is no snapshot table: written anew, it would take the place of the one that there is. And an
  // entry that makes no sense is none that only lacks something.
  const isTable = snapshots.length === header.nb_snapshots && snapshots.every((one) => isPlausible(one, geometry));
  if (lacking.length > 0 && isTable) {
    const bytes = snapshotTableBytes(
      snapshots.map((one) => (lacking.includes(one) ? keptSnapshotEntry(one, header) : one.bytes)),
    );
    const count = Number(clustersOf(BigInt(bytes.length), geometry.clusterBits));
    const offset = BigInt(end.take(count)) * BigInt(geometry.clusterSize);
    draft.freshen(offset, BigInt(count) * BigInt(geometry.clusterSize));
    await draft.write('snapshot table', offset, bytes);
    await draft.endStep('Write the snapshot table with the extra data that version 3 requires');
    await changeHeader(
      draft,
      { fields: { snapshots_offset: offset } },
      'Have the header lead to the new snapshot table',
    );
    const last = snapshots.at(-1);
    const length = last ? last.offset + BigInt(last.length) - header.snapshots_offset : 0n;
    const size = BigInt(geometry.clusterSize);
    freed.add(Number(header.snapshots_offset / size), Number(clustersOf(length, geometry.clusterBits)));
    mended.set('snapshot-entry-incomplete', lacking.length);
  }
  return { mended, freed };
}

/** Codes of what a wrong number of snapshots leads to. */
const countCodes = ['snapshot-table-too-large', 'snapshot-entry-incomplete', 'snapshot-l1-offset-invalid'] as const;

/** Puts the number of snapshots right where only zeros follow the last entry that is one. */
async function mendCount(
  draft: Draft,
  { header }: Image,
  geometry: Geometry,
  wanted: Wanted,
  mended: Map<RepairCode, number>,
): Promise<void> {
  if (!header || header.nb_snapshots === 0 || !countCodes.every((code) => wanted(code, header.snapshots_offset))) {
    return;
  }
  const place = { ...header, nb_snapshots: Math.min(header.nb_snapshots, limits.snapshots) };
  const snapshots = await readSnapshots(draft, place);
  const first = snapshots.findIndex((one) => !isPlausible(one, geometry));
  const count = first < 0 ? snapshots.length : first;
  const last = snapshots[count - 1];
  const end = last ? last.offset + BigInt(last.length) : header.snapshots_offset;
  if (count < header.nb_snapshots && last && (await isZeros(draft, end, geometry))) {
    await changeHeader(draft, { fields: { nb_snapshots: count } }, 'Set the number of snapshots that there are');
    mended.set('snapshot-table-too-large', 1);
  }
}

/** Whether there are only zeros from a host offset on to the end of its cluster. */
async function isZeros(draft: Draft, at: bigint, { clusterSize }: Geometry): Promise<boolean> {
  const bytes = new Uint8Array(clusterSize - Number(at % BigInt(clusterSize)));
  await draft.read(at, bytes);
  return bytes.length < clusterSize && bytes.every((byte) => byte === 0);
}

/** The first entry with more extra data than QEMU reads. */
async function firstTooLong(
  draft: Draft,
  header: NonNullable<Image['header']>,
  wanted: Wanted,
): Promise<Snapshot | undefined> {
  const snapshots = await readSnapshots(draft, header);
  return snapshots.find(
    ({ fields, offset }) =>
      fields.extra_data_size > limits.snapshotExtraBytes && wanted('snapshot-extra-too-large', offset),
  );
}

/** The length of an entry's extra data with which it, and all that follow, make sense. */
async function extraSizeOf(
  draft: Draft,
  header: NonNullable<Image['header']>,
  geometry: Geometry,
  { index, offset }: Snapshot,
): Promise<number | undefined> {
  for (const size of extraSizes) {
    const trial = new Draft(draft);
    await trial.write('snapshot', offset + extraSizeAt, word(size));
    const snapshots = await readSnapshots(trial, header);
    const makesSense = (one: Snapshot): boolean =>
      isPlausible(one, geometry) || (one.index > index && one.fields.extra_data_size > limits.snapshotExtraBytes);
    if (snapshots.length > index && snapshots.slice(index).every(makesSense)) {
      return size;
    }
  }
  return undefined;
}

/** Whether an entry could be one: an ID and a name that can be read, and an L1 table in the file, if not at a cluster. */
export function isPlausible(snapshot: Snapshot, { clusterSize, fileSize }: Geometry): boolean {
  const { l1_table_offset: offset, l1_size: entries, extra_data_size: extra } = snapshot.fields;
  const texts = [snapshotIdBytes(snapshot), snapshotNameBytes(snapshot)];
  return (
    extra <= limits.snapshotExtraBytes &&
    offset >= BigInt(clusterSize) &&
    offset + BigInt(entries * l1EntryBytes) <= fileSize &&
    snapshotIdBytes(snapshot).length > 0 &&
    texts.every((bytes) => bytes.every((byte) => byte >= 0x20 && byte !== 0x7f))
  );
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
