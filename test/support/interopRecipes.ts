import { copied, ImageBuilder, zero } from './builder.ts';
import {
  built,
  create,
  createEncrypted,
  img,
  io,
  ioKilled,
  overlay,
  patch,
  patchTable,
  type Recipe,
  raw,
} from './imageRecipe.ts';

const disk = 'disk.qcow2';
const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every way to write: data with a gap, zeros over nothing and over data (kept and unmapped), a discard, compressed
 * clusters, a part of a cluster, host clusters out of guest order. `cluster` is the cluster size in bytes.
 */
function writes(cluster: number): string[] {
  const at = (clusters: number): string => String(clusters * cluster);
  const part = Math.max(512, cluster / 2);
  return [
    `write -P 0x11 0 ${cluster + part}`,
    `write -P 0x22 ${at(4)} ${at(3)}`,
    `write -z ${at(8)} ${at(2)}`,
    `write -P 0x33 ${at(10)} ${at(3)}`,
    `write -z ${at(10)} ${at(1)}`,
    `write -z -u ${at(11)} ${at(1)}`,
    `discard ${at(5)} ${at(1)}`,
    `write -c -P 0x44 ${at(16)} ${at(1)}`,
    `write -c -P 0x55 ${at(17)} ${at(1)}`,
    `write -P 0x66 ${at(30)} ${at(1)}`,
    `write -P 0x77 ${at(22)} ${at(2)}`,
    `write -P 0x00 ${at(25)} ${at(1)}`,
    `write -c -P 0x88 ${at(28)} ${at(1)}`,
  ];
}

/** A new image of 40 clusters with every way to write. */
function written(name: string, cluster: number, options: string): Recipe {
  const steps = [
    create(disk, String(40 * cluster), `cluster_size=${cluster},${options}`),
    io(disk, ...writes(cluster)),
  ];
  return { name, steps };
}

const clusterSizes: Recipe[] = [
  ...[512, 4 * KiB, 64 * KiB, 2 * MiB].map((size) => written(`v2, clusters of ${size}`, size, 'compat=0.10')),
  ...Array.from({ length: 13 }, (_, index) => 512 << index).map((size) =>
    written(`v3, clusters of ${size}`, size, 'compat=1.1'),
  ),
];

const refcountWidths: Recipe[] = [
  ...[1, 2, 4, 8, 32, 64].map((bits) => written(`refcounts of ${bits} bits`, 64 * KiB, `refcount_bits=${bits}`)),
  {
    name: 'refcounts of 2 bits shared by two snapshots',
    steps: [
      create(disk, '4M', 'refcount_bits=2'),
      io(disk, 'write -P 1 0 256k'),
      img('snapshot', '-c', 'first', disk),
      img('snapshot', '-c', 'second', disk),
      io(disk, 'write -P 2 64k 64k'),
    ],
  },
];

/** Writes that leave subclusters of one cluster in different states; 16 KiB clusters have subclusters of 512 bytes. */
const subclusterWrites = [
  'write -P 1 0 512',
  'write -P 2 2k 1k',
  'write -z 8k 4k',
  'write -P 3 16k 16k',
  'write -z 18k 2k',
  'write -z -u 24k 1k',
  'discard 28k 1k',
  'write -z 32k 16k',
  'write -P 4 36k 512',
  'write -c -P 5 64k 16k',
  'write -P 6 80k 3k',
  'discard 80k 16k',
];

const extendedL2: Recipe[] = [
  ...[16 * KiB, 64 * KiB, 2 * MiB].map((size) => written(`extended L2, clusters of ${size}`, size, 'extended_l2=on')),
  {
    name: 'extended L2 with subclusters of every kind',
    steps: [create(disk, '1M', 'extended_l2=on,cluster_size=16k'), io(disk, ...subclusterWrites)],
  },
  {
    name: 'extended L2 with subclusters over a backing file',
    steps: [
      create('base.qcow2', '1M'),
      io('base.qcow2', 'write -P 9 0 200k', 'write -z 200k 64k'),
      overlay(disk, 'base.qcow2', 'qcow2', undefined, 'extended_l2=on,cluster_size=16k'),
      io(disk, ...subclusterWrites),
    ],
  },
  {
    name: 'extended L2, preallocated over a backing file',
    steps: [
      raw('base.raw', 2 * MiB, [0, 300 * KiB, 7]),
      overlay(disk, 'base.raw', 'raw', '4M', 'extended_l2=on,preallocation=metadata,cluster_size=32k'),
      io(disk, 'write -P 8 100k 10k'),
    ],
  },
  { name: 'extended L2, preallocated', steps: [create(disk, '4M', 'extended_l2=on,preallocation=metadata')] },
];

