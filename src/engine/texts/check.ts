import type { FindingText } from '../findingText.ts';

/**
 * Findings that need the refcounts compared with the references: those of a check. `{clusters}` is how many clusters in a
 * row have it, `{start}` the host offset of the first one, `{cluster}` its number. QEMU tells of each of them
 * (block/qcow2-refcount.c).
 */
export const checkTexts = {
  'cluster-leaked': {
    severity: 'leak',
    verdict: 'silent',
    qemu: 'Leaked cluster {cluster} refcount={refcount} reference={references}',
    title: '{clusters|cluster|clusters} from {start} on: counted {refcount|time|times}, used {references|time|times}',
    meaning:
      'The space is not given back. The guest’s data is as it should be, unless a table that led there was lost.',
    advice:
      'Repair leaks once nothing else is wrong: while a table is damaged, what looks leaked may be the data that it led to.',
  },
  'refcount-too-low': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR cluster {cluster} refcount={refcount} reference={references}',
    title:
      '{clusters|cluster|clusters} from {start} on: counted {refcount|time|times}, but used {references|time|times}',
    meaning:
      'What is there now is read as it should be. But QEMU may give the clusters away, and a write then destroys what is in them.',
    advice: 'Do not open the image for writing before its refcounts are repaired.',
  },
  'refcount-overflow': {
    severity: 'corruption',
    verdict: 'silent',
    qemu:
      'ERROR: overflow cluster offset={start}\n' +
      'Use qemu-img amend to increase the refcount entry width or qemu-img convert to create a clean copy if the image cannot be opened for writing',
    title: 'The cluster at {start} is used more often than a refcount can count',
    meaning: 'Its refcount can’t be right: QEMU may give the cluster away while it is used.',
    advice: 'Make a copy with qemu-img convert, or give the refcounts more bits (qemu-img amend -o refcount_bits=…).',
  },
  'copied-wrong': {
    severity: 'corruption',
    verdict: 'silent',
    qemu: 'ERROR OFLAG_COPIED {message}',
    title: 'COPIED of the entry that leads to {start} is {copied}, and the refcount is {refcount}',
    meaning:
      'COPIED says that the refcount is one, so that QEMU writes in place. Set where it should not be, a write of the guest also changes what a snapshot has; clear where it should be set, it only costs a copy.',
    advice: 'A repair sets the flag by the refcount. Look first whether the refcount is right.',
  },

  // What qemu-img check does not look for
  'cluster-shared': {
    severity: 'corruption',
    verdict: 'silent',
    title: '{clusters|cluster|clusters} from {start} on: of {second}, and of {first} at the same time',
    meaning:
      'Two places of the disk have the same bytes, and no snapshot explains it: at least one of them is wrong. A write to one of them changes the other.',
    advice:
      'Do not let qemu-img repair it: it counts the cluster twice and calls the image clean. A repair here gives each place its own copy.',
  },
  'l2-table-shared': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'The L2 table at {start} is of {second}, and of {first} at the same time',
    meaning:
      'Two parts of the disk have all their bytes in common, and no snapshot explains it: at least one of them is wrong.',
    advice:
      'Do not let qemu-img repair it: it counts the table twice and calls the image clean. Compare what the neighbours lead to; a repair here gives each place its own copy.',
  },
  'compressed-overlap': {
    severity: 'corruption',
    verdict: 'silent',
    title:
      'The compressed data at {target}, of {second}, begins inside that at {firstTarget}, of {first}, which reaches to {firstEnd}',
    meaning:
      'Compressed data may begin where other data ends, not before: one has overwritten the other, or an entry leads to the wrong place. The guest gets wrong bytes or an error at {guest}, at {firstGuest}, or at both.',
    advice:
      'A deep check tells which of the two can still be decompressed. It is not repaired: nothing tells where the other one should lead.',
  },
  'compressed-undecodable': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'The compressed data at {target} can’t be decompressed: {error}',
    meaning: 'The guest gets an input/output error there. qemu-img check does not decompress anything.',
    advice: 'The data is lost unless there is another copy of the file. What is around it can be read.',
  },
  'snapshot-l1-too-small': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The L1 table of snapshot {name} reaches to byte {reach}, its disk to {needed}',
    meaning: 'What lies behind has no way to its data: l1_size or the disk size of the entry is wrong.',
    advice: 'Compare both with the other snapshots before you go back to this one.',
  },
  'snapshot-vm-state-cut': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The state of the machine of snapshot {name} ends at byte {needed}, its L1 table reaches to {reach}',
    meaning: 'The state can’t be whole: QEMU fails when it goes on from the snapshot. Its disk is not touched by that.',
    advice: 'Use the disk of the snapshot without the state.',
  },
  'refcount-past-end': {
    severity: 'leak',
    verdict: 'silent',
    title: '{clusters|cluster|clusters} from {start} on, past the end of the file: counted {refcount|time|times}',
    meaning:
      'The file may have been longer once. qemu-img check does not look there; QEMU does not use these clusters when the file grows.',
    advice: 'If entries lead there too, look for a longer copy of the file. Else a repair sets the refcounts to 0.',
  },
} as const satisfies Record<string, FindingText>;
