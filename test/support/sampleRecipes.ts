import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brokenImages, zeros } from './brokenImages.ts';
import { copied, ImageBuilder } from './builder.ts';
import { built, create, createEncrypted, img, io, overlay, patch, patchTable, raw, type Step } from './imageRecipe.ts';
import { findProgram } from './system.ts';

/** A file, or a few that belong together, in the folder of samples. */
export interface Sample {
  /** The names of the files that stay; the first is the image to open. */
  readonly files: readonly [string, ...string[]];
  /** Kept in the repository for systems without qemu-img. */
  readonly fallback?: true;
  readonly steps: readonly Step[];
}

const MiB = 1 << 20;
const repository = fileURLToPath(new URL('../..', import.meta.url));

/** A disk with a file system where mkfs.ext4 is there (with this project's sources in it), else with patterns. */
function fileSystem(file: string): Step[] {
  if (findProgram('mkfs.ext4') === undefined || !existsSync(`${repository}src`)) {
    return [raw(file, 64 * MiB, [0, 3 * MiB, 0x41], [10 * MiB, 2 * MiB, 0x42], [50 * MiB, 65536, 0x43])];
  }
  const args = ['-q', '-F', '-L', 'samples', '-O', '^has_journal', '-d', `${repository}src`, file];
  return [raw(file, 64 * MiB), { run: 'mkfs.ext4', args }];
}

/** Data, zeros, a discard and compressed clusters over a disk of 64 MiB with clusters of 64 KiB. */
const mixed = [
  'write -P 0x11 0 2M',
  'write -P 0x22 8M 1M',
  'write -z 12M 4M',
  'write -P 0x33 20M 1M',
  'write -z 20M 512k',
  'discard 1M 256k',
  'write -P 0x44 40M 1M',
  'write -P 0x55 33M 64k',
  'write -c -P 0x66 60M 64k',
  'write -c -P 0x77 61M 64k',
];

