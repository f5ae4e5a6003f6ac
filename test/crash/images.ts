import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryStorage } from '../support/memoryStorage.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';

/** An image that changes are tried on: made by qemu-img, written by qemu-io. */
interface Recipe {
  readonly name: string;
  readonly options: string;
  readonly size: string;
  /** Commands of qemu-io, or of qemu-img where they begin with `img `; IMAGE stands for the path. */
  readonly steps?: readonly string[];
  readonly backing?: boolean;
}

const writes = ['write -P 1 0 100k', 'write -P 2 300k 64k', 'write -z 400k 64k', 'write -c -P 3 512k 64k'];

const recipes: readonly Recipe[] = [
  { name: 'empty', options: '', size: '1M' },
  { name: 'written', options: '', size: '4M', steps: writes },
  { name: 'version 2', options: 'compat=0.10', size: '4M', steps: writes },
  {
    name: 'clusters of 512 bytes',
    options: 'cluster_size=512',
    size: '600k',
    steps: ['write -P 1 0 100k', 'write -P 9 300k 3k'],
  },
  {
    name: 'clusters of 4 KiB',
    options: 'cluster_size=4k',
    size: '1M',
    steps: ['write -P 1 0 100k', 'write -c -P 3 512k 4k'],
  },
  { name: 'clusters of 2 MiB', options: 'cluster_size=2M', size: '8M', steps: ['write -P 1 1M 100k'] },
  {
    name: 'extended L2',
    options: 'extended_l2=on,cluster_size=16k',
    size: '1M',
    steps: ['write -P 1 0 3k', 'write -z 64k 1k', 'write -P 4 64k 512'],
  },
  { name: 'refcounts of 1 bit', options: 'refcount_bits=1', size: '4M', steps: writes },
  {
    name: 'refcounts of 64 bits',
    options: 'refcount_bits=64,cluster_size=4k',
    size: '1M',
    steps: ['write -P 1 0 100k'],
  },
  { name: 'preallocated', options: 'preallocation=metadata,cluster_size=4k', size: '1M', steps: ['write -P 1 0 10k'] },
  { name: 'a backing file', options: '', size: '4M', backing: true, steps: writes },
  { name: 'a backing file, version 2', options: 'compat=0.10', size: '4M', backing: true, steps: writes },
  { name: 'a longer backing file', options: '', size: '1M', backing: true, steps: ['write -P 1 0 100k'] },
  { name: 'a longer backing file, version 2', options: 'compat=0.10', size: '1M', backing: true },
  {
    name: 'a snapshot',
    options: 'cluster_size=4k',
    size: '1M',
    steps: ['write -P 1 0 100k', 'img snapshot -c first IMAGE', 'write -P 2 40k 20k'],
  },
  {
    name: 'snapshots, version 2',
    options: 'compat=0.10,cluster_size=4k',
    size: '1M',
    steps: [
      'write -P 1 0 100k',
      'img snapshot -c first IMAGE',
      'write -c -P 2 512k 4k',
      'img snapshot -c second IMAGE',
    ],
  },
  {
    name: 'bitmaps',
    options: '',
    size: '4M',
    steps: ['img bitmap --add IMAGE one', 'write -P 1 0 100k', 'img bitmap --add -g 64k --disable IMAGE two'],
  },
  {
    name: 'zero clusters',
    options: 'cluster_size=4k',
    size: '1M',
    steps: ['write -P 1 0 64k', 'write -z 8k 8k', 'write -z 512k 64k'],
  },
  {
    name: 'zero clusters over a backing file',
    options: 'cluster_size=4k',
    size: '1M',
    backing: true,
    steps: [
      'write -P 1 0 64k',
      'write -z 8k 8k',
      'img snapshot -c first IMAGE',
      'write -z 60k 8k',
      'write -z 512k 16k',
    ],
  },
  {
    name: 'zero clusters that keep the data of a snapshot',
    options: 'cluster_size=4k',
    size: '1M',
    steps: ['write -P 1 0 64k', 'img snapshot -c first IMAGE', 'write -z 8k 16k'],
  },
  {
    name: 'a snapshot of zero clusters that keep the data of the disk',
    options: 'cluster_size=4k',
    size: '1M',
    steps: [
      'write -P 1 0 64k',
      'img snapshot -c first IMAGE',
      'write -z 8k 16k',
      'img snapshot -c second IMAGE',
      'img snapshot -a first IMAGE',
      'img snapshot -d first IMAGE',
    ],
  },
  {
    name: 'bitmaps of several clusters',
    options: 'cluster_size=512',
    size: '4M',
    steps: ['img bitmap --add -g 512 IMAGE one', 'write -P 1 0 4k', 'write -P 2 3M 20k'],
  },
];

/** The names of the images. */
export const crashImageNames: readonly string[] = recipes.map(({ name }) => name);

/** Makes the images, each in memory, by name. */
export async function crashImages(): Promise<ReadonlyMap<string, MemoryStorage>> {
  const folder = mkdtempSync(join(tmpdir(), 'qcow2-crash-'));
  try {
    const made = new Map<string, MemoryStorage>();
    await qemuImg(['create', '-q', '-f', 'raw', 'base.raw', '4M'], folder);
    for (const recipe of recipes) {
      made.set(recipe.name, await makeImage(recipe, folder));
    }
    return made;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function makeImage(
  { options, size, steps = [], backing = false }: Recipe,
  folder: string,
): Promise<MemoryStorage> {
  const image = join(folder, 'image.qcow2');
  const extra = [...(options === '' ? [] : ['-o', options]), ...(backing ? ['-b', 'base.raw', '-F', 'raw'] : [])];
  await qemuImg(['create', '-q', '-f', 'qcow2', ...extra, image, size], folder);
  await follow(steps, image);
  return new MemoryStorage(readFileSync(image));
}

/** Does steps to images, each in memory: as for the recipes, with all programs running in one folder. */
export async function imagesAfter(
  images: ReadonlyMap<string, MemoryStorage>,
  steps: readonly string[],
): Promise<ReadonlyMap<string, MemoryStorage>> {
  const folder = mkdtempSync(join(tmpdir(), 'qcow2-crash-'));
  try {
    await qemuImg(['create', '-q', '-f', 'raw', 'base.raw', '4M'], folder);
    const made = new Map<string, MemoryStorage>();
    for (const [name, before] of images) {
      const image = join(folder, 'image.qcow2');
      writeFileSync(image, before.slice(0n, Number(before.size)));
      await follow(steps, image);
      made.set(name, new MemoryStorage(readFileSync(image)));
    }
    return made;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function follow(steps: readonly string[], image: string): Promise<void> {
  for (const step of steps) {
    if (step.startsWith('img ')) {
      await qemuImg(step.slice(4).replace('IMAGE', image).split(' '));
    } else {
      const { code, stdout } = await runProgram('qemu-io', ['-f', 'qcow2', '-c', step, image]);
      if (code !== 0 || stdout.includes('failed')) {
        throw new Error(`qemu-io ${step}: ${stdout}`);
      }
    }
  }
}