const compression: Recipe[] = [
  ...[4 * KiB, 64 * KiB, 2 * MiB].map((size) => written(`zstd, clusters of ${size}`, size, 'compression_type=zstd')),
  written('zstd with extended L2', 64 * KiB, 'compression_type=zstd,extended_l2=on'),
  {
    name: 'converted to compressed clusters',
    steps: [
      raw('source.raw', 3 * MiB + 512, [0, 700 * KiB, 1], [MiB, 65536, 2], [3 * MiB, 512, 3]),
      img('convert', '-c', '-f', 'raw', '-O', 'qcow2', 'source.raw', disk),
    ],
  },
  {
    name: 'converted without compression',
    steps: [
      raw('source.raw', 3 * MiB, [0, 700 * KiB, 1], [MiB, 4096, 2], [2 * MiB + 8192, 512, 3]),
      img('convert', '-S', '4k', '-f', 'raw', '-O', 'qcow2', '-o', 'cluster_size=4k', 'source.raw', disk),
    ],
  },
];

const preallocation: Recipe[] = [
  { name: 'v2, preallocated metadata', steps: [create(disk, '16M', 'compat=0.10,preallocation=metadata')] },
  {
    name: 'preallocated metadata with writes',
    steps: [
      create(disk, '64M', 'preallocation=metadata'),
      io(disk, 'write -P 1 1M 3M', 'write -P 2 40M 100k', 'write -z 8M 1M', 'discard 20M 1M'),
    ],
  },
  {
    name: 'preallocated metadata with clusters of 512',
    steps: [create(disk, '256k', 'preallocation=metadata,cluster_size=512'), io(disk, 'write -P 1 10k 5k')],
  },
  {
    name: 'preallocated metadata with clusters of 2 MiB',
    steps: [create(disk, '64M', 'preallocation=metadata,cluster_size=2M'), io(disk, 'write -P 1 3M 20k')],
  },
  {
    name: 'preallocated metadata of 20 GiB',
    steps: [create(disk, '20G', 'preallocation=metadata'), io(disk, 'write -P 1 1G 64k', 'write -P 1 19G 64k')],
  },
  { name: 'preallocated by falloc', steps: [create(disk, '4M', 'preallocation=falloc'), io(disk, 'write -P 1 1M 1M')] },
  { name: 'preallocated in full', steps: [create(disk, '4M', 'preallocation=full'), io(disk, 'write -P 1 1M 1M')] },
];

