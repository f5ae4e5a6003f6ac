import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFile } from '../../src/platform/fileStorage.ts';
import { runQcow2 } from '../support/command.ts';
import type { ProgramResult } from '../support/programs.ts';
import { qemuImg, runProgram } from '../support/qemu.ts';
import { sampled } from '../support/sampled.ts';
import { described } from './described.ts';
import { type ResizeCase, resizeCases } from './resizeCases.ts';

describe('qcow2 resize leaves what qemu-img resize leaves', function () {
  this.timeout(120_000);
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'qcow2-resize-'));
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  for (const [index, one] of sampled(resizeCases, 8).entries()) {
    it(one.name, async () => {
      const [ours, theirs] = await twoOf(one, join(root, String(index)));
      await requireSameEffect(one, ours, theirs);
      rmSync(join(root, String(index)), { recursive: true });
    });
  }
});

/** Makes an image, twice the same, each in a folder of its own. */
async function twoOf(one: ResizeCase, folder: string): Promise<readonly [string, string]> {
  const [made, ours, theirs] = [join(folder, 'made'), join(folder, 'ours'), join(folder, 'theirs')];
  mkdirSync(made, { recursive: true });
  if (one.backing !== undefined) {
    await qemuImg(['create', '-q', '-f', 'qcow2', 'base', one.backing], made);
    await succeed('qemu-io', ['-c', `write -P 7 0 ${one.backing}`, 'base'], made);
  }
  await qemuImg(
    [
      ...['create', '-q', '-f', 'qcow2'],
      ...(one.options === undefined ? [] : ['-o', one.options]),
      ...(one.backing === undefined ? [] : ['-b', 'base', '-F', 'qcow2']),
      ...['disk', one.size],
    ],
    made,
  );
  for (const step of one.steps ?? []) {
    await (step.startsWith('img ')
      ? qemuImg(step.slice(4).split(' '), made)
      : succeed('qemu-io', ['-f', 'qcow2', '-c', step, 'disk'], made));
  }
  for (const copy of [ours, theirs]) {
    await succeed('cp', ['-r', '--sparse=always', made, copy], folder);
  }
  return [ours, theirs];
}

async function succeed(program: string, args: readonly string[], folder: string): Promise<string> {
  const { code, stdout, stderr } = await runProgram(program, args, folder);
  assert.ok(code === 0 && !stdout.includes('failed'), `${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

async function requireSameEffect(one: ResizeCase, ours: string, theirs: string): Promise<void> {
  const args = ['resize', ...(one.how === undefined ? [] : [one.how]), 'disk', one.to];
  const mine = await runQcow2(args, ours);
  const qemus = await runProgram('qemu-img', args, theirs);
  assert.deepEqual(mine, qemus);
  assert.equal(mine.code, 0);
  assert.ok(!existsSync(join(ours, 'disk.undo-journal')), 'no journal is left');
  await requireSameImages(ours, theirs, one.mapDiffers);
}

/** What both folders have is the same to a guest, and to qemu-img, but for the places of clusters. */
async function requireSameImages(ours: string, theirs: string, mapDiffers?: string): Promise<void> {
  const both = (args: readonly string[]): Promise<[ProgramResult, ProgramResult]> =>
    Promise.all([runProgram('qemu-img', args, ours), runProgram('qemu-img', args, theirs)]);
  for (const check of await both(['check', '-f', 'qcow2', 'disk'])) {
    assert.deepEqual([check.code, check.stderr], [0, ''], check.stdout);
  }
  const [info, qemusInfo] = await both(['info', '--output=json', 'disk']);
  assert.deepEqual(withoutUse(info.stdout), withoutUse(qemusInfo.stdout));
  const [map, qemusMap] = await both(['map', '--output=json', 'disk']);
  if (mapDiffers === undefined) {
    assert.deepEqual(withoutPlaces(map.stdout), withoutPlaces(qemusMap.stdout));
  } else {
    assert.notDeepEqual(withoutPlaces(map.stdout), withoutPlaces(qemusMap.stdout), mapDiffers);
  }
  const compare = await runProgram('qemu-img', ['compare', 'disk', join(theirs, 'disk')], ours);
  assert.equal(compare.code, 0, compare.stdout);
  for (const snapshot of await snapshotNames(ours)) {
    const bytes = await Promise.all([snapshotBytes(ours, snapshot), snapshotBytes(theirs, snapshot)]);
    assert.ok(bytes[0]?.equals(bytes[1] ?? Buffer.alloc(0)), `snapshot ${snapshot}`);
  }
  const [my, qemus] = await Promise.all([described(ours), described(theirs)]);
  assert.deepEqual(my, qemus);
}

function withoutUse(json: string): object {
  const { 'actual-size': _, ...info } = JSON.parse(json) as Record<string, unknown>;
  return info;
}

/**
 * A map without the host offsets, where neighbours that differ in nothing else are one. Where there is data, `zero` tells
 * of holes in the file, if QEMU looks for them.
 */
function withoutPlaces(json: string): object[] {
  const joined: Record<string, unknown>[] = [];
  for (const { start, length, depth, present, data, zero } of JSON.parse(json) as Record<string, number>[]) {
    const kind = { depth, present, data, zero: data || zero };
    const last = joined.at(-1);
    if (last && JSON.stringify(last.kind) === JSON.stringify(kind)) {
      last.length = Number(last.length) + (length ?? 0);
    } else {
      joined.push({ start, length, kind });
    }
  }
  return joined;
}

async function snapshotNames(folder: string): Promise<string[]> {
  const { snapshots = [] } = JSON.parse(await qemuImg(['info', '--output=json', 'disk'], folder)) as {
    snapshots?: { name: string }[];
  };
  return snapshots.map(({ name }) => name);
}

async function snapshotBytes(folder: string, name: string): Promise<Buffer> {
  await qemuImg(['convert', '-l', name, '-O', 'raw', 'disk', 'snapshot.raw'], folder);
  const file = await openFile(join(folder, 'snapshot.raw'));
  try {
    const bytes = Buffer.alloc(Number(file.size));
    await file.read(0n, bytes);
    return bytes;
  } finally {
    await file.close();
  }
}
