// Writes the licences of the packages that are bundled into dist/.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Writes the name, version and licence text of every package that the bundles have something of.
 *
 * @param metafiles - esbuild's, one a bundle
 * @param file - the path to write to
 */
export async function writeNotices(metafiles, file) {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []));
  const notices = await Promise.all([...folders].sort().map(notice));
  await writeFile(file, `Qcow2 Inspector contains parts of these packages.\n${notices.join('')}`);
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = await readdir(folder);
  const licence = files.find((file) => /^licen[cs]e(\.\w+)?$/i.test(file));
  if (licence === undefined) {
    throw new Error(`${folder} has no licence file to ship`);
  }
  const text = await readFile(join(folder, licence), 'utf8');
  return `\n${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${text.trim()}\n`;
}
