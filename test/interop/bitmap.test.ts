import { qemuImg } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { BitmapPair } from './bitmapPair.ts';

/** Images and what is done to them, in order: `io ...` by qemu-io, all else by `bitmap`. */
const stories: readonly {
  readonly name: string;
  readonly options?: string;
  readonly size?: string;
  readonly backing?: true;
  readonly steps: readonly string[];
}[] = [
  {
    name: 'one bitmap, its whole life',
    steps: [
      '--add FILE b',
      'io write 0 3M',
      '--disable FILE b',
      'io write 5M 1M',
      '--enable FILE b',
      'io write 6M 64k',
      '--clear FILE b',
      'io write 1M 1k',
      '--remove FILE b',
    ],
  },
  {
    name: 'several bitmaps, of which all are stored anew with each change',
    steps: [
      '--add FILE b1',
      '--add -g 4k FILE b2',
      'io write 0 3M',
      '--disable FILE b1',
      '--add -g 512 --disable FILE b3',
      'io write 4M 100k',
      '--remove FILE b1',
      '--add --merge b2 FILE b4',
      '--clear FILE b2',
      '--remove --add FILE b2',
      '--add --remove FILE b9',
      '--remove FILE b3',
      '--remove FILE b2',
      '--remove FILE b4',
    ],
  },
  {
    name: 'a merge across granularities, both ways',
    size: '10000384',
    steps: [
      '--add -g 512 FILE fine',
      '--add -g 1M FILE coarse',
      'io write 512 512',
      'io write 3000320 70k',
      'io write 9999872 512',
      '--add -g 64k --merge fine FILE from-fine',
      '--add -g 4k --merge coarse FILE from-coarse',
      '--add -g 2M --merge fine --merge coarse --disable FILE both',
      '--merge both FILE fine',
      '--merge fine FILE fine',
    ],
  },
  {
    name: 'clusters of 512 bytes, so that tables and directories take several and refcount blocks are made',
    options: 'cluster_size=512',
    size: '40M',
    steps: [
      'io write 0 100k',
      '--add -g 512 FILE b1',
      'io write 1M 700k',
      'io write 20M 1k',
      ...Array.from({ length: 20 }, (_, index) => `--add -g 4k FILE ${'long'.repeat(index * 3)}${index}`),
      '--add -g 512 --merge b1 FILE b2',
      '--clear FILE b1',
      '--add --merge b1 --merge b2 -g 2k FILE b3',
      '--remove FILE b2',
      '--remove FILE b1',
      '--remove FILE b3',
    ],
  },
  {
    name: 'clusters of 2 MiB',
    options: 'cluster_size=2M',
    size: '64M',
    steps: ['--add -g 512 FILE b1', 'io write 30M 3M', '--add --merge b1 FILE b2', '--remove FILE b1'],
  },
  {
    name: 'a disk of 1 TiB, with a bitmap of 256 MiB of which little is written',
    size: '1T',
    steps: [
      '--add -g 512 FILE b1',
      'io write 0 64k',
      'io write 1000G 2M',
      '--add -g 2G --merge b1 FILE b2',
      '--remove FILE b1',
    ],
  },
  {
    name: 'a bitmap that is all ones',
    size: '256M',
    options: 'cluster_size=4k',
    steps: ['--add -g 512 FILE b1', 'io write -z 0 256M', '--add -g 4k --merge b1 FILE b2', '--clear FILE b1'],
  },
  {
    name: 'refcounts of 1 bit',
    options: 'refcount_bits=1',
    steps: ['--add FILE b1', 'io write 0 1M', '--add FILE b2', '--remove FILE b1'],
  },
  {
    name: 'refcounts of 64 bits and extended L2 entries',
    options: 'refcount_bits=64,extended_l2=on,cluster_size=16k',
    steps: ['--add FILE b1', 'io write 0 1M', '--add FILE b2', '--remove FILE b1'],
  },
  {
    name: 'lazy refcounts and zstd',
    options: 'lazy_refcounts=on,compression_type=zstd',
    steps: ['--add FILE b1', 'io write -c 0 64k', '--add FILE b2', '--remove FILE b1'],
  },
  {
    name: 'a backing file, whose name comes after the bitmaps extension',
    backing: true,
    steps: ['--add FILE b1', '--add FILE b2', '--remove FILE b1', '--remove FILE b2'],
  },
  {
    name: 'preallocated metadata',
    options: 'preallocation=metadata,cluster_size=4k',
    steps: ['--add FILE b1', 'io write 0 1M', '--disable FILE b1', '--remove FILE b1'],
  },
];

describe('qcow2 bitmap leaves the image that qemu-img bitmap leaves', function () {
  this.timeout(120_000);
  let pair: BitmapPair;

  beforeEach(() => {
    pair = new BitmapPair();
  });

  afterEach(() => pair.remove());

  for (const { name, options = '', size = '10M', backing, steps } of sampled(stories, 4)) {
    it(name, async () => {
      await qemuImg(['create', '-q', '-f', 'qcow2', pair.other, size]);
      await pair.create(options, size, ...(backing ? ['-b', pair.other, '-F', 'qcow2'] : []));
      for (const step of steps) {
        await (step.startsWith('io ') ? pair.io(step.slice(3)) : pair.same(...step.split(' ')));
      }
      await pair.requireAlike(name);
    });
  }
});
