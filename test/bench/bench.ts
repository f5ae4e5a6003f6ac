/**
 * `npm run bench -- [--only cli|check|map|changes] [--runs N] [--keep] [--update-readme]`: how long `qcow2 info`, `map` and `check`
 * take beside qemu-img, on images that are large in three ways, how long the first of them takes to be changed, how soon the editor's maps of it are painted,
 * and how much memory an image of 16 TiB takes, checked and shown. Prints tables in Markdown; `--update-readme` puts them into README.md.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { cpus, getPriority, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BigImage, bigImages } from '../support/bigImages.ts';
import { writeHugeImage } from '../support/hugeImage.ts';
import { qemuImg } from '../support/qemu.ts';
import { changesTable, measureChanges } from './changes.ts';
import { damages, whileDamaged } from './damages.ts';
import { buildHost } from './host.ts';
import { measureMemory, memoryTable } from './mapMemory.ts';
import { mapTable, measureMap } from './mapPaint.ts';
import { type Measured, type MeasuredVerb, measure, measureVerb } from './measure.ts';
import { peakMemoryOf } from './processRun.ts';
import { type BenchPart, table, verbTable, writeReadme } from './report.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    runs: { type: 'string', default: '7' },
    keep: { type: 'boolean', default: false },
    'update-readme': { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const worker = fileURLToPath(new URL('../../dist/worker.js', import.meta.url));

const parts = ['cli', 'check', 'changes', 'map'];
if (values.only !== undefined && !parts.includes(values.only)) {
  throw new Error(`--only ${values.only}: ${parts.join(', ')}`);
}
const wants = (part: string): boolean => values.only === undefined || values.only === part;
if (!Number.isInteger(runs) || runs < 1) {
  throw new Error(`--runs ${values.runs}: not a number of runs`);
}
if (![cli, worker].every((file) => existsSync(file))) {
  throw new Error('dist/ is not complete; run: npm run build');
}

const folder = join(tmpdir(), 'qcow2-inspector-bench');
const priority = getPriority() === 0 ? '' : `, at priority ${getPriority()}`;
const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}${priority}`;
try {
  const images = await bigImages(folder);
  if (wants('cli')) {
    await benchCommands(images);
  }
  if (wants('check')) {
    await benchCheck(images);
  }
  if (wants('changes')) {
    await benchChanges(images);
  }
  if (wants('map')) {
    await benchMap(images);
  }
} finally {
  if (!values.keep) {
    await rm(folder, { recursive: true, force: true });
  }
}

async function benchCommands(images: readonly BigImage[]): Promise<void> {
  const measured: (readonly [BigImage, Measured])[] = [];
  for (const image of images) {
    console.error(`${image.name} …`);
    measured.push([image, await measure(cli, image.path, runs)]);
  }
  const method =
    `Median (min–max) of ${runs} runs, ours and qemu-img by turns, each a whole process with its output to /dev/null, ` +
    'files in the page cache; memory: VmHWM of a run of its own; opening: in one process, after a first time; ' +
    'outputs compared byte for byte. The data clusters of (a) and (b) are holes. ' +
    `${machine}, ${(await qemuImg(['--version'])).split('\n')[0]}.`;
  await tell('bench', `${table(measured)}\n\n${method}`);
}

async function benchCheck(images: readonly BigImage[]): Promise<void> {
  const measured: (readonly [BigImage, MeasuredVerb])[] = [];
  for (const image of images) {
    console.error(`Check of ${image.name} …`);
    const measure = (times: number): Promise<MeasuredVerb> => measureVerb(cli, ['check'], image.path, times);
    measured.push([image, await measure(image.key === 'b' ? 1 : runs)]);
    for (const damage of image.key === 'a' ? damages : []) {
      console.error(`${damage.name} …`);
      const damaged = await whileDamaged(image.path, damage, () => measure(runs));
      measured.push([{ ...image, name: damage.name }, damaged]);
    }
  }
  const method =
    `As above; ${runs} runs, but one of (b), on which qemu-img takes minutes. ` +
    `${machine}, load ${loadavg()[0]?.toFixed(1)}, ${(await qemuImg(['--version'])).split('\n')[0]}.`;
  await tell('check bench', `${verbTable(measured)}\n\n${method}\n\n${await benchCheckMemory()}`);
}

async function benchCheckMemory(): Promise<string> {
  const path = await hugeImage();
  console.error('Check of 16 TiB …');
  const started = performance.now();
  const peak = await peakMemoryOf(cli, ['check', path]);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  return (
    `A whole check of a full disk of 16 TiB in clusters of 64 KiB (2.5 GiB of tables and refcounts; the data are holes) ` +
    `held ${(peak / 1e6).toFixed(0)} MB at most (VmHWM; goal: 1 GB), and took ${seconds} s.`
  );
}

async function benchChanges([image]: readonly BigImage[]): Promise<void> {
  const measured = await measureChanges(cli, image?.path ?? '', folder, Math.min(runs, 3));
  const method =
    `Median (min–max) of ${Math.min(runs, 3)} runs by turns, each on a fresh copy of image (a), of it as version 2, or with a snapshot; ` +
    'ours with its rollback journal, everything flushed; processes with their start. In-process: opened, locked, planned ' +
    'and applied in a process that has done so before. ' +
    `${machine}, load ${loadavg()[0]?.toFixed(1)}, ${(await qemuImg(['--version'])).split('\n')[0]}.`;
  await tell('changes bench', `${changesTable(measured)}\n\n${method}`);
}

async function benchMap(images: readonly BigImage[]): Promise<void> {
  const [image] = images;
  if (image === undefined) {
    throw new Error('There is no image to draw a map of');
  }
  console.error(`Map of ${image.name} …`);
  const host = await buildHost(folder);
  const measured = await measureMap(host, image.path, runs);
  const load = loadavg()[0]?.toFixed(1);
  const method =
    'Both maps of image (a) in headless Chromium with software rendering, by its own tracing. Behind the page is a ' +
    'process in place of the extension host, which passes its messages on to the worker thread and back: its tasks are ' +
    'timed around each message, its event loop by `monitorEventLoopDelay`, which also counts when others have the ' +
    `processor. ${runs} runs of 12 steps of the wheel from the whole to one cluster, 12 steps of panning there, and 11 ` +
    `back, on each map. ${machine}, load ${load}.`;
  const memory = await benchMemory(host);
  await tell('map bench', `${mapTable(measured)}\n\n${method}\n\n${memory}`);
}

async function benchMemory(host: string): Promise<string> {
  const path = await hugeImage();
  console.error('Memory of 16 TiB …');
  const method =
    'Clusters of 64 KiB, all but the last 4 GiB allocated, in the order of the guest: 2.5 GiB of tables and refcounts, the data are holes. Opened ' +
    'on its maps, all tables read, all references counted, both maps moved about in as above, and every pane shown. The ' +
    'worker: VmHWM of its process, less what that held before the thread was started; the page: objects and buffers of ' +
    `its script by \`Runtime.getHeapUsage\`, every 50 ms.`;
  return `${memoryTable(await measureMemory(host, path))}\n\n${method}`;
}

/** The image of 16 TiB, written when it is first asked for. */
async function hugeImage(): Promise<string> {
  const path = join(folder, 'huge.qcow2');
  if (!existsSync(path)) {
    console.error('Writing an image of 16 TiB …');
    await writeHugeImage(`${path}.draft`);
    await rename(`${path}.draft`, path);
  }
  return path;
}

async function tell(name: BenchPart, report: string): Promise<void> {
  console.log(`${report}\n`);
  if (values['update-readme']) {
    await writeReadme(name, report);
  }
}