const good: Sample[] = [
  {
    files: ['v2.qcow2'],
    fallback: true,
    steps: [create('v2.qcow2', '64M', 'compat=0.10'), io('v2.qcow2', 'write -P 1 0 1M', 'write -c -P 2 8M 64k')],
  },
  { files: ['v3.qcow2'], fallback: true, steps: [create('v3.qcow2', '64M'), io('v3.qcow2', ...mixed)] },
  {
    files: ['extended-l2.qcow2'],
    fallback: true,
    steps: [
      create('extended-l2.qcow2', '64M', 'extended_l2=on'),
      io('extended-l2.qcow2', ...mixed, 'write -P 3 50M 2k', 'write -z 52M 6k', 'write -P 4 54M 10k', 'discard 54M 2k'),
    ],
  },
  {
    files: ['compressed.qcow2'],
    steps: [...fileSystem('fs.raw'), img('convert', '-c', '-f', 'raw', '-O', 'qcow2', 'fs.raw', 'compressed.qcow2')],
  },
  {
    files: ['compressed-zstd.qcow2'],
    steps: [
      ...fileSystem('fs.raw'),
      img(
        'convert',
        '-c',
        '-O',
        'qcow2',
        '-o',
        'compression_type=zstd',
        '-f',
        'raw',
        'fs.raw',
        'compressed-zstd.qcow2',
      ),
    ],
  },
  {
    files: ['chain-top.qcow2', 'chain-middle.qcow2', 'chain-base.raw'],
    fallback: true,
    steps: [
      raw('chain-base.raw', 8 * MiB, [0, MiB, 0x31], [4 * MiB, MiB, 0x32]),
      overlay('chain-middle.qcow2', 'chain-base.raw', 'raw', '32M'),
      io('chain-middle.qcow2', 'write -P 2 1M 1M', 'write -z 4M 512k'),
      overlay('chain-top.qcow2', 'chain-middle.qcow2', 'qcow2', '64M'),
      io('chain-top.qcow2', 'write -P 3 2M 256k', 'write -P 3 40M 128k'),
    ],
  },
  {
    files: ['snapshots.qcow2'],
    fallback: true,
    steps: [
      create('snapshots.qcow2', '64M'),
      io('snapshots.qcow2', 'write -P 1 0 2M'),
      img('snapshot', '-c', 'before the update', 'snapshots.qcow2'),
      io('snapshots.qcow2', 'write -P 2 1M 2M'),
      img('snapshot', '-c', 'nach dem Update – Zürich 漢字', 'snapshots.qcow2'),
      img('resize', '-q', 'snapshots.qcow2', '96M'),
      io('snapshots.qcow2', 'write -P 3 80M 512k'),
      img('snapshot', '-c', '<b>"quoted"</b> \\ & \u001b[31mred', 'snapshots.qcow2'),
      // The second one has a VM state, as after savevm.
      patchTable('snapshots.qcow2', 64, 16, '65A0BC00 00000000 00000346 30B8A000'),
    ],
  },
  {
    files: ['bitmaps.qcow2'],
    fallback: true,
    steps: [
      create('bitmaps.qcow2', '64M'),
      img('bitmap', '--add', 'bitmaps.qcow2', 'backup-monday'),
      img('bitmap', '--add', '-g', '1M', 'bitmaps.qcow2', 'coarse'),
      io('bitmaps.qcow2', 'write -P 1 0 1M', 'write -P 1 33M 64k'),
      img('bitmap', '--add', '--disable', 'bitmaps.qcow2', 'disabled'),
    ],
  },
  {
    files: ['luks.qcow2'],
    steps: [createEncrypted('luks.qcow2', '64M', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10')],
  },
  {
    files: ['external-data-file.qcow2', 'external-data-file.data'],
    steps: [
      create('external-data-file.qcow2', '64M', 'data_file=external-data-file.data'),
      io('external-data-file.qcow2', 'write -P 1 0 1M', 'write -z 8M 1M'),
    ],
  },
  {
    files: ['clusters-of-512-bytes.qcow2'],
    steps: [
      create('clusters-of-512-bytes.qcow2', '4M', 'cluster_size=512,refcount_bits=1'),
      io('clusters-of-512-bytes.qcow2', 'write -P 1 0 100k', 'write -P 2 1M 3k', 'write -z 2M 4k'),
    ],
  },
  {
    files: ['preallocated-1-TiB.qcow2'],
    steps: [create('preallocated-1-TiB.qcow2', '1T', 'preallocation=metadata')],
  },
  {
    files: ['unknown-header-fields.qcow2'],
    fallback: true,
    steps: [built('unknown-header-fields.qcow2', unknownParts())],
  },
];

const broken: Sample[] = [
  {
    files: ['broken-l1-offset.qcow2'],
    fallback: true,
    steps: [
      create('broken-l1-offset.qcow2', '64M'),
      io('broken-l1-offset.qcow2', ...mixed),
      patch('broken-l1-offset.qcow2', 40, '0000000000030200'),
    ],
  },
  {
    files: ['broken-truncated.qcow2'],
    fallback: true,
    steps: [
      create('broken-truncated.qcow2', '64M'),
      io('broken-truncated.qcow2', ...mixed),
      { truncate: 'broken-truncated.qcow2', size: 4 * MiB },
    ],
  },
  {
    files: ['broken-corrupt-bit.qcow2'],
    steps: [
      create('broken-corrupt-bit.qcow2', '64M'),
      io('broken-corrupt-bit.qcow2', ...mixed),
      patch('broken-corrupt-bit.qcow2', 79, '02'),
    ],
  },
  {
    files: ['broken-snapshot-table.qcow2'],
    fallback: true,
    steps: [
      create('broken-snapshot-table.qcow2', '64M'),
      io('broken-snapshot-table.qcow2', 'write -P 1 0 2M'),
      img('snapshot', '-c', 'good', 'broken-snapshot-table.qcow2'),
      img('snapshot', '-c', 'bad', 'broken-snapshot-table.qcow2'),
      // The first entry takes 40 + 24 + 1 + 4 bytes and 3 of padding; extra_data_size of the second is at 72 + 36.
      patchTable('broken-snapshot-table.qcow2', 64, 72 + 36, '00001388'),
    ],
  },
  {
    files: ['broken-overlapping.qcow2'],
    fallback: true,
    steps: [
      create('broken-overlapping.qcow2', '64M'),
      io('broken-overlapping.qcow2', ...mixed),
      // The L2 table is in cluster 4: its entries 20 and 21 point at the same data, entry 22 at the L1 table.
      patch('broken-overlapping.qcow2', 4 * 65536 + 20 * 8, '8000000000050000 8000000000050000 8000000000030000'),
    ],
  },
  fromBroken('broken-unknown-incompatible-bit.qcow2', 'unknown incompatible bits, one of them named', true),
  fromBroken('broken-bitmap-directory.qcow2', 'bitmap of type 2'),
  fromBroken('broken-version-4.qcow2', 'version 4'),
  { files: ['other-vmdk.qcow2'], steps: [img('create', '-q', '-f', 'vmdk', 'other-vmdk.qcow2', '64M')] },
  { files: ['other-empty.qcow2'], steps: [raw('other-empty.qcow2', 0)] },
];

/** The images that `npm start` shows. */
export const samples: readonly Sample[] = [...good, ...broken];

function fromBroken(file: string, name: string, fallback = false): Sample {
  const image = brokenImages.find((one) => one.name === name);
  if (!image) {
    throw new Error(`no broken image is called "${name}"`);
  }
  return { files: [file], ...(fallback ? { fallback: true } : {}), steps: [built(file, image.build())] };
}

/** A header of 136 bytes and three extensions, two of which nobody knows. */
function unknownParts(): ImageBuilder {
  const image = new ImageBuilder({ header_length: 136, size: 64 * MiB, compatible_features: 1n << 40n });
  image.put(112, 'header fields of 2031').extension(0x12345678, 'an extension that nobody knows');
  image.extension(0x6803f857, [1, 40, ...new TextEncoder().encode('colour of the cable'), ...zeros(27)]);
  image.extension(0x434c4233, new Uint8Array(32).fill(0xb3));
  image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .refcount(5, 1);
  return image
    .entry(4, 0, copied | image.at(5))
    .put(image.at(5), 'guest data')
    .truncate(image.at(6));
}

/** The names of all files of the samples, or of those that are kept in the repository. */
export function sampleFiles(fallbackOnly: boolean): string[] {
  return samples.filter(({ fallback }) => fallback || !fallbackOnly).flatMap(({ files }) => files);
}
