import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { type AmendCase, amendCases, contents } from './amendCases.ts';
import { amendFile } from './amendFile.ts';
import { difference } from './sameFile.ts';

describe('an image that is amended is as qemu-img leaves it', function () {
  this.timeout(120_000);
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qcow2-amend-'));
    await qemuImg(['create', '-q', '-f', 'raw', 'base.raw', '64M'], folder);
    await runProgram('qemu-io', ['-f', 'raw', '-c', 'write -P 9 0 64M', 'base.raw'], folder);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const one of sampled(amendCases(), 10)) {
    const { clusterSize, create, content, amend } = one;
    it(`clusters of ${clusterSize}, ${create || 'compat 1.1'}, ${content}: ${amend}`, async () => {
      const [ours, theirs] = [join(folder, 'ours'), join(folder, 'theirs')];
      await make(one, ours, folder);
      copyFileSync(ours, theirs);
      const before = await layersOf(ours, 'before');
      await amendFile(ours, amend);
      await qemuImg(['check', '-q', ours]);
      assert.deepEqual(await layersOf(ours, 'after'), before);
      if (isSlow(one)) {
        return;
      }
      await qemuImg(['amend', '-o', amend, theirs]);
      assert.deepEqual(await json('info', ours), await json('info', theirs));
      assert.deepEqual(await mapOf(ours), await mapOf(theirs));
      assert.deepEqual(headerOf(ours), headerOf(theirs));
    });
  }

  /** The guest's bytes of all layers, as paths of raw files, which are the same as those before. */
  async function layersOf(image: string, when: 'before' | 'after'): Promise<string[]> {
    const { snapshots = [] } = (await json('info', image)) as { snapshots?: { name: string }[] };
    const names = ['disk', ...snapshots.map(({ name }) => name)];
    for (const name of names) {
      const layer = name === 'disk' ? [] : ['-l', `snapshot.name=${name}`];
      const raw = join(folder, `${when}-${name}`);
      await qemuImg(['convert', '-f', 'qcow2', '-O', 'raw', ...layer, image, raw]);
      if (when === 'after') {
        assert.equal(await difference(raw, join(folder, `before-${name}`)), undefined, name);
      }
    }
    return names;
  }
});

async function make({ clusterSize, create, content }: AmendCase, image: string, folder: string): Promise<void> {
  rmSync(image, { force: true });
  const options = [`cluster_size=${clusterSize}`, ...(create === '' || create === 'backing' ? [] : [create])].join(',');
  const backing = create === 'backing' ? ['-b', join(folder, 'base.raw'), '-F', 'raw'] : [];
  const bytes = bytesOf(clusterSize);
  await qemuImg(['create', '-q', '-f', 'qcow2', '-o', options, ...backing, image, String(bytes * 31 + 512)]);
  for (const step of contents[content]) {
    const command = step
      .replaceAll(/\b(\d+)C\b/g, (_, count: string) => String(Number(count) * bytes))
      .replace('IMAGE', image);
    const { stdout, stderr, code } = command.startsWith('img ')
      ? await runProgram('qemu-img', command.slice(4).split(' '))
      : await runProgram('qemu-io', ['-f', 'qcow2', '-c', command, image]);
    assert.ok(code === 0 && !stdout.includes('failed'), `${command}: ${stdout}${stderr}`);
  }
}

/** qemu-img takes minutes for another width of refcounts where clusters are large: it looks at every refcount there could be. */
function isSlow({ clusterSize, amend }: AmendCase): boolean {
  return amend.includes('refcount_bits') && bytesOf(clusterSize) > 65536;
}

function bytesOf(size: string): number {
  return Number.parseInt(size, 10) * (size.endsWith('k') ? 1024 : size.endsWith('M') ? 2 ** 20 : 1);
}

async function json(verb: 'info' | 'map', image: string): Promise<unknown> {
  const said: unknown = JSON.parse(await qemuImg([verb, '--output=json', image]));
  if (Array.isArray(said)) {
    return said;
  }
  const { filename: _, 'actual-size': __, ...info } = said as Record<string, unknown>;
  return info;
}

/**
 * What lies where. Without host offsets, since new clusters lie at the end of the file, where QEMU takes the first free
 * ones; and without what the file system says of zeros: where QEMU writes them there is a hole.
 */
async function mapOf(image: string): Promise<unknown[]> {
  const entries = (await json('map', image)) as Record<string, unknown>[];
  const merged: { start: number; end: number; kind: string }[] = [];
  for (const { start, length, offset, zero, ...rest } of entries) {
    const kind = JSON.stringify({ ...rest, ...(offset === undefined ? { zero } : {}) });
    const last = merged.at(-1);
    if (last?.kind === kind) {
      last.end += Number(length);
    } else {
      merged.push({ start: Number(start), end: Number(start) + Number(length), kind });
    }
  }
  return merged;
}

/** The first cluster, without the places of the refcount table and the snapshot table. */
function headerOf(image: string): Buffer {
  const file = readFileSync(image);
  const cluster = file.subarray(0, 2 ** file.readUInt32BE(20));
  cluster.fill(0, 48, 60);
  cluster.fill(0, 64, 72);
  return cluster;
}
