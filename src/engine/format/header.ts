import { type Finding, finding } from '../finding.ts';
import { type Decoded, decodeFields, encodeFields } from './field.ts';
import { type FileKind, otherFormat } from './fileKind.ts';

/** The header (spec, "Header"). Version 2 ends before `incompatible_features`. */
export const headerFields = [
  { name: 'magic', offset: 0, width: 4, kind: 'magic', meaning: 'The letters QFI and the byte 0xfb.' },
  { name: 'version', offset: 4, width: 4, kind: 'number', meaning: 'Version of the format: 2 or 3.' },
  {
    name: 'backing_file_offset',
    offset: 8,
    width: 8,
    kind: 'host-offset',
    meaning: 'Where the name of the backing file starts, in the first cluster. 0: there is no backing file.',
  },
  { name: 'backing_file_size', offset: 16, width: 4, kind: 'bytes', meaning: 'Length of that name: at most 1023.' },
  {
    name: 'cluster_bits',
    offset: 20,
    width: 4,
    kind: 'number',
    meaning: 'A cluster has 2^cluster_bits bytes: 9 (512 bytes) to 21 (2 MiB).',
  },
  { name: 'size', offset: 24, width: 8, kind: 'guest-size', meaning: 'The virtual size of the disk in bytes.' },
  {
    name: 'crypt_method',
    offset: 32,
    width: 4,
    kind: 'enum',
    meaning: 'How the guest’s data is encrypted: 0 not at all, 1 AES, 2 LUKS.',
  },
  { name: 'l1_size', offset: 36, width: 4, kind: 'count', meaning: 'Entries of the active L1 table.' },
  {
    name: 'l1_table_offset',
    offset: 40,
    width: 8,
    kind: 'host-offset',
    meaning: 'Where the active L1 table starts. Aligned to a cluster.',
  },
  {
    name: 'refcount_table_offset',
    offset: 48,
    width: 8,
    kind: 'host-offset',
    meaning: 'Where the refcount table starts. Aligned to a cluster.',
  },
  {
    name: 'refcount_table_clusters',
    offset: 56,
    width: 4,
    kind: 'count',
    meaning: 'Clusters that the refcount table takes.',
  },
  { name: 'nb_snapshots', offset: 60, width: 4, kind: 'count', meaning: 'Entries of the snapshot table.' },
  {
    name: 'snapshots_offset',
    offset: 64,
    width: 8,
    kind: 'host-offset',
    meaning: 'Where the snapshot table starts. Aligned to a cluster.',
  },
  {
    name: 'incompatible_features',
    offset: 72,
    width: 8,
    kind: 'bits',
    since: 3,
    meaning: 'Features that a program must know to open the image.',
  },
  {
    name: 'compatible_features',
    offset: 80,
    width: 8,
    kind: 'bits',
    since: 3,
    meaning: 'Features that a program may ignore.',
  },
  {
    name: 'autoclear_features',
    offset: 88,
    width: 8,
    kind: 'bits',
    since: 3,
    meaning: 'Features that a program which does not know them must clear before it writes.',
  },
  {
    name: 'refcount_order',
    offset: 96,
    width: 4,
    kind: 'number',
    since: 3,
    meaning: 'A refcount has 2^refcount_order bits: at most 6 (64 bits). In version 2 always 4 (16 bits).',
  },
  {
    name: 'header_length',
    offset: 100,
    width: 4,
    kind: 'bytes',
    since: 3,
    meaning: 'Length of the header, and where its extensions start. In version 2 always 72.',
  },
  {
    name: 'compression_type',
    offset: 104,
    width: 1,
    kind: 'enum',
    since: 3,
    meaning: 'How compressed clusters are compressed: 0 deflate, 1 zstd.',
  },
] as const;

/** The magic number of qcow and qcow2. */
export const headerMagic = 0x514649fb;

/** Bytes of a version 2 header. */
const version2Length = 72;

/** Bytes that every version 3 header has. */
const version3Length = 104;

/** Where the fields that we know end, with the padding after compression_type. */
const knownFieldsLength = 112;

