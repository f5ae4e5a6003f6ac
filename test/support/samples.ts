import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { follow } from './imageRecipe.ts';
import { hasQemu } from './qemu.ts';
import { type Sample, samples } from './sampleRecipes.ts';

/** The sample images that are kept in the repository, packed by gzip. */
export const fallbackFolder = fileURLToPath(new URL('images', import.meta.url));

/** Which images are in the folder of samples now. */
export interface SampleFolder {
  /** Names of the files to open. */
  readonly images: readonly string[];
  /** False where qemu-img is missing and the images of the repository serve. */
  readonly madeByQemu: boolean;
}

/**
 * Fills `folder` with the sample images; those that are there already stay. `report` hears the name of each image when
 * it is made.
 */
export async function makeSamples(
  folder: string,
  report: (file: string) => void = () => undefined,
): Promise<SampleFolder> {
  await mkdir(folder, { recursive: true });
  const madeByQemu = hasQemu();
  if (!madeByQemu) {
    return { images: await unpackFallback(folder), madeByQemu };
  }
  const waiting = samples.filter(({ files }) => !files.every((file) => existsSync(join(folder, file))));
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await makeSample(next, folder);
      report(next.files[0]);
    }
  };
  await Promise.all([work(), work()]);
  return { images: samples.map(({ files }) => files[0]), madeByQemu };
}

/** Unpacks the images of the repository into `folder`; returns the names of those to open. */
export async function unpackFallback(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const packed = (await readdir(fallbackFolder)).filter((name) => name.endsWith('.gz'));
  for (const name of packed) {
    const target = join(folder, basename(name, '.gz'));
    if (!existsSync(target)) {
      await writeFile(target, gunzipSync(await readFile(join(fallbackFolder, name))));
    }
  }
  return packed.map((name) => basename(name, '.gz')).filter((name) => name.endsWith('.qcow2'));
}

/** Makes one sample beside its place, so that a file that has its name is whole. */
async function makeSample(sample: Sample, folder: string): Promise<void> {
  const draft = await mkdtemp(join(folder, '.making-'));
  try {
    await follow({ name: sample.files[0], steps: sample.steps }, draft);
    for (const file of sample.files) {
      await rename(join(draft, file), join(folder, file));
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
