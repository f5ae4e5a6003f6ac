/**
 * `npm run bench -- [--runs N] [--keep] [--update-readme]`: how long `qcow2 info` and `qcow2 map` take beside qemu-img,
 * on images that are large in three ways. Prints a table in Markdown; `--update-readme` puts it into README.md.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BigImage, bigImages } from '../support/bigImages.ts';
import { qemuImg } from '../support/qemu.ts';
import { type Measured, measure } from './measure.ts';
import { table, writeReadme } from './report.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    keep: { type: 'boolean', default: false },
    'update-readme': { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

if (!Number.isInteger(runs) || runs < 1) {
  throw new Error(`--runs ${values.runs}: not a number of runs`);
}
if (!existsSync(cli)) {
  throw new Error('dist/cli.js is missing; run: npm run build');
}

const folder = join(tmpdir(), 'qcow2-inspector-bench');
try {
  const measured: (readonly [BigImage, Measured])[] = [];
  for (const image of await bigImages(folder)) {
    console.error(`${image.name} …`);
    measured.push([image, await measure(cli, image.path, runs)]);
  }
  const method =
    `Median (min–max) of ${runs} runs, ours and qemu-img by turns, each a whole process with its output to /dev/null, ` +
    'files in the page cache; memory: VmHWM of a run of its own; opening: in one process, after a first time; ' +
    'outputs compared byte for byte. The data clusters of (a) and (b) are holes. ' +
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}, ` +
    `${(await qemuImg(['--version'])).split('\n')[0]}.`;
  const report = `${table(measured)}\n\n${method}`;
  console.log(report);
  if (values['update-readme']) {
    await writeReadme(report);
  }
} finally {
  if (!values.keep) {
    await rm(folder, { recursive: true, force: true });
  }
}