const backing: Recipe[] = [
  {
    name: 'qcow2 over raw with holes',
    steps: [
      raw('base.raw', 4 * MiB, [0, 100 * KiB, 1], [MiB, 64 * KiB, 2], [3 * MiB + 4096, 4096, 3]),
      overlay(disk, 'base.raw', 'raw'),
      io(disk, 'write -P 4 64k 64k', 'write -z 1M 64k', 'discard 2M 64k'),
    ],
  },
  {
    name: 'three layers of different cluster sizes',
    steps: [
      raw('base.raw', 2 * MiB, [0, 512 * KiB, 1], [MiB, 512, 1]),
      overlay('middle.qcow2', 'base.raw', 'raw', undefined, 'cluster_size=4k'),
      io('middle.qcow2', 'write -P 2 8k 12k', 'write -z 64k 64k', 'write -c -P 3 200k 4k'),
      overlay(disk, 'middle.qcow2', 'qcow2', undefined, 'cluster_size=128k'),
      io(disk, 'write -P 4 128k 1k', 'write -z 512k 128k'),
    ],
  },
  {
    name: 'backing file smaller than the overlay',
    steps: [
      create('base.qcow2', '1088k'),
      io('base.qcow2', 'write -P 1 0 64k', 'write -P 2 1024k 64k'),
      overlay(disk, 'base.qcow2', 'qcow2', '3M'),
      io(disk, 'write -P 3 2M 64k'),
    ],
  },
  {
    name: 'backing file that ends within a cluster of the overlay',
    steps: [
      raw('base.raw', MiB + 5 * 512, [0, 512, 1], [MiB, 5 * 512, 2]),
      overlay(disk, 'base.raw', 'raw', '2M'),
      io(disk, 'write -P 3 256k 64k'),
    ],
  },
  {
    name: 'backing file larger than the overlay',
    steps: [
      create('base.qcow2', '4M'),
      io('base.qcow2', 'write -P 1 0 4M'),
      overlay(disk, 'base.qcow2', 'qcow2', '1M'),
      io(disk, 'write -P 2 128k 64k'),
    ],
  },
  {
    name: 'middle layer smaller than base and top',
    steps: [
      raw('base.raw', 4 * MiB, [0, 4 * MiB, 1]),
      overlay('middle.qcow2', 'base.raw', 'raw', '1M'),
      overlay(disk, 'middle.qcow2', 'qcow2', '4M'),
      io(disk, 'write -P 2 3M 64k'),
    ],
  },
  {
    name: 'compressed clusters and zeros in the backing file',
    steps: [
      create('base.qcow2', '4M'),
      io('base.qcow2', 'write -c -P 1 0 64k', 'write -c -P 1 64k 64k', 'write -z 1M 1M', 'write -P 2 3M 64k'),
      overlay(disk, 'base.qcow2', 'qcow2'),
    ],
  },
  {
    name: 'v2 over v2',
    steps: [
      create('base.qcow2', '2M', 'compat=0.10'),
      io('base.qcow2', 'write -P 1 0 1M'),
      overlay(disk, 'base.qcow2', 'qcow2', undefined, 'compat=0.10'),
      io(disk, 'write -P 2 512k 64k', 'write -z 640k 64k'),
    ],
  },
  {
    name: 'backing file without its format',
    steps: [
      create('base.qcow2', '1M'),
      io('base.qcow2', 'write -P 1 0 64k'),
      overlay(disk, 'base.qcow2', 'qcow2'),
      patch(disk, 112, '00000000 00000000'),
    ],
  },
  {
    name: 'raw backing file without its format',
    steps: [
      raw('base.raw', MiB, [0, 65536, 1]),
      overlay(disk, 'base.raw', 'raw'),
      patch(disk, 112, '00000000 00000000'),
    ],
  },
  {
    name: 'backing file in another folder',
    image: 'top/disk.qcow2',
    steps: [
      raw('base/base.raw', MiB, [0, 65536, 1]),
      raw('top/.keep', 0),
      img('create', '-q', '-f', 'qcow2', '-u', '-b', '../base/base.raw', '-F', 'raw', 'top/disk.qcow2', '1M'),
    ],
  },
  {
    name: 'backing file with an unusual name',
    steps: [
      raw('bä "se\' \\ 漢字\t.raw', MiB, [0, 65536, 1]),
      overlay(disk, 'bä "se\' \\ 漢字\t.raw', 'raw'),
      io(disk, 'write -P 2 128k 64k'),
    ],
  },
  {
    name: 'backing file with a colon after its folder',
    steps: [raw('a:b.raw', MiB, [0, 65536, 1]), overlay(disk, './a:b.raw', 'raw')],
  },
  {
    name: 'backing file that is not there',
    steps: [img('create', '-q', '-f', 'qcow2', '-u', '-b', 'missing.qcow2', '-F', 'qcow2', disk, '1M')],
  },
  {
    name: 'empty overlay of an empty image',
    steps: [create('base.qcow2', '1M'), overlay(disk, 'base.qcow2', 'qcow2')],
  },
];

