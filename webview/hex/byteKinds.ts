import type { ByteKind } from '../../src/protocol/hexApi.ts';
import type { MapKind } from '../widgets/kinds.ts';

/** A kind of bytes, as it is shown. */
export interface ByteKindWords {
  /** Whether there are bytes to be shown, they are zeros that are stored nowhere, or they are not known. */
  readonly nature: 'stored' | 'zeros' | 'unknown';
  /** The kind of the maps whose colour it has. */
  readonly kind: MapKind;
  /** In the column of notes, and in the status line. */
  readonly label: string;
  readonly meaning: string;
}

/** All kinds of bytes in words. */
export const byteWords: Readonly<Record<ByteKind, ByteKindWords>> = {
  data: { nature: 'stored', kind: 'data', label: 'data', meaning: 'Stored in the file as it is.' },
  encrypted: {
    nature: 'stored',
    kind: 'data',
    label: 'encrypted data: ciphertext',
    meaning: 'The guest’s data is encrypted; these are the bytes as they are stored.',
  },
  compressed: {
    nature: 'stored',
    kind: 'compressed',
    label: 'compressed data, decompressed',
    meaning: 'Stored compressed; these are the bytes that the guest reads.',
  },
  zero: { nature: 'zeros', kind: 'zero-plain', label: 'zero: reads as zeros', meaning: 'Marked to read as zeros.' },
  unallocated: {
    nature: 'zeros',
    kind: 'unallocated',
    label: 'unallocated: reads as zeros',
    meaning: 'Not in this image, and there is no backing file.',
  },
  hole: {
    nature: 'zeros',
    kind: 'free',
    label: 'hole of the file: reads as zeros',
    meaning: 'The file system stores nothing here.',
  },
  backing: {
    nature: 'unknown',
    kind: 'backing',
    label: 'comes from the backing file (not opened)',
    meaning: 'Not allocated in this image. Open the chain to see these bytes.',
  },
  'backing-data': {
    nature: 'stored',
    kind: 'backing-data',
    label: 'data of the backing file',
    meaning: 'Not allocated in this image; the backing chain, which you have opened, has these bytes.',
  },
  'backing-zero': {
    nature: 'zeros',
    kind: 'backing-zero',
    label: 'backing file: reads as zeros',
    meaning: 'Not allocated in this image; the backing chain reads as zeros here, or ends before.',
  },
  'data-file': {
    nature: 'unknown',
    kind: 'backing',
    label: 'in the external data file (not opened)',
    meaning: 'The image only tells where the data is. Open the chain to see these bytes.',
  },
  wrong: {
    nature: 'unknown',
    kind: 'wrong',
    label: 'the table entry is wrong: QEMU answers with an error',
    meaning: 'The table entry breaks a rule of the format.',
  },
  unreadable: {
    nature: 'unknown',
    kind: 'wrong',
    label: 'can’t be read',
    meaning: 'The system failed to read it, or the table that leads there.',
  },
  broken: {
    nature: 'unknown',
    kind: 'wrong',
    label: 'does not decompress',
    meaning: 'The compressed data of this cluster is damaged.',
  },
};
