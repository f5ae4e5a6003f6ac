import { ImageBuilder } from '../builder.ts';
import { oneBitmap } from './extensionCases.ts';
import { type FindingCase, numbers, padded } from './findingCase.ts';

const cluster = 65536n;
/** Sectors of 512 bytes a cluster. */
const sectors = 128;
const unknown = 0x12345678;

function withSnapshot(): ImageBuilder {
  const image = new ImageBuilder({ nb_snapshots: 1, snapshots_offset: 5n * cluster, size: 1 << 20 });
  return image
    .put64(5n * cluster, 6n * cluster)
    .put32(5n * cluster + 36n, 16)
    .truncate(7n * cluster);
}

function encrypted(): ImageBuilder {
  const image = new ImageBuilder({ crypt_method: 2 });
  return image.extension(0x0537be77, numbers([8, 5n * cluster], [8, 8192])).truncate(6n * cluster);
}

/** An image with an extension of 1000 bytes from byte 112 on. */
function longExtension(): ImageBuilder {
  return new ImageBuilder().extension(unknown, new Uint8Array(1000));
}

/** An image of which the data of the last extension starts at byte 1024, and the extension itself at 1016. */
function lateExtension(type: number, data: readonly number[] | string, before: number, values = {}): ImageBuilder {
  const image = new ImageBuilder(values).extension(0x11111111, padded('', before + 1016 - 112 - 8 - 512));
  return image.extension(type, data);
}

/** Each kind of extension with its data in a bad sector, and with the sector after it. */
function dataCases(): FindingCase[] {
  const kinds: readonly (readonly [string, number, string | number[], object])[] = [
    ['backing format', 0xe2792aca, 'raw', { backing_file_offset: 4000, backing_file_size: 1 }],
    ['crypto', 0x0537be77, numbers([8, 5n * cluster], [8, 8192]), { crypt_method: 2 }],
    ['bitmaps', 0x23852875, numbers([4, 1], [4, 0], [8, 32], [8, 5n * cluster]), { autoclear_features: 1 }],
    ['data file', 0x44415441, 'disk.raw', { incompatible_features: 4 }],
    ['unknown', unknown, 'abc', {}],
  ];
  return kinds.map(([what, type, data, values]) => ({
    code: 'extension-unreadable',
    what: `data of the type ${what}, nothing`,
    has: () => lateExtension(type, data, 512, values),
    bad: [{ sector: 2 }],
    nearly: () => new ImageBuilder(),
    nearlyBad: [{ sector: 3 }],
  }));
}

/** Findings about bad sectors: each with the last sector that matters and the first one that does not. */
export const readingCases: readonly FindingCase[] = [
  {
    code: 'header-unreadable',
    what: 'the first sector, the second one',
    has: () => new ImageBuilder(),
    bad: [{ sector: 0 }],
    nearly: () => new ImageBuilder(),
    nearlyBad: [{ sector: 1 }],
  },
  {
    code: 'unknown-fields-unreadable',
    what: 'the last sector of the header, the one after the extensions',
    has: () => new ImageBuilder({ header_length: 1024 }),
    bad: [{ sector: 1 }],
    nearly: () => new ImageBuilder({ header_length: 1024 }),
    nearlyBad: [{ sector: 3 }],
  },
  {
    code: 'extension-unreadable',
    what: 'the sector of the end mark, the one after it',
    has: longExtension,
    bad: [{ sector: 2 }],
    nearly: longExtension,
    nearlyBad: [{ sector: 3 }],
  },
  ...dataCases(),
  {
    code: 'extension-unreadable',
    what: 'the sector of its type and length, the one after the end mark',
    has: () => lateExtension(unknown, 'abc', 512 + 104),
    bad: [{ sector: 2 }],
    nearly: () => lateExtension(unknown, 'abc', 512 + 104),
    nearlyBad: [{ sector: 3 }],
  },
  {
    code: 'extension-unreadable-unused',
    what: 'the data of the feature name table, its type and length',
    has: () => lateExtension(0x6803f857, padded('\0\0dirty bit', 48), 512),
    bad: [{ sector: 2 }],
    nearly: () => lateExtension(0x6803f857, padded('\0\0dirty bit', 48), 512 + 104),
    nearlyBad: [{ sector: 2 }],
    instead: ['extension-unreadable'],
  },
  {
    code: 'backing-name-unreadable',
    what: 'the sector of the name’s last letter, the one after it',
    has: () => named(),
    bad: [{ sector: 4 }],
    nearly: () => named(),
    nearlyBad: [{ sector: 5 }],
  },
  {
    code: 'l1-table-unreadable',
    what: 'the sector of the last entry, the one after it',
    has: () => new ImageBuilder(),
    bad: [{ sector: 3 * sectors }],
    nearly: () => new ImageBuilder().truncate(4n * cluster),
    nearlyBad: [{ sector: 3 * sectors + 1 }],
  },
  {
    code: 'snapshot-table-unreadable',
    what: 'the sector of the last entry, the one after it',
    has: withSnapshot,
    bad: [{ sector: 5 * sectors }],
    nearly: withSnapshot,
    nearlyBad: [{ sector: 5 * sectors + 1 }],
  },
  {
    code: 'bitmap-directory-unreadable',
    what: 'the sector of the last entry, the one after it',
    has: () => oneBitmap(),
    bad: [{ sector: 5 * sectors }],
    nearly: () => oneBitmap(),
    nearlyBad: [{ sector: 5 * sectors + 1 }],
  },
  {
    code: 'luks-header-unreadable',
    what: 'the second sector of the LUKS header, the third one',
    has: encrypted,
    bad: [{ sector: 5 * sectors + 1 }],
    nearly: encrypted,
    nearlyBad: [{ sector: 5 * sectors + 2 }],
    instead: ['luks-magic-wrong'],
  },
];

/** An image with a backing file's name of one sector, from byte 2000 on. */
function named(): ImageBuilder {
  const name = { backing_file_offset: 2000, backing_file_size: 512 };
  const image = new ImageBuilder(name).put(2000, 'n'.repeat(512));
  return image.extension(0xe2792aca, 'raw');
}