const snapshots: Recipe[] = [
  {
    name: 'one snapshot',
    steps: [create(disk, '4M'), io(disk, 'write -P 1 0 256k'), img('snapshot', '-c', 'before', disk)],
  },
  {
    name: 'three snapshots, of which one was deleted and one of another size',
    steps: [
      create(disk, '4M'),
      io(disk, 'write -P 1 0 256k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 2 64k 64k'),
      img('snapshot', '-c', 'second', disk),
      img('resize', '-q', disk, '8M'),
      io(disk, 'write -P 3 6M 64k', 'discard 128k 64k'),
      img('snapshot', '-c', 'third', disk),
      img('snapshot', '-d', 'first', disk),
    ],
  },
  {
    name: 'v2 with two snapshots',
    steps: [
      create(disk, '4M', 'compat=0.10'),
      io(disk, 'write -P 1 0 256k'),
      img('snapshot', '-c', 'first', disk),
      io(disk, 'write -P 2 0 64k'),
      img('snapshot', '-c', 'second', disk),
    ],
  },
  {
    name: 'snapshots with unusual names',
    steps: [
      create(disk, '1M'),
      img('snapshot', '-c', 'Zürich 漢字 😀', disk),
      img('snapshot', '-c', 'a "quoted" \\ back/slash', disk),
      img('snapshot', '-c', 'tab\tnewline\nescape\u001b[31m bell\u0007', disk),
      img('snapshot', '-c', '<b>html</b> & %s %n', disk),
      img('snapshot', '-c', '', disk),
    ],
  },
  {
    // As after `savevm`: date, clock, size of the VM state (both fields) and instruction count.
    name: 'snapshot with VM state',
    steps: [
      create(disk, '4M'),
      io(disk, 'write -P 1 0 256k'),
      img('snapshot', '-c', 'with state', disk),
      patchTable(disk, 64, 16, '65000000 3B9AC9FF 0000 4E94 914F 0000 0012D687'),
      patchTable(disk, 64, 40, '00000000 0012D687'),
      patchTable(disk, 64, 56, '00000000 00ABCDEF'),
    ],
  },
  {
    name: 'snapshot with a clock of days and 6 GiB of VM state',
    steps: [
      create(disk, '4M'),
      img('snapshot', '-c', 'long', disk),
      patchTable(disk, 64, 16, '7FFFFFFF 00000001 0001 6345 7856 789A 80000000'),
      patchTable(disk, 64, 40, '00000001 80000000'),
    ],
  },
];

const bitmaps: Recipe[] = [
  {
    name: 'one bitmap',
    steps: [create(disk, '4M'), img('bitmap', '--add', disk, 'b0'), io(disk, 'write -P 1 0 64k')],
  },
  {
    name: 'bitmaps enabled, disabled, of several granularities and with unusual names',
    steps: [
      create(disk, '64M'),
      img('bitmap', '--add', '-g', '512', disk, 'fine'),
      img('bitmap', '--add', '-g', '2M', disk, 'coarse "quoted" \\'),
      img('bitmap', '--add', '--disable', disk, 'disabled 漢字'),
      io(disk, 'write -P 1 0 1M', 'write -P 1 33M 64k'),
      img('bitmap', '--disable', disk, 'fine'),
    ],
  },
  {
    name: 'bitmap in use',
    steps: [create(disk, '4M'), img('bitmap', '--add', disk, 'b0'), ioKilled(disk, 'write -P 1 0 64k')],
  },
  {
    name: 'bitmap with clusters of 512, and a snapshot',
    steps: [
      create(disk, '1M', 'cluster_size=512'),
      img('bitmap', '--add', '-g', '512', disk, 'b0'),
      io(disk, 'write -P 1 0 100k'),
      img('snapshot', '-c', 's', disk),
    ],
  },
  {
    name: 'bitmap that a program without bitmaps made inconsistent',
    steps: [
      create(disk, '1M'),
      img('bitmap', '--add', disk, 'b0'),
      // autoclear_features: the bit is gone, the extension is still there.
      patch(disk, 88, '0000000000000000'),
    ],
  },
];

const dataFiles: Recipe[] = [
  {
    name: 'external data file',
    steps: [create(disk, '4M', 'data_file=disk.data'), io(disk, 'write -P 1 0 64k', 'write -z 1M 64k', 'discard 0 4k')],
  },
  {
    name: 'external data file, raw',
    steps: [
      create(disk, '4M', 'data_file=disk.data,data_file_raw=on'),
      io(disk, 'write -P 1 0 64k', 'write -z 1M 64k', 'discard 2M 64k'),
    ],
  },
  {
    name: 'external data file with extended L2',
    steps: [
      create(disk, '1M', 'data_file=disk.data,extended_l2=on,cluster_size=16k'),
      io(disk, 'write -P 1 0 512', 'write -z 4k 2k', 'write -P 2 32k 20k', 'write -z 64k 16k'),
    ],
  },
  {
    name: 'external data file over a backing file',
    steps: [
      raw('base.raw', 4 * MiB, [0, MiB, 1]),
      overlay(disk, 'base.raw', 'raw', undefined, 'data_file=disk.data'),
      io(disk, 'write -P 2 512k 64k', 'write -z 640k 64k'),
    ],
  },
];

