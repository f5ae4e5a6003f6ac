import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { create, follow, io, type Step } from './imageRecipe.ts';
import { permutation, random } from './random.ts';
import { writeShuffledImage } from './shuffledImage.ts';

/** One image of the bench. */
export interface BigImage {
  /** `a`, `b` or `c`. */
  readonly key: string;
  readonly name: string;
  readonly path: string;
}

/** The images of the bench, made in `folder` (which must stay in one place) when they are not there yet. */
export async function bigImages(folder: string): Promise<readonly BigImage[]> {
  await mkdir(folder, { recursive: true });
  return [
    {
      key: 'a',
      name: '1 TiB, preallocated metadata',
      path: await byQemu(folder, 'a.qcow2', create('a.qcow2.draft', '1T', 'preallocation=metadata')),
    },
    { key: 'b', name: '128 GiB, 2 Mi clusters in shuffled host order', path: await shuffled(folder) },
    {
      key: 'c',
      name: '64 MiB, 512 clusters in shuffled host order',
      path: await byQemu(folder, 'c.qcow2', create('c.qcow2.draft', '64M'), io('c.qcow2.draft', ...scatteredWrites())),
    },
  ];
}

async function shuffled(folder: string): Promise<string> {
  const path = join(folder, 'b.qcow2');
  if (!(await isThere(path))) {
    await writeShuffledImage(`${path}.draft`, 128 * 2 ** 30);
    await rename(`${path}.draft`, path);
  }
  return path;
}

async function byQemu(folder: string, name: string, ...steps: Step[]): Promise<string> {
  const path = join(folder, name);
  if (!(await isThere(path))) {
    await follow({ name, steps }, folder);
    await rename(`${path}.draft`, path);
  }
  return path;
}

/** Half of the clusters of a disk of 64 MiB, in random order. */
function scatteredWrites(): string[] {
  return [...permutation(1024, random(2))]
    .slice(0, 512)
    .map((cluster) => `write -P ${cluster % 255 || 1} ${cluster * 64}k 64k`);
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
