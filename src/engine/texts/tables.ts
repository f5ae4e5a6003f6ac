import type { FindingText } from '../findingText.ts';

const copyFirst = 'Copy what can be read from the disk (with ddrescue, for example) and work on the copy.';
const noRepair =
  'Save the guest’s data first: where nothing tells what the entry should lead to, a repair has the guest read zeros there.';

/**
 * Findings that need every L1, L2, refcount or bitmap table entry: those of a scan. `{entries}` is how many entries in
 * a row have it, `{target}` the host offset that the first one leads to, `{raw}` the first one's hex digits. What QEMU
 * says when the guest reads the place, or else what a check says (block/qcow2-refcount.c, block/qcow2-cluster.c).
 */
export const tableTexts = {
  // L1 tables
  'l1-entry-reserved': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR found L1 entry with reserved bits set: {raw}',
    title: 'Reserved bits of an L1 entry are set',
    meaning: 'QEMU ignores them when it reads; qemu-img check reports the entry and can’t repair it.',
    advice: 'The entry is damaged: compare its offset with those of its neighbours.',
  },
  'l1-entry-without-table': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'An L1 entry is {raw}: flags without the offset of an L2 table',
    meaning:
      'The guest reads its range as unallocated. But a check takes the header for an L2 table and reports errors that are none.',
    advice:
      'Do not let qemu-img repair it: that changes the refcounts of clusters that are right and never ends clean. The entry should be 0.',
  },
  'l1-entry-unaligned': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'L2 table offset {target} unaligned (L1 index: {l1Index})',
    title: 'An L1 entry leads to {target}, which is not the start of a cluster',
    meaning: 'The guest gets input/output errors in the whole range of the L2 table, and QEMU sets the corrupt bit.',
    advice: noRepair,
  },
  'l1-entry-unreadable': {
    severity: 'corruption',
    verdict: 'silent',
    title: '{entries|L1 entry|L1 entries} can’t be read: {error}',
    meaning: 'The way to the data of their range is lost.',
    advice: copyFirst,
  },

  // L2 tables
  'l2-table-past-end': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset {target} size {size}',
    title: 'An L2 table at {target} lies past the end of the file',
    meaning: 'QEMU reads it as zeros: the guest sees zeros, or the backing file, where its data was.',
    advice:
      'Look for a longer copy of the file. Do not let qemu-img repair leaks: what the table led to would be freed.',
  },
  'l2-entry-unreadable': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: I/O error in check_refcounts_l2',
    title: '{entries|L2 entry|L2 entries} can’t be read: {error}',
    meaning: 'Where the data of their range is, is not known. The guest gets input/output errors there.',
    advice: copyFirst,
  },
  'l2-entry-reserved': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR found l2 entry with reserved bits set: {raw}',
    title: 'Reserved bits of an L2 entry are set',
    meaning: 'QEMU ignores them when it reads; qemu-img check reports the entry and can’t repair it.',
    advice: 'The entry is damaged: compare its offset with those of its neighbours.',
  },
  'l2-extended-zero-bit': {
    severity: 'warning',
    verdict: 'silent',
    title: 'Bit 0 of an extended L2 entry is set',
    meaning:
      'In standard entries it makes a zero cluster; extended entries have a bitmap for that, and bit 0 is reserved. QEMU ignores it.',
    advice: 'Look whether the cluster was meant to read as zeros.',
  },
  'l2-copied-alone': {
    severity: 'note',
    verdict: 'silent',
    title: 'An L2 entry has COPIED set, but leads to no cluster',
    meaning: 'COPIED says that the refcount of a cluster is one, and there is none. QEMU ignores it.',
    advice: 'The offset may have been lost: look at what the neighbours lead to. Else nothing needs to be done.',
  },
  'l2-entry-unaligned': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'Cluster allocation offset {target} unaligned (L2 offset: {table}, L2 index: {l2Index})',
    title: 'An L2 entry leads to {target}, which is not the start of a cluster',
    meaning: 'The guest gets an input/output error there, and QEMU sets the corrupt bit.',
    advice: noRepair,
  },
  'l2-zero-in-version-2': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'Zero cluster entry found in pre-v3 image (L2 offset: {table}, L2 index: {l2Index})',
    title: 'A zero cluster in a version 2 image',
    meaning: 'Version 2 has no zero clusters: the guest gets an input/output error there.',
    advice: 'Do not upgrade the image as it is: the cluster would silently read as zeros from then on.',
  },
  'l2-subclusters-invalid': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'Invalid cluster entry found  (L2 offset: {table}, L2 index: {l2Index})',
    title: 'The subcluster bits of an L2 entry contradict each other or its host offset',
    meaning: 'A subcluster is said to be allocated and zero at once, or allocated without a cluster. It can’t be read.',
    advice: noRepair,
  },
  'l2-compressed-in-data-file': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'Compressed cluster entry found in image with external data file (L2 offset: {table}, L2 index: {l2Index})',
    title: 'A compressed cluster in an image with an external data file',
    meaning: 'The data file can’t hold compressed data: the guest gets an input/output error there.',
    advice: noRepair,
  },
  'l2-data-file-offset': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'External data file host cluster offset {target} does not match guest cluster offset: {guestOffset}, L2 index: {l2Index})',
    title: 'An L2 entry leads to {target} of the external data file, not to {guestOffset}',
    meaning: 'In an external data file every cluster lies at its guest offset. QEMU refuses to read it.',
    advice: noRepair,
  },
  'l2-compressed-subclusters': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR compressed cluster {number} with non-zero subcluster allocation bitmap, entry=0x{uncopied}',
    title: 'A compressed cluster has subcluster bits',
    meaning:
      'The bitmap of a compressed cluster must be zero. QEMU reads the cluster all the same; a check reports it.',
    advice: 'The entry is damaged, or was compressed once and is not any more.',
  },
  'l2-compressed-copied': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: coffset=0x{compressedOffset}: copied flag must never be set for compressed clusters',
    title: 'A compressed cluster has COPIED set',
    meaning: 'Compressed clusters never have it. QEMU reads the cluster all the same; a check reports it.',
    advice: 'The entry is damaged; compare it with those of its neighbours.',
  },
  'l2-compressed-offset': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x{compressedOffset} size 0x{compressedSize}',
    title: 'Compressed data at a host offset of more than 56 bits',
    meaning: 'No qcow2 file is that large: the cluster can’t be read.',
    advice: noRepair,
  },
  'data-past-end': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset {start} size {size}',
    title: '{clusters|cluster|clusters} of data from {start} on: past the end of the file',
    meaning: 'QEMU reads zeros there and still calls it data.',
    advice:
      'Look for a longer copy of the file. A repair finds the cluster again where one wrong bit of the entry explains it; else ' +
      'the guest reads zeros. qemu-img check reports it and can’t repair it.',
  },
  'compressed-past-end': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset {target} size {size}',
    title: 'Compressed data at {target} lies past the end of the file',
    meaning: 'The cluster can’t be decompressed: the guest gets an input/output error there.',
    advice: 'Look for a longer copy of the file.',
  },

  'compressed-cut': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'Compressed data at {target} reaches past the end of the file',
    meaning: 'QEMU reads zeros for what is missing: most likely the cluster can’t be decompressed.',
    advice: 'Look for a longer copy of the file.',
  },

  // Refcounts
  'refcount-table-entry-reserved': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR refcount table entry {number} has reserved bits set',
    title: 'Reserved bits of a refcount table entry are set',
    meaning: 'QEMU ignores them when it reads; a check reports it.',
    advice: 'A repair builds the refcounts anew.',
  },
  'refcount-table-entry-unaligned': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR refcount block {number} is not cluster aligned; refcount table entry corrupted',
    title: 'A refcount table entry leads to {target}, which is not the start of a cluster',
    meaning: 'The refcounts of the block are not known: a write into its range fails and sets the corrupt bit.',
    advice: 'A repair builds the refcounts anew.',
  },
  'refcount-block-past-end': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR refcount block {number} is outside image',
    title: 'A refcount block at {target} lies past the end of the file',
    meaning: 'QEMU reads it as zeros: used clusters look free, and a write may overwrite them.',
    advice: 'Do not open the image for writing. A repair builds the refcounts anew.',
  },
  'refcount-block-unreadable': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'A part of the refcount block at {target} can’t be read: {error}',
    meaning: 'Which of its clusters are used is not known. The guest’s data can be read all the same.',
    advice: copyFirst,
  },

  // Bitmaps
  'bitmap-table-past-end': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset {target} size {size}',
    title: 'The table of bitmap {index} at {target} lies past the end of the file',
    meaning: 'QEMU reads it as zeros: changes of the disk are missing in the bitmap.',
    advice: 'The next backup must be a full one.',
  },
  'bitmap-table-cut': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'The table of bitmap {index} at {target} reaches past the end of the file',
    meaning: 'QEMU reads zeros for what is missing: changes of the disk are missing in the bitmap.',
    advice: 'The next backup must be a full one.',
  },
  'bitmap-table-unreadable': {
    severity: 'corruption',
    verdict: 'refuses',
    qemu: "Could not read bitmap_table table from image for bitmap '{name}': {error}",
    title: 'The table of bitmap {name} can’t be used: {error}',
    meaning: 'QEMU loads every bitmap that is not in use, and does not open the image when it can’t.',
    advice: 'Without the bitmaps extension the image opens; its bitmaps are then lost and their clusters leaked.',
  },
  'bitmap-table-entry-unreadable': {
    severity: 'corruption',
    verdict: 'silent',
    title: '{entries|entry|entries} of the table of bitmap {index} can’t be read: {error}',
    meaning: 'A part of the bitmap is not known. The guest’s data can be read.',
    advice: 'The next backup must be a full one.',
  },
  'bitmap-table-entry-reserved': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'Reserved bits of an entry of the table of bitmap {index} are set',
    meaning: 'QEMU does not load the bitmap, and a check stops there.',
    advice: 'Remove the bitmap; the next backup must be a full one.',
  },
  'bitmap-table-entry-unaligned': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'An entry of the table of bitmap {index} leads to {target}, which is not the start of a cluster',
    meaning: 'QEMU does not load the bitmap, and a check stops there.',
    advice: 'Remove the bitmap; the next backup must be a full one.',
  },
  'bitmap-data-past-end': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset {target} size {size}',
    title: 'Data of bitmap {index} at {target} lies past the end of the file',
    meaning: 'QEMU reads zeros there: changes of the disk are missing in the bitmap.',
    advice: 'The next backup must be a full one.',
  },

  // Clusters
  'clusters-overlap': {
    severity: 'corruption',
    verdict: 'silent',
    title: '{clusters|cluster|clusters} from {start} on: {second}, and {first} at the same time',
    meaning:
      'The same bytes are read as two things; at least one of them is wrong. QEMU notices only when it writes there.',
    advice:
      'Do not open the image for writing, and do not let qemu-img repair it: it keeps both and calls the image clean. A repair here leaves the table to the image, and has the guest read zeros.',
  },
} as const satisfies Record<string, FindingText>;
