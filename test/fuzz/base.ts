import { open } from 'node:fs/promises';
import { brokenImages, small, withBitmap, withSnapshot } from '../support/brokenImages.ts';
import { interopImages } from '../support/interopImages.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

/** An image from which mutated ones are made, as a file. */
export interface BaseFile {
  readonly name: string;
  /** Undefined for those that are built in memory. */
  readonly path?: string;
}

/** By name, those of the interop images that are small and differ in structure. */
const madeByQemu = [
  'v2, clusters of 512',
  'v3, clusters of 512',
  'v3, clusters of 4096',
  'v3, clusters of 65536',
  'refcounts of 1 bits',
  'refcounts of 64 bits',
  'refcounts of 2 bits shared by two snapshots',
  'extended L2, clusters of 16384',
  'extended L2 with subclusters of every kind',
  'zstd, clusters of 4096',
  'preallocated metadata with clusters of 512',
  'three snapshots, of which one was deleted and one of another size',
  'snapshots with unusual names',
  'snapshot with VM state',
  'bitmaps enabled, disabled, of several granularities and with unusual names',
  'bitmap with clusters of 512, and a snapshot',
  'external data file',
  'LUKS',
  'backing file in another folder',
  'unknown header extension and longer header',
  '4 GiB in clusters of 512: an L1 table of many clusters',
];

const builtHere = { small, withBitmap, withSnapshot };

/** The base images; makes those of qemu-img where they are not there yet. */
export async function baseFiles(): Promise<BaseFile[]> {
  const images = await interopImages();
  const fromQemu = madeByQemu.map((name) => {
    const image = images.find((one) => one.name === name);
    if (!image) {
      throw new Error(`no interop image is called "${name}"`);
    }
    return { name, path: image.path };
  });
  const broken = brokenImages.filter(({ refused }) => refused === undefined).map(({ name }) => ({ name }));
  return [...fromQemu, ...Object.keys(builtHere).map((name) => ({ name })), ...broken];
}

/** Reads a base image into memory, without its zeros. */
export async function loadBase({ name, path }: BaseFile): Promise<MemoryStorage> {
  if (path !== undefined) {
    return readSparse(path);
  }
  const build = builtHere[name as keyof typeof builtHere] ?? brokenImages.find((one) => one.name === name)?.build;
  return build().toStorage();
}

async function readSparse(path: string): Promise<MemoryStorage> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const storage = new MemoryStorage(BigInt(size));
    const page = Buffer.alloc(4096);
    for (let at = 0; at < size; at += page.length) {
      const { bytesRead } = await file.read(page, 0, page.length, at);
      const content = page.subarray(0, bytesRead);
      if (content.some((byte) => byte !== 0)) {
        storage.write(BigInt(at), content);
      }
    }
    return storage;
  } finally {
    await file.close();
  }
}
