import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { snapshotId } from '../../src/engine/format/snapshots.ts';
import { type ByteSource, natureOf } from '../../src/engine/image/byteRuns.ts';
import { closeChain, openChain } from '../../src/engine/image/chain.ts';
import type { Image } from '../../src/engine/image/image.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { readSnapshots } from '../../src/engine/image/snapshotTable.ts';
import { noProgress, type Storage } from '../../src/engine/ports.ts';
import { openFile } from '../../src/platform/fileStorage.ts';
import { fileGate } from '../../src/platform/gate.ts';
import { ByteSources } from '../../src/worker/byteSources.ts';
import { create, follow, img, io, type Step } from '../support/imageRecipe.ts';
import { interopImages } from '../support/interopImages.ts';
import { runProgram } from '../support/qemu.ts';
import { everything, sampled } from '../support/sampled.ts';

/** Disks whose raw form is larger are left out: qemu-img would write for minutes. */
const mostBytes = 2n ** 31n;
/** An odd number of bytes, so that pages begin and end anywhere in clusters. */
const pageBytes = 100_003n;

/** The ranges in which a space has anything but zeros, as far as that is known without reading. */
async function stored(source: ByteSource): Promise<{ from: bigint; to: bigint }[]> {
  const ranges: { from: bigint; to: bigint }[] = [];
  for (let at = 0n; at < source.size; ) {
    for (const { from, to, nature } of await source.stretches(at, source.size, noProgress)) {
      at = to;
      if (nature === 'stored') {
        ranges.push({ from, to });
      }
    }
  }
  return ranges;
}

/** Compares our bytes with those of the raw file where either has any; returns how many were compared. */
async function compare(ours: ByteSource, raw: Storage, name: string): Promise<bigint> {
  // Of a snapshot, qemu-img takes the size that the disk has now.
  const size = raw.size < ours.size ? raw.size : ours.size;
  assert(name.includes('snapshot.id') || (raw.size + 511n) / 512n === (ours.size + 511n) / 512n, `${name}: size`);
  const theirs = [...(raw.extents?.(0n, raw.size) ?? [])]
    .filter(({ data }) => data)
    .map(({ offset, length }) => ({ from: offset, to: offset + length }));
  let compared = 0n;
  for (const { from, to } of [...theirs, ...(await stored(ours))]) {
    const end = to < size ? to : size;
    for (let at = from; at < end; at += pageBytes) {
      const length = Number(end - at < pageBytes ? end - at : pageBytes);
      const page = new Uint8Array(length);
      const wanted = new Uint8Array(length);
      const runs = await ours.read(at, page);
      await raw.read(at, wanted);
      assert.equal(runs[0]?.from, 0);
      assert.equal(runs.at(-1)?.to, length);
      for (const { from: start, to: stop, kind, why } of runs) {
        assert.notEqual(natureOf(kind), 'unknown', `${name} at ${at + BigInt(start)}: ${kind} ${why}`);
        const same = Buffer.from(page.subarray(start, stop)).equals(wanted.subarray(start, stop));
        assert(same, `${name}: other bytes in ${at + BigInt(start)}+${stop - start}, ${kind}`);
      }
      compared += BigInt(length);
    }
  }
  return compared;
}

describe('the guest’s bytes are those that qemu-img reads', function () {
  this.timeout(600_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-bytes-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  /** Converts and compares; undefined where qemu-img can't convert. */
  async function check(path: string, name: string, where: string, options: readonly string[] = []) {
    const raw = join(folder, 'disk.raw');
    const source = options.includes('--image-opts') ? undefined : path;
    if (source === undefined) {
      return undefined;
    }
    const { code } = await runProgram(
      'qemu-img',
      ['convert', '-f', 'qcow2', '-O', 'raw', ...options, source, raw],
      where,
    );
    if (code !== 0) {
      return undefined;
    }
    const [storage, converted] = await Promise.all([openFile(resolve(where, path)), openFile(raw)]);
    const image = await openImage(storage);
    const chain = await openChain(image, resolve(where, path), fileGate, { probe: true, dataFiles: true });
    try {
      const sources = new ByteSources(image, async () => chain.layers);
      return await compare(
        await sources.source({ space: 'guest', ...(await snapshotOf(image, options)) }),
        converted,
        name,
      );
    } finally {
      await closeChain(chain);
      await Promise.all([storage.close(), converted.close(), rm(raw)]);
    }
  }

  async function snapshotOf(image: Image, options: readonly string[]): Promise<{ snapshot?: number }> {
    const at = options.indexOf('-l');
    const wanted = at < 0 || !image.header ? undefined : options[at + 1];
    const entries = wanted === undefined || !image.header ? [] : await readSnapshots(image.storage, image.header);
    const found = entries.find((entry) => `snapshot.id=${snapshotId(entry)}` === wanted);
    return found ? { snapshot: found.index } : {};
  }

  it('in every image that qemu-img made, with the files it is based on, and in each of its snapshots', async () => {
    const compared: string[] = [];
    for (const { name, path, folder: where, options } of sampled(await interopImages(), 36, everything, 3)) {
      const storage = await openFile(resolve(where, path));
      const image = await openImage(storage);
      const snapshots = image.header ? await readSnapshots(storage, image.header) : [];
      const plain = image.header?.crypt_method === 0 && (image.header.size ?? 0n) <= mostBytes;
      await storage.close();
      if (!plain || options.length > 0) {
        continue;
      }
      for (const layer of [[], ...snapshots.map((entry) => ['-l', `snapshot.id=${snapshotId(entry)}`])]) {
        const bytes = await check(path, `${name} ${layer.join(' ')}`, where, layer);
        if (bytes !== undefined) {
          compared.push(name);
        }
      }
    }
    const least = everything ? 60 : 20;
    assert(compared.length >= least, `only ${compared.length} disks compared: ${compared.join(', ')}`);
  });

  for (const [name, options] of [
    ['zlib', 'compression_type=zlib'],
    ['zstd', 'compression_type=zstd'],
    ['zlib with subclusters', 'compression_type=zlib,extended_l2=on'],
    ['zstd in clusters of 2 MiB', 'compression_type=zstd,cluster_size=2M'],
    ['zlib in clusters of 512 bytes', 'cluster_size=512'],
  ] as const) {
    it(`of compressed clusters: ${name}`, async () => {
      const steps: Step[] = [
        img('create', '-q', '-f', 'raw', 'text.raw', '8M'),
        { run: 'mkfs.ext4', args: ['-q', '-F', 'text.raw'] },
        img('convert', '-q', '-c', '-f', 'raw', '-O', 'qcow2', '-o', options, 'text.raw', 'compressed.qcow2'),
      ];
      await follow({ name: 'compressed', steps }, folder);
      const bytes = await check('compressed.qcow2', name, folder);
      assert(bytes !== undefined && bytes > 0n);
    });
  }

  it('of subclusters, each for itself', async () => {
    const steps = [
      create('sub.qcow2', '4M', 'extended_l2=on'),
      io(
        'sub.qcow2',
        'write -P 1 0 2k',
        'write -P 2 6k 3k',
        'write -z 10k 4k',
        'write -P 3 65k 1k',
        'discard 6k 2k',
        'write -P 7 1M 130k',
      ),
    ];
    await follow({ name: 'sub', steps }, folder);
    const bytes = await check('sub.qcow2', 'subclusters', folder);
    assert(bytes !== undefined && bytes > 0n);
  });
});
