import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache.ts';
import { makeSamples } from './samples.ts';
import { ensureSystemPackages } from './system.ts';

/**
 * The folder of sample images with a page that lists them; what is there from an earlier time stays. Without qemu-img,
 * where it cannot be installed either, it holds the few images of the repository, and `report` hears why.
 */
export async function sampleFolder(report: (line: string) => void): Promise<string> {
  try {
    await ensureSystemPackages(['qemu-utils', 'e2fsprogs']);
  } catch (error) {
    report(`${error instanceof Error ? error.message : String(error)}\nUntil then there are fewer sample images.`);
  }
  const folder = join(cacheFolder, 'samples');
  await mkdir(folder, { recursive: true });
  const { images } = await makeSamples(folder, (name) => report(`  made ${name}`));
  const list = images.map((name) => `- [${name}](${name})`).join('\n');
  const page = `# Sample images\n\nOpen one here or in the Explorer. Looking never writes.\n\n${list}\n`;
  await writeFile(join(folder, 'README.md'), page);
  return folder;
}
