import assert from 'node:assert/strict';
import {
  type StatusLayer,
  type StatusOptions,
  statusFlags,
  walkBlockStatus,
} from '../../../src/engine/image/blockStatus.ts';
import { Holes } from '../../../src/engine/image/holes.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import type { Storage } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder, zero } from '../../support/builder.ts';
import { MemoryStorage } from '../../support/memoryStorage.ts';

const cluster = 65536;

/** The ranges of a chain: start, length, flags by name, depth, host offset where there is one. */
async function statusOf(
  layers: readonly StatusLayer[],
  from = 0,
  to = layers[0]?.size ?? 0,
  options: StatusOptions = {},
): Promise<string[]> {
  const ranges: string[] = [];
  const failure = await walkBlockStatus(
    layers,
    from,
    to,
    (start, length, flags, depth, host) => {
      const names = Object.entries(statusFlags).flatMap(([name, flag]) => ((flags & flag) !== 0 ? [name] : []));
      const place = (flags & statusFlags.offset) !== 0 ? ` at ${host}` : '';
      ranges.push(`${start}+${length} depth ${depth}: ${names.join(' ') || 'nothing'}${place}`);
      return true;
    },
    options,
  );
  return failure ? [...ranges, `failed at ${failure.at} depth ${failure.depth}`] : ranges;
}

/** A disk of four clusters: data, nothing, zeros, nothing. */
async function topLayer(more: Partial<StatusLayer> = {}): Promise<StatusLayer> {
  const builder = new ImageBuilder({ size: 4 * cluster });
  builder
    .l1(0, copied | builder.at(4))
    .entry(4, 0, copied | builder.at(5))
    .entry(4, 2, zero);
  const data = builder.put(builder.at(5), 'data').truncate(builder.at(6)).toStorage();
  return { size: 4 * cluster, image: await openImage(data), data, backed: false, lookForHoles: false, ...more };
}

function rawLayer(size: number, dataAt: number): StatusLayer {
  const data = new MemoryStorage(BigInt(size));
  data.write(BigInt(dataAt), new Uint8Array(4096).fill(1));
  return { size, data, backed: false, lookForHoles: false };
}

/** The same file on a system that can't tell holes. */
function withoutHoles({ size, read, close }: Storage, from: Storage): Storage {
  return { size, read: read.bind(from), close: close.bind(from) };
}

describe('block status', () => {
  it('of an image alone: what is not allocated reads as zeros', async () => {
    assert.deepEqual(await statusOf([await topLayer()]), [
      `0+65536 depth 0: present data offset at ${5 * cluster}`,
      '65536+65536 depth 0: zero',
      '131072+65536 depth 0: present zero',
      '196608+65536 depth 0: zero',
    ]);
  });

  it('of a backing file that is not opened is not known', async () => {
    assert.deepEqual((await statusOf([await topLayer({ backed: true })])).slice(1), [
      '65536+65536 depth 0: nothing',
      '131072+65536 depth 0: present zero',
      '196608+65536 depth 0: nothing',
    ]);
  });

  it('of a backing file ends where that file does', async () => {
    const base = rawLayer(cluster + 8192, cluster + 4096);
    assert.deepEqual((await statusOf([await topLayer({ backed: true }), base])).slice(1), [
      '65536+4096 depth 1: present zero offset at 65536',
      '69632+4096 depth 1: present data offset at 69632',
      '73728+57344 depth 0: zero',
      '131072+65536 depth 0: present zero',
      '196608+65536 depth 0: zero',
    ]);
  });

  it('takes every byte for data where the system can not tell holes', async () => {
    const base = rawLayer(2 * cluster, cluster);
    const flat = { ...base, data: withoutHoles(base.data, base.data) };
    assert.deepEqual((await statusOf([await topLayer({ backed: true }), flat])).slice(1, 2), [
      '65536+65536 depth 1: present data offset at 65536',
    ]);
  });

  it('looks behind data for holes where metadata is preallocated', async () => {
    assert.deepEqual((await statusOf([await topLayer({ lookForHoles: true })])).slice(0, 2), [
      `0+4096 depth 0: present data offset at ${5 * cluster}`,
      `4096+61440 depth 0: present zero data offset at ${5 * cluster + 4096}`,
    ]);
  });

  it('starts and ends within a cluster', async () => {
    assert.deepEqual(await statusOf([await topLayer()], 1000, cluster + 1), [
      `1000+64536 depth 0: present data offset at ${5 * cluster + 1000}`,
      '65536+1 depth 0: zero',
    ]);
  });

  it('ends at an entry that is wrong', async () => {
    const builder = new ImageBuilder({ size: 4 * cluster });
    builder.l1(0, copied | builder.at(4)).entry(4, 1, copied | (builder.at(5) + 512n));
    const data = builder.truncate(builder.at(6)).toStorage();
    const layer = { size: 4 * cluster, image: await openImage(data), data, backed: false, lookForHoles: false };
    assert.deepEqual(await statusOf([layer]), ['0+65536 depth 0: zero', 'failed at 65536 depth 0']);
    assert.deepEqual(await statusOf([layer], 0, layer.size, { tolerant: true }), [
      '0+65536 depth 0: zero',
      '65536+65536 depth 0: failed',
      '131072+131072 depth 0: zero',
    ]);
  });
});

describe('holes of a file', () => {
  it('are asked for once a piece, in any order', () => {
    const file = new MemoryStorage(2n ** 31n);
    file.write(2n ** 30n + 4096n, new Uint8Array(4096).fill(1));
    let asked = 0;
    const counted: Storage = {
      ...withoutHoles(file, file),
      extents: (from, to) => {
        asked += 1;
        return file.extents(from, to);
      },
    };
    const holes = new Holes(counted);
    const found = [2 ** 30 + 5000, 2 ** 30, 2 ** 30 + 8192, 2 ** 30 + 4096, 2 ** 31].map((at) => {
      holes.find(at);
      return [holes.hole, holes.end];
    });
    assert.deepEqual(found, [
      [false, 2 ** 30 + 8192],
      [true, 2 ** 30 + 4096],
      [true, 2 ** 31],
      [false, 2 ** 30 + 8192],
      [true, Number.POSITIVE_INFINITY],
    ]);
    assert.equal(asked, 1);
  });
});
