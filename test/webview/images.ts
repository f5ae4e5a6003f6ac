import { type Finding, finding } from '../../src/engine/finding.ts';
import type {
  ExtensionDescription,
  FeatureBit,
  FieldRow,
  ImageDescription,
  LuksRow,
  SnapshotDescription,
} from '../../src/engine/image/description.ts';

/** Images as the worker describes them, with everything that a pane can meet. */

const text = new TextEncoder();

/** A name that would run, or turn the line around, if it were taken for anything but text. */
export const hostileName = '<img src=x onerror="document.title=1">\u202egnp.</script>&amp;';

function field(
  name: string,
  offset: number,
  size: number,
  value: bigint | number,
  shown: string,
  meaning = '',
  more: Partial<FieldRow> = {},
): FieldRow {
  const hex = value.toString(16).padStart(size * 2, '0');
  return {
    name,
    offset,
    size,
    present: true,
    bytes: Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)),
    value,
    shown,
    meaning,
    about: `What ${name} is, in a sentence that is long enough to be broken into lines.`,
    rules: [],
    ...more,
  };
}

function fields(version: 2 | 3, refused = false): FieldRow[] {
  const late = version === 3 ? {} : { present: false, bytes: new Uint8Array() };
  return [
    field('magic', 0, 4, 0x514649fb, 'QFI\\xfb', 'qcow2'),
    field('version', 4, 4, version, String(version), version === 3 ? 'compat 1.1' : 'compat 0.10'),
    field('backing_file_offset', 8, 8, 0x228n, '0x228', 'base/debian-12.qcow2'),
    field('backing_file_size', 16, 4, 20, '20 bytes'),
    field('cluster_bits', 20, 4, 16, '16', '64 KiB clusters'),
    field('size', 24, 8, 1n << 40n, '1 099 511 627 776', '1 TiB'),
    field('crypt_method', 32, 4, 0, '0', 'none'),
    field('l1_size', 36, 4, 2048, '2 048 entries', 'covers 1 TiB'),
    field('l1_table_offset', 40, 8, refused ? 0x3_0200n : 0x3_0000n, refused ? '0x3_0200' : '0x3_0000', 'cluster 3', {
      rules: [
        { text: 'multiple of the cluster size', kept: !refused },
        { text: 'inside the file', kept: true },
        { text: 'overlaps nothing else', kept: true },
      ],
    }),
    field('refcount_table_offset', 48, 8, 0x1_0000n, '0x1_0000', 'cluster 1'),
    field('refcount_table_clusters', 56, 4, 1, '1'),
    field('nb_snapshots', 60, 4, 2, '2'),
    field('snapshots_offset', 64, 8, 0x7_0000n, '0x7_0000', 'cluster 7'),
    field('incompatible_features', 72, 8, version === 3 ? 0x2_0008n : 0n, 'bits 3, 17', 'bit 17 is unknown', late),
    field('compatible_features', 80, 8, 1n, 'bit 0', '', late),
    field('autoclear_features', 88, 8, 0n, 'none', '', late),
    field('refcount_order', 96, 4, 4, '4', '16-bit refcounts', late),
    field(
      'header_length',
      100,
      4,
      version === 3 ? 120 : 72,
      version === 3 ? '120' : '72',
      '8 bytes more than the fields we know',
      late,
    ),
    field('compression_type', 104, 1, 1, '1', 'zstd', late),
  ];
}

function bit(number: number, name: string, set: boolean, known = true): FeatureBit {
  return { bit: number, set, known, name, meaning: `What it means that ${name || 'this bit'} is set.` };
}

const features = [
  {
    name: 'incompatible',
    value: 0x2_0008n,
    bits: [
      bit(0, 'dirty', false),
      bit(1, 'corrupt', false),
      bit(2, 'external data file', false),
      bit(3, 'compression type', true),
      bit(4, 'extended L2', false),
      { ...bit(17, '<b>from the image</b>', true, false), imageName: '<b>from the image</b>' },
    ],
  },
  { name: 'compatible', value: 1n, bits: [bit(0, 'lazy refcounts', true), bit(40, '', true, false)] },
  { name: 'autoclear', value: 0n, bits: [bit(0, 'bitmaps', false), bit(1, 'raw external data', false)] },
] as const;

function extension(
  offset: number,
  type: number,
  name: string,
  content: string,
  data: Uint8Array,
): ExtensionDescription {
  return { offset, type, name, known: name !== 'unknown', length: data.length, data, content, fields: [] };
}

const extensions = [
  extension(0x78, 0xe2792aca, 'backing format', 'qcow2', text.encode('qcow2')),
  extension(0x88, 0x6803f857, 'feature names', '8 names, all as known', new Uint8Array(384).fill(0x41)),
  extension(0x210, 0xdeadbeef, 'unknown', '', Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7])),
];

function luksRow(name: string, offset: number, hex: string, shown: string): LuksRow {
  const bytes = Uint8Array.from(hex.split(' '), (byte) => Number.parseInt(byte, 16));
  return { name, offset, bytes, shown, meaning: '', about: `What ${name} is, in a sentence.` };
}

function snapshot(index: number, name: string): SnapshotDescription {
  return {
    id: String(index + 1),
    name,
    offset: 0x7_0000n + BigInt(index * 72),
    l1Offset: 0x9_0000n + BigInt(index) * 0x1_0000n,
    l1Entries: 2048,
    dateSeconds: 1_700_000_000 + index * 86_400,
    dateNanoseconds: 0,
    vmClockNanoseconds: 3_723_456_000_000n,
    vmStateSize: index === 0 ? 0n : 512n << 20n,
    ...(index === 0 ? {} : { diskSize: 1n << 40n }),
    extraBytes: index === 1 ? 28 : 0,
    unknownExtra: index === 1 ? Uint8Array.from([1, 2, 3, 4]) : new Uint8Array(),
  };
}

