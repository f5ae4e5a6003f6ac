import type { FindingText } from '../findingText.ts';

/** Findings about the files that an image names: they are opened only by the user's word. `{name}` is the name in the image. */
export const chainTexts = {
  'backing-file-unavailable': {
    severity: 'corruption',
    verdict: 'refuses-io',
    qemu: 'Could not open backing file: {error}',
    title: 'The backing file {name} can’t be opened: {error}',
    meaning: 'All that the image does not hold itself is missing. QEMU does not open the image for input and output.',
    advice: 'Put the file where the name says, or set the right name (qcow2 rebase -u).',
  },
  'backing-name-refused': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The backing file’s name {name} is not followed',
    meaning: 'It names a protocol, a device or a description of a driver, not a file. What it has is not known here.',
    advice: 'Look at the name before you trust it.',
  },
  'backing-chain-loop': {
    severity: 'corruption',
    verdict: 'refuses-io',
    title: 'The backing file {name} is in the chain already',
    meaning: 'The chain has no end: QEMU hangs or fails when it opens the image.',
    advice: 'Set the right name of the backing file (qcow2 rebase -u).',
  },
  'backing-chain-too-deep': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The chain goes on below {name}, more than {most} files deep',
    meaning: 'What lies below was not looked at.',
    advice: 'Merge some of the images.',
  },
  'backing-file-not-qcow2': {
    severity: 'corruption',
    verdict: 'refuses-io',
    qemu: 'Could not open backing file: Image is not in qcow2 format',
    title: 'The backing file {name} is said to be qcow2, and is not',
    meaning:
      'QEMU does not open the image for input and output. The file was replaced, damaged, or its format set wrongly.',
    advice: 'Look what the file is. Set the format only to what it really is: a raw disk read as qcow2 is not safe.',
  },
  'backing-format-not-read': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The backing file {name} is of the format {found}',
    meaning: 'That format is not looked into here; whether the file is in order is not known.',
    advice: 'Check it with qemu-img.',
  },
  'backing-probed-raw': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The backing file {name} is taken for raw by its content alone',
    meaning:
      'The image does not say its format. A guest that writes the start of a qcow2 header to such a disk makes QEMU open any file that the header names.',
    advice: 'Set the format to raw (qcow2 rebase -u -b NAME -F raw).',
  },
  'backing-file-smaller': {
    severity: 'note',
    verdict: 'silent',
    title: 'The backing file {name} has {size} bytes, the disk above it {needed}',
    meaning: 'What the image does not hold itself reads as zeros from there on. That is so after the disk was grown.',
    advice: 'Nothing, if the disk was grown. Else look whether this is the right file, and whole.',
  },
  'data-file-unavailable': {
    severity: 'corruption',
    verdict: 'refuses-io',
    qemu: 'Could not open data file: {error}',
    title: 'The external data file {name} can’t be opened: {error}',
    meaning: 'All data of the disk is in it. QEMU does not open the image for input and output.',
    advice: 'Put the file where the name says, or set the right name (qcow2 amend -o data_file=…).',
  },
  'data-file-name-refused': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The external data file’s name {name} is not followed',
    meaning: 'It names a protocol, a device or a description of a driver, not a file. What it has is not known here.',
    advice: 'Look at the name before you trust it.',
  },
  'data-file-smaller': {
    severity: 'warning',
    verdict: 'silent',
    title: 'The external data file {name} has {size} bytes, the disk {needed}',
    meaning: 'QEMU reads zeros where the file ends, also where there should be data. The file may have been cut off.',
    advice: 'Look whether this is the right file, and whole.',
  },
} as const satisfies Record<string, FindingText>;