const luks = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
const otherAlgorithms =
  'encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,encrypt.ivgen-hash-alg=sha256,' +
  'encrypt.hash-alg=sha1';
const unlocked = `driver=qcow2,file.filename=${disk},encrypt.key-secret=s`;

const encryption: Recipe[] = [
  {
    name: 'LUKS',
    steps: [
      createEncrypted(disk, '4M', luks),
      {
        run: 'qemu-io',
        args: ['-c', 'write -P 1 0 128k', '--object', 'secret,id=s,data=qcow2', '--image-opts', unlocked],
      },
    ],
  },
  {
    name: 'LUKS in v2 with other algorithms',
    steps: [createEncrypted(disk, '1M', `compat=0.10,${luks},${otherAlgorithms}`)],
  },
  {
    name: 'AES (legacy)',
    steps: [createEncrypted(disk, '1M', 'compat=0.10,encrypt.format=aes,encrypt.key-secret=s')],
  },
];

const sizes: Recipe[] = [
  { name: 'size 0', steps: [create(disk, '0')] },
  { name: 'size of one sector', steps: [create(disk, '512'), io(disk, 'write -P 1 0 512')] },
  {
    name: 'size that ends within a cluster',
    steps: [
      create(disk, String(3 * 65536 + 1536)),
      io(disk, 'write -P 1 64k 64k', 'write -P 2 192k 1536', 'write -z 128k 64k'),
    ],
  },
  {
    name: 'zeros in a last cluster that is not whole',
    steps: [create(disk, String(65536 + 512)), io(disk, 'write -z 64k 512', 'write -P 1 0 512')],
  },
  {
    name: 'compressed last cluster that is not whole',
    steps: [
      raw('source.raw', 65536 + 512, [65536, 512, 1]),
      img('convert', '-c', '-f', 'raw', '-O', 'qcow2', 'source.raw', disk),
    ],
  },
  {
    name: '1 EiB in clusters of 2 MiB',
    mapOptions: ['--start-offset', String(2n ** 60n - 2n ** 40n)],
    steps: [create(disk, '1E', 'cluster_size=2M'), io(disk, `write -P 1 ${2n ** 60n - 2n ** 22n} 2M`)],
  },
  {
    name: '2 PiB in clusters of 64 KiB',
    mapOptions: ['--start-offset', String(2n ** 50n), '--max-length', String(2n ** 42n)],
    steps: [
      create(disk, '2P'),
      io(disk, `write -P 1 ${2n ** 50n + 65536n} 128k`, `write -P 2 ${2n ** 51n - 512n} 512`),
    ],
  },
  {
    name: '4 TiB with data at its end',
    steps: [create(disk, '4T'), io(disk, 'write -P 1 0 64k', `write -P 2 ${2n ** 42n - 65536n} 64k`)],
  },
  {
    name: '4 GiB in clusters of 512: an L1 table of many clusters',
    steps: [create(disk, '4G', 'cluster_size=512'), io(disk, 'write -P 1 1G 3k', 'write -P 2 3G 512')],
  },
  {
    name: 'grown, then shrunk',
    steps: [
      create(disk, '1M'),
      io(disk, 'write -P 1 0 1M'),
      img('resize', '-q', disk, '3M'),
      io(disk, 'write -P 2 2M 512k'),
      img('resize', '-q', '--shrink', disk, '2304k'),
    ],
  },
];

