/**
 * `node test/support/makeFallbackImages.ts`: makes the packed images in test/support/images anew, from the recipes of
 * the samples. Needs qemu-img.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { sampleFiles } from './sampleRecipes.ts';
import { fallbackFolder, makeSamples } from './samples.ts';

const folder = await mkdtemp(join(tmpdir(), 'qcow2-fallback-'));
try {
  await makeSamples(folder);
  await rm(fallbackFolder, { recursive: true, force: true });
  await mkdir(fallbackFolder);
  for (const file of sampleFiles(true)) {
    const packed = gzipSync(await readFile(join(folder, file)), { level: 9 });
    await writeFile(join(fallbackFolder, `${file}.gz`), packed);
    console.log(`${file}: ${packed.length} bytes`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
