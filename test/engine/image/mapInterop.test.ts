import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { walkExtents } from '../../../src/engine/image/extents.ts';
import { hostOffset } from '../../../src/engine/image/geometry.ts';
import { type ExtentKind, extentKinds } from '../../../src/engine/image/kinds.ts';
import { guestRange } from '../../../src/engine/image/layer.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { scan } from '../../../src/engine/image/scan.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { openFile } from '../../../src/platform/fileStorage.ts';
import { qemuImg, runProgram } from '../../support/qemu.ts';

/** A row of `qemu-img map --output=json`, as far as an image without backing file has it. */
interface MapRow {
  readonly start: number;
  readonly length: number;
  readonly present: boolean;
  readonly zero: boolean;
  readonly data: boolean;
  readonly offset?: number;
}

const { normal, compressed, zeroPlain, zeroAllocated } = extentKinds;

function row(kind: ExtentKind, start: number, length: number, offset: number): MapRow {
  const data = kind === normal || kind === compressed;
  const present = data || kind === zeroPlain || kind === zeroAllocated;
  const placed = kind === normal || kind === zeroAllocated || kind === extentKinds.unallocatedAllocated;
  return { start, length, present, zero: !data, data, ...(placed ? { offset } : {}) };
}

/** The extents as qemu-img map would show them: it joins rows that differ in nothing it shows. */
async function ourMap(path: string): Promise<MapRow[]> {
  const storage = await openFile(path);
  try {
    const image = await openImage(storage);
    const { layer } = image;
    assert(layer);
    const rows: MapRow[] = [];
    await walkExtents(
      image,
      layer,
      { from: 0, to: layer.clusters },
      (kind, start, count, cluster, byte) => {
        const { offset, length } = guestRange(layer, start, count);
        const next = row(kind, Number(offset), Number(length), Number(hostOffset(layer.geometry, cluster, byte)));
        const last = rows.at(-1);
        if (last && joins(last, next)) {
          rows[rows.length - 1] = { ...last, length: last.length + next.length };
        } else {
          rows.push(next);
        }
        return true;
      },
      noProgress,
    );
    assert.deepEqual((await scan(image, noProgress)).findings, []);
    return rows;
  } finally {
    await storage.close();
  }
}

function joins(a: MapRow, b: MapRow): boolean {
  const adjacent = a.offset === undefined ? b.offset === undefined : b.offset === a.offset + a.length;
  return adjacent && a.present === b.present && a.zero === b.zero && a.data === b.data;
}

async function qemuMap(path: string): Promise<MapRow[]> {
  const rows: (MapRow & { depth?: number })[] = JSON.parse(await qemuImg(['map', '--output=json', path]));
  return rows.map(({ depth: _depth, ...rest }) => rest);
}

describe('extents against qemu-img map', function () {
  this.timeout(60_000);
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qcow2-extents-'));
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  const images: readonly (readonly [string, string, string, readonly string[]])[] = [
    [
      'clusters of 64 KiB',
      '16M',
      '',
      ['write -P 1 1M 192k', 'write -z 4M 128k', 'write -P 2 512k 64k', 'write -c -P 3 8M 192k'],
    ],
    [
      'clusters of 512 bytes',
      '1000k',
      'cluster_size=512',
      ['write -P 1 3k 90k', 'write -P 1 500k 1k', 'write -z 100k 2k', 'write -c -P 3 700k 512'],
    ],
    [
      'clusters of 2 MiB',
      '33M',
      'cluster_size=2M',
      ['write -P 1 32M 1M', 'write -z 6M 4M', 'write -P 1 0 10M', 'write -zu 2M 2M'],
    ],
    ['version 2', '16M', 'compat=0.10', ['write -P 1 1M 192k', 'write -c -P 3 8M 192k', 'discard 1M 64k']],
    [
      'subclusters',
      '16M',
      'extended_l2=on',
      [
        'write -P 1 1M 3k',
        'write -z 1028k 8k',
        'write -P 2 2M 130k',
        'write -z 2112k 2k',
        'write -z 4M 256k',
        'write -c -P 3 8M 128k',
        'discard 2M 4k',
      ],
    ],
    [
      'subclusters of 512 bytes',
      '4M',
      'extended_l2=on,cluster_size=16k',
      ['write -P 1 1k 512', 'write -z 64k 5k', 'write -P 2 100k 40k', 'discard 104k 8k'],
    ],
    ['an end within a cluster', '1025k', '', ['write -P 1 960k 65k', 'write -P 1 0 64k']],
  ];
  for (const [index, [what, size, options, commands]] of images.entries()) {
    it(`${what}`, async () => {
      const path = join(folder, `${index}.qcow2`);
      await qemuImg(['create', '-q', '-f', 'qcow2', ...(options === '' ? [] : ['-o', options]), path, size]);
      const { stdout, code } = await runProgram('qemu-io', [
        '-f',
        'qcow2',
        ...commands.flatMap((c) => ['-c', c]),
        path,
      ]);
      assert.equal(code, 0, stdout);
      assert.deepEqual(await ourMap(path), await qemuMap(path));
    });
  }
});
