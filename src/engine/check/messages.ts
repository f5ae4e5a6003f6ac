import { systemText } from '../error.ts';

/** As C's `%x`. */
const hex = (value: number | bigint): string => value.toString(16);

/** As C's `%#x`: 0 without a prefix. */
const prefixed = (value: number | bigint): string => (BigInt(value) === 0n ? '0' : `0x${hex(value)}`);

/**
 * What qemu-img check prints of what it finds (block/qcow2-refcount.c, block/qcow2-snapshot.c). Offsets and lengths in
 * bytes.
 */
export const messages = {
  pastEnd: (offset: bigint, length: bigint): string =>
    `ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x${hex(offset)} size 0x${hex(length)}`,
  overflow: (offset: bigint): string =>
    `ERROR: overflow cluster offset=0x${hex(offset)}\n` +
    'Use qemu-img amend to increase the refcount entry width or qemu-img convert to create a clean copy if the image cannot be opened for writing',
  l1Unreadable: 'ERROR: I/O error in check_refcounts_l1',
  l1Reserved: (entry: bigint): string => `ERROR found L1 entry with reserved bits set: ${hex(entry)}`,
  l1Unaligned: (offset: number): string =>
    `ERROR l2_offset=${hex(offset)}: Table is not cluster aligned; L1 entry corrupted`,
  l2Unreadable: 'ERROR: I/O error in check_refcounts_l2',
  l2Reserved: (entry: bigint): string => `ERROR found l2 entry with reserved bits set: ${hex(entry)}`,
  compressedCopied: (offset: bigint): string =>
    `ERROR: coffset=0x${hex(offset)}: copied flag must never be set for compressed clusters`,
  compressedInDataFile: (index: number, entry: bigint): string =>
    `ERROR compressed cluster ${index} with data file, entry=0x${hex(entry)}`,
  compressedWithSubclusters: (index: number, entry: bigint): string =>
    `ERROR compressed cluster ${index} with non-zero subcluster allocation bitmap, entry=0x${hex(entry)}`,
  subclustersCorrupted: (offset: number): string =>
    `ERROR offset=${hex(offset)}: Allocated cluster has corrupted subcluster allocation bitmap`,
  preallocatedUnaligned: (offset: number): string =>
    `ERROR offset=${hex(offset)}: Preallocated cluster is not properly aligned; L2 entry corrupted.`,
  dataUnaligned: (offset: number): string =>
    `ERROR offset=${hex(offset)}: Data cluster is not properly aligned; L2 entry corrupted.`,
  unallocatedSubclusters: 'ERROR: Unallocated cluster has non-zero subcluster allocation map',
  snapshotsWithDataFile: (count: number): string => `ERROR ${count} snapshots in image with data file`,
  snapshotL1Unaligned: (id: string, name: string, offset: bigint): string =>
    `ERROR snapshot ${id} (${name}) l1_offset=${prefixed(offset)}: L1 table is not cluster aligned; snapshot table entry corrupted`,
  snapshotL1TooLarge: (id: string, name: string, entries: number): string =>
    `ERROR snapshot ${id} (${name}) l1_size=${prefixed(entries)}: L1 table is too large; snapshot table entry corrupted`,
  snapshotTableTooLarge: 'ERROR snapshot table too large',
  removeSnapshots: (count: number): string =>
    `You can force-remove all ${count} overhanging snapshots with qemu-img check -r all`,
  snapshotTableOffset: 'ERROR snapshot table offset invalid',
  snapshotTableTooBig: (overhanging: number): string =>
    `ERROR failed to read the snapshot table: Snapshot table is too big\nYou can force-remove all ${overhanging} overhanging snapshots with qemu-img check -r all`,
  snapshotTableUnreadable: (system: string | undefined): string =>
    `ERROR failed to read the snapshot table: Failed to read snapshot table: ${systemText(system)}`,
  snapshotExtra: (index: number): string =>
    `ERROR failed to read the snapshot table: Too much extra metadata in snapshot table entry ${index}\n` +
    'You can force-remove this extra metadata with qemu-img check -r all',
  snapshotIncomplete: (index: number): string => `ERROR snapshot table entry ${index} is incomplete`,
  refcountTableReserved: (index: number): string => `ERROR refcount table entry ${index} has reserved bits set`,
  refcountBlockUnaligned: (index: number): string =>
    `ERROR refcount block ${index} is not cluster aligned; refcount table entry corrupted`,
  refcountBlockOutside: (index: number): string => `ERROR refcount block ${index} is outside image`,
  refcountBlockReached: (index: number): string => `Repairing refcount block ${index} is outside image`,
  notResized: (system: string): string => `ERROR could not resize image: ${systemText(system)}`,
  refcountBlockShared: (index: number, references: number): string =>
    `ERROR refcount block ${index} refcount=${references}`,
  noRefcount: (cluster: number, system: string | undefined): string =>
    `Can't get refcount for cluster ${cluster}: ${systemText(system)}`,
  refcount: (cluster: number, refcount: number | bigint, references: number): string =>
    `${refcount < references ? 'ERROR' : 'Leaked'} cluster ${cluster} refcount=${refcount} reference=${references}`,
  l2TableCopied: (index: number, entry: bigint, refcount: number | bigint): string =>
    `ERROR OFLAG_COPIED L2 cluster: l1_index=${index} l1_entry=${hex(entry)} refcount=${refcount}`,
  dataCopied: (entry: bigint, refcount: number | bigint): string =>
    `ERROR OFLAG_COPIED data cluster: l2_entry=${hex(entry)} refcount=${refcount}`,
} as const;
