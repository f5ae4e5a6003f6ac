/**
 * Bounds checked before anything that an image names is allocated or read. They are QEMU's own (block/qcow2.h), so
 * that whatever QEMU opens is read whole.
 */
export const limits = {
  /** MIN_CLUSTER_BITS: 512 bytes. */
  minClusterBits: 9,
  /** MAX_CLUSTER_BITS: 2 MiB. */
  maxClusterBits: 21,
  /** QCOW_MAX_L1_SIZE: bytes of an L1 table. */
  l1TableBytes: 32 * 1024 * 1024,
  /** QCOW_MAX_REFTABLE_SIZE: bytes of the refcount table. */
  refcountTableBytes: 8 * 1024 * 1024,
  /** QCOW_MAX_SNAPSHOTS. */
  snapshots: 65536,
  /** QCOW_MAX_SNAPSHOTS_SIZE: bytes of the snapshot table. */
  snapshotTableBytes: 1024 * 65536,
  /** QCOW_MAX_SNAPSHOT_EXTRA_DATA: bytes an entry. */
  snapshotExtraBytes: 1024,
  /** QCOW2_MAX_BITMAPS. */
  bitmaps: 65535,
  /** QCOW2_MAX_BITMAP_DIRECTORY_SIZE: bytes. */
  bitmapDirectoryBytes: 1024 * 65535,
  /** BME_MAX_TABLE_SIZE: entries of one bitmap table. */
  bitmapTableEntries: 0x8000000,
  /** BME_MAX_PHYS_SIZE: bytes of one bitmap. */
  bitmapBytes: 0x20000000,
  /** BME_MIN_GRANULARITY_BITS and BME_MAX_GRANULARITY_BITS. */
  minGranularityBits: 9,
  maxGranularityBits: 31,
  /** BME_MAX_NAME_SIZE. */
  bitmapNameBytes: 1023,
  /** Bytes of bitmap names among which duplicates are looked for. Not a limit of QEMU's. */
  bitmapNamesBytes: 16 * 1024 * 1024,
  /** The backing file name. */
  backingNameBytes: 1023,
  /** The backing format name: QEMU's buffer of 16 holds 15 and a NUL. */
  backingFormatBytes: 15,
  /** Bytes of the LUKS header with its key material that are followed: eight slots take less than 3 MiB. */
  luksAreaBytes: 64 * 1024 * 1024,
  /** BDRV_MAX_LENGTH: where QEMU's files and disks end at the latest. Reading beyond is an input/output error. */
  fileEnd: 2n ** 63n - 2n ** 30n,
  /** Files that a backing chain may have. */
  chainDepth: 64,
} as const;