const features: Recipe[] = [
  { name: 'lazy refcounts', steps: [create(disk, '4M', 'lazy_refcounts=on'), io(disk, 'write -P 1 0 64k')] },
  {
    name: 'dirty bit',
    steps: [create(disk, '4M', 'lazy_refcounts=on'), ioKilled(disk, 'write -P 1 0 128k')],
  },
  {
    name: 'corrupt bit',
    steps: [create(disk, '4M'), io(disk, 'write -P 1 0 64k'), patch(disk, 72, '0000000000000002')],
  },
  {
    name: 'unknown compatible and autoclear bits',
    steps: [create(disk, '4M'), patch(disk, 80, '8000000000000000 4000000000000000')],
  },
  {
    name: 'unknown header extension and longer header',
    steps: [
      built(
        disk,
        new ImageBuilder({ header_length: 136, size: MiB })
          .put(112, 'fields of later')
          .extension(0x12345678, 'keep me')
          .extension(0x434c4233, new Uint8Array(32).fill(0xb3)),
      ),
    ],
  },
  {
    name: 'header of 104 bytes, with data and zero clusters by hand',
    steps: [built(disk, builtHere(new ImageBuilder({ header_length: 104, size: MiB })))],
  },
  {
    name: 'amended from v2 to v3',
    steps: [
      create(disk, '2M', 'compat=0.10'),
      io(disk, 'write -P 1 0 64k'),
      img('snapshot', '-c', 's', disk),
      img('amend', '-f', 'qcow2', '-o', 'compat=1.1', disk),
      io(disk, 'write -z 128k 64k'),
    ],
  },
];

/** Two data clusters that follow each other, one zero with and one without a host cluster. */
function builtHere(image: ImageBuilder): ImageBuilder {
  image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .refcount(5, 1)
    .refcount(6, 1)
    .refcount(7, 1);
  image
    .entry(4, 0, copied | image.at(5))
    .entry(4, 1, copied | image.at(6))
    .entry(4, 2, copied | image.at(7) | zero);
  return image.entry(4, 15, zero).put(image.at(5), 'first').put(image.at(6), 'second').truncate(image.at(8));
}

const names: Recipe[] = [
  { name: 'path with a space', image: 'a disk.qcow2', steps: [create('a disk.qcow2', '1M')] },
  {
    name: 'path with quotes, backslash and letters of other languages',
    image: 'dìsk "1" \\ 漢字 😀.qcow2',
    steps: [create('dìsk "1" \\ 漢字 😀.qcow2', '1M'), io('dìsk "1" \\ 漢字 😀.qcow2', 'write -P 1 0 64k')],
  },
  {
    name: 'path with control characters',
    image: 'tab\tnew\nline\u001b.qcow2',
    steps: [create('tab\tnew\nline\u001b.qcow2', '1M')],
  },
  { name: 'path with a colon', image: 'a:b.qcow2', steps: [create('./a:b.qcow2', '1M')] },
];

const rawFiles: Recipe[] = [
  {
    name: 'raw with holes',
    image: 'disk.raw',
    options: ['-f', 'raw'],
    steps: [raw('disk.raw', 4 * MiB, [0, 4096, 1], [MiB, 64 * KiB, 2], [4 * MiB - 4096, 4096, 3])],
  },
  {
    name: 'raw of an odd size',
    image: 'disk.raw',
    options: ['-f', 'raw'],
    steps: [raw('disk.raw', 100_001, [0, 512, 1], [99_000, 1001, 2])],
  },
  { name: 'raw of a hole', image: 'disk.raw', options: ['-f', 'raw'], steps: [raw('disk.raw', MiB)] },
  { name: 'raw and empty', image: 'disk.raw', options: ['-f', 'raw'], steps: [raw('disk.raw', 0)] },
  {
    name: 'qcow2 read as raw',
    options: ['-f', 'raw'],
    steps: [create(disk, '1M'), io(disk, 'write -P 1 0 64k')],
  },
  { name: 'raw without being told', image: 'disk.raw', steps: [raw('disk.raw', MiB, [4096, 8192, 1])] },
];

/** All of them: compat, cluster sizes, widths, preallocation, chains, snapshots and so on, each with the writes that matter. */
export const interopRecipes: readonly Recipe[] = [
  ...clusterSizes,
  ...refcountWidths,
  ...extendedL2,
  ...compression,
  ...preallocation,
  ...backing,
  ...snapshots,
  ...bitmaps,
  ...dataFiles,
  ...encryption,
  ...sizes,
  ...features,
  ...names,
  ...rawFiles,
];