/** Where the padding starts. */
export const paddingOffset = 105;

/** A decoded header, by the spec's names. Fields that it does not have are 0; `refcount_order` is 4 in version 2. */
export interface Header extends Decoded<typeof headerFields> {
  /** Bytes that the header takes: 72 in version 2, else `header_length`, or a usual length where that is impossible. */
  readonly headerLength: number;
  /** Bytes of it that we know: at most 112. */
  readonly knownLength: number;
  /** The rest: kept verbatim. */
  readonly unknownFields: Uint8Array;
  /** Bytes 105 to 111, as far as the header has them. */
  readonly padding: Uint8Array;
  /** The `headerLength` bytes; fewer where the file ends before. */
  readonly bytes: Uint8Array;
}

/** What a file is, by its first bytes. */
export interface ParsedHeader {
  /** Absent where the file is not qcow2, or of version 1, which has other fields. */
  readonly header?: Header;
  readonly kind: FileKind;
  /** One sentence for a person. */
  readonly says: string;
  readonly findings: readonly Finding[];
}

/** Looks at the first bytes of a file: whatever is there, also none. Never throws. */
export function parseHeader(bytes: Uint8Array): ParsedHeader {
  if (bytes.length === 0) {
    return { kind: 'empty', says: 'The file is empty', findings: [finding('file-empty', 'header')] };
  }
  const { magic, version } = decodeFields(headerFields, bytes);
  if (magic !== headerMagic) {
    const { kind, says } = otherFormat(bytes);
    return { kind, says, findings: [finding('not-qcow2', 'header.magic', { says }, place(0, 4))] };
  }
  const unsupported = finding('version-unsupported', 'header.version', { version }, place(4, 4));
  if (version === 1) {
    return { kind: 'qcow2-other-version', says: 'qcow, version 1: the format before qcow2', findings: [unsupported] };
  }
  const header = decodeHeader(bytes);
  const cut = bytes.length < header.knownLength;
  const truncated = finding('header-truncated', 'header', { size: bytes.length }, place(0, bytes.length));
  const known = version === 2 || version === 3;
  return {
    header,
    kind: cut ? 'truncated' : known ? 'qcow2' : 'qcow2-other-version',
    says: `qcow2, version ${version}${known ? '' : ', which is not known'}${cut ? ', and the file ends in the header' : ''}`,
    findings: [...(cut ? [truncated] : []), ...(known ? [] : [unsupported])],
  };
}

function place(offset: number, length: number): { host: { offset: bigint; length: bigint } } {
  return { host: { offset: BigInt(offset), length: BigInt(length) } };
}

/** Decodes a header from the first bytes of a file. What lies past their end reads as zero, as in QEMU. */
export function decodeHeader(bytes: Uint8Array): Header {
  const all = decodeFields(headerFields, bytes);
  const headerLength = lengthOf(all);
  const own = bytes.slice(0, headerLength);
  const fields = decodeFields(headerFields, own);
  const version2 = all.version < 3;
  return {
    ...fields,
    ...(version2 ? { refcount_order: 4 } : {}),
    headerLength,
    knownLength: Math.min(headerLength, knownFieldsLength),
    unknownFields: own.slice(knownFieldsLength),
    padding: own.slice(paddingOffset, knownFieldsLength),
    bytes: own,
  };
}

/** Encodes a header: `headerLength` bytes, 72 in version 2. */
export function encodeHeader(header: Header): Uint8Array {
  const room = new Uint8Array(Math.max(header.headerLength, knownFieldsLength));
  encodeFields(headerFields, header, room);
  room.set(header.padding, paddingOffset);
  room.set(header.unknownFields, knownFieldsLength);
  return room.slice(0, header.headerLength);
}

function lengthOf({ version, header_length: length, cluster_bits: bits }: Decoded<typeof headerFields>): number {
  if (version < 3) {
    return version2Length;
  }
  const cluster = bits >= 9 && bits <= 21 ? 2 ** bits : 2 ** 16;
  return length > cluster ? knownFieldsLength : Math.max(length, version3Length);
}