const geometry = {
  clusterSize: 65536,
  virtualSize: 1n << 40n,
  extendedL2: false,
  subclusterSize: 65536,
  l2Entries: 8192,
  refcountBits: 16,
  compressionType: 'zstd',
};

const none = { state: 'absent', items: [] } as const;

/** Version 2, nothing but data. */
export const plain: ImageDescription = {
  file: { kind: 'qcow2', says: 'qcow2, version 2', size: 443_023_163_392n, allocated: 443_023_163_392n },
  header: { version: 2, compat: '0.10', length: 72, fields: fields(2), features: [] },
  extensions: [],
  geometry: { ...geometry, compressionType: 'zlib' },
  snapshots: { state: 'whole', items: [] },
  bitmaps: none,
  findings: [],
};

/** Everything at once: snapshots, bitmaps, encryption, data file, unknown parts, hostile names. */
export const everything: ImageDescription = {
  file: { kind: 'qcow2', says: 'qcow2, version 3', size: 500_000_000_000n, allocated: 443_023_163_392n },
  header: {
    version: 3,
    compat: '1.1',
    length: 120,
    fields: fields(3),
    unknownFields: { offset: 112, bytes: Uint8Array.from([0xc0, 0xff, 0xee, 0, 0, 0, 0, 7]) },
    features,
  },
  extensions,
  geometry,
  backing: { name: hostileName, nameBytes: text.encode(hostileName), offset: 0x228n, format: 'qcow2' },
  dataFile: { name: 'data/web-01.raw', raw: false },
  snapshots: { state: 'whole', items: [snapshot(0, hostileName), snapshot(1, 'before upgrade')] },
  bitmaps: {
    state: 'partial',
    items: [
      {
        name: hostileName,
        offset: 0x20_0000n,
        granularity: 65536n,
        type: 1,
        flags: ['in_use', 'auto'],
        tableOffset: 0x21_0000n,
        tableEntries: 32,
        extra: new Uint8Array(),
      },
    ],
  },
  encryption: {
    method: 'LUKS',
    offset: 0x5_0000n,
    length: 0x1f_8000n,
    cipher: 'aes-xts-plain64',
    hash: 'sha256',
    uuid: '6ef4a3a0-6a1f-4d38-bd2d-0c6b0c2b1a5e',
    fields: [],
    slots: Array.from({ length: 8 }, (_, index) => ({
      index,
      active: index === 0,
      iterations: index === 0 ? 1_234_567 : 0,
      keyOffset: 0x1000n + BigInt(index) * 0x4_0000n,
      stripes: 4000,
    })),
    luks: {
      rows: [
        luksRow('magic', 0, '4c 55 4b 53 ba be', ''),
        luksRow('version', 6, '00 01', '1'),
        luksRow('cipher_name', 8, '61 65 73', 'aes'),
        luksRow('uuid', 168, '36 65 66 34', '6ef4a3a0-6a1f-4d38-bd2d-0c6b0c2b1a5e'),
      ],
      cipherWords: 'AES in XTS mode with two keys of 256 bits.',
      keyBytes: 64,
      payloadOffset: 0x1f_9000n,
      slots: Array.from({ length: 8 }, (_, index) => ({
        index,
        offset: 208 + index * 48,
        state: index === 0 ? ('active' as const) : index === 7 ? ('unknown' as const) : ('disabled' as const),
        iterations: index === 0 ? 1_234_567 : 0,
        stripes: 4000,
        salt: new Uint8Array(32).fill(index),
        material: { offset: 0x1000n + BigInt(index) * 0x4_0000n, length: 256_000n },
        fields: [field('stripes', 44, 4, 4000, '4 000')],
      })),
    },
  },
  findings: [
    finding('bitmap-in-use', 'bitmap[0]', { name: hostileName }),
    finding('compatible-feature-unknown', 'header.compatible_features', { bits: '40' }),
  ],
};

const refusals: readonly Finding[] = [
  finding(
    'incompatible-feature-unknown',
    'header.incompatible_features',
    { names: 'Unknown incompatible feature: 20000', bits: '17' },
    { host: { offset: 72n, length: 8n } },
  ),
  finding(
    'l1-table-offset-invalid',
    'header.l1_table_offset',
    { offset: 197_120n },
    { host: { offset: 40n, length: 8n } },
  ),
  finding('extension-duplicate', 'extension[2]', { type: 'deadbeef', name: 'unknown', offset: 528 }),
];

/** QEMU refuses it: an unknown incompatible feature and an L1 table between clusters. */
export const broken: ImageDescription = {
  ...everything,
  header: { version: 3, compat: '1.1', length: 120, fields: fields(3, true), features },
  backing: {
    name: 'base/debian-12.qcow2',
    nameBytes: text.encode('base/debian-12.qcow2'),
    offset: 0x228n,
    format: 'qcow2',
  },
  snapshots: { state: 'unreadable', items: [] },
  findings: refusals,
  qemuRefusal: 'Unsupported qcow2 feature(s): Unknown incompatible feature: 20000',
};

/** Another format: nothing of qcow2 can be read. */
export const foreign: ImageDescription = {
  file: { kind: 'other-format', says: 'This is a VMDK image, not qcow2', size: 1_048_576n },
  extensions: [],
  snapshots: none,
  bitmaps: none,
  findings: [finding('not-qcow2', 'header.magic', { says: 'This is a VMDK image, not qcow2' })],
  qemuRefusal: 'Image is not in qcow2 format',
};
