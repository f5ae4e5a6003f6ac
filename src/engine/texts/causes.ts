import type { FindingText } from '../findingText.ts';

/**
 * What explains many findings at once. `{start}` is a host offset, `{leaks}` how many clusters nothing leads to,
 * `{owned}` how many of those the tables lead to that were found.
 */
export const causeTexts = {
  'cause-lost-table': {
    severity: 'corruption',
    verdict: 'silent',
    title:
      'A table was lost: {tables|leaked cluster looks|leaked clusters look} like an L1 or L2 table, the first at {start}; of {leaks|leaked cluster|leaked clusters}, {owned} can be reached from there',
    meaning:
      'Nothing leads to the table any more, so that what it leads to looks like waste. It is most likely data of the guest or of a snapshot.',
    advice:
      'Do not let qemu-img repair leaks: that frees the data. qcow2 repair --tables tells which L1 entry could have led to the table.',
  },
  'cause-damaged-table': {
    severity: 'corruption',
    verdict: 'silent',
    title: '{leaks|leaked cluster|leaked clusters} may be what a damaged table led to',
    meaning: 'A table can’t be read or does not lead where it should: what it led to looks like waste.',
    advice: 'Do not let qemu-img repair leaks: that frees the data. Repair the table first.',
  },
  'cause-truncated': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'The file is cut off at {size}: it once reached to {end} at least',
    meaning:
      'All that is missing lies behind the end of the file. A copy or a download was interrupted, or the file system was full.',
    advice: 'Look for a whole copy of the file, or copy it again. No repair brings back what is not there.',
  },
  'cause-wrong-bit': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'One wrong bit: {target}, past the end of the file, is but for it {start}, which is leaked',
    meaning:
      'A single bit of the entry has changed, in memory or on the way to the disk. What it led to is still there, and counts as leaked: qemu-img check -r all would free it.',
    advice:
      'A repair has the entry lead there again. Test the memory of the machine: other bits may be wrong in the data.',
  },
  'cause-start-zeroed': {
    severity: 'corruption',
    verdict: 'silent',
    title:
      'The start of the file is zeros, but at {start} there is a refcount table as qcow2 has it, with clusters of {size} bytes',
    meaning: 'The header was overwritten with zeros. The tables behind it, and the data, may all be there.',
    advice:
      'Keep the file as it is: with a header written anew it may be opened again. Do not create an image in its place.',
  },
  'cause-refcounts-in-table': {
    severity: 'corruption',
    verdict: 'silent',
    title: 'The L2 table at {start} holds refcounts',
    meaning:
      'A refcount block was written in its place: its numbers are taken for entries, which lead past the end of the file or nowhere.',
    advice: 'Copy the image before anything else: the table is lost, and what it led to looks leaked.',
  },
  'cause-leak-per-block': {
    severity: 'leak',
    verdict: 'silent',
    title: '{leaks|leaked cluster|leaked clusters}, one for each refcount block ({span} bytes of the file)',
    meaning:
      'The second cluster behind the start of each refcount block’s range is counted once more than it is used: so regular a pattern comes from how refcount blocks were made, not from damage.',
    advice: 'Nothing is lost. A repair of leaks gives the clusters back.',
  },
  'cause-leaked-window': {
    severity: 'leak',
    verdict: 'silent',
    title:
      '{leaks|leaked cluster|leaked clusters} in runs of as many as one L2 table leads to ({span} bytes of the disk)',
    meaning:
      'Whole windows of the disk are not led to any more: an L1 entry was lost or cleared, and its L2 table with it.',
    advice:
      'Do not let qemu-img repair leaks before it is clear that the windows were meant to be empty: that frees what was in them.',
  },
} as const satisfies Record<string, FindingText>;
