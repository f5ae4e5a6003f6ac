import assert from 'node:assert/strict';
import { openImage } from '../../src/engine/image/open.ts';
import type { Gate, Storage } from '../../src/engine/ports.ts';
import type { ExtentPage } from '../../src/protocol/mapApi.ts';
import { Backing } from '../../src/worker/backing.ts';
import { FileAccess } from '../../src/worker/fileAccess.ts';
import { mapMethods } from '../../src/worker/mapMethods.ts';
import { copied, ImageBuilder, zero } from '../support/builder.ts';
import { context, kindsOf } from './mapCalls.ts';

const kib64 = 65536n;

/** A disk of 8 clusters: data, nothing, zeros, then nothing, on a disk of 5 and a half. */
function top(): Storage {
  const image = new ImageBuilder({ size: 8n * kib64 }).backing('base', 'qcow2');
  image
    .l1(0, copied | image.at(4))
    .entry(4, 0, copied | image.at(5))
    .entry(4, 2, zero);
  return image.truncate(image.at(6)).toStorage();
}

/** Data in clusters 1 and 3, zeros in 4. */
function base(): Storage {
  const image = new ImageBuilder({ size: 5n * kib64 + kib64 / 2n });
  image
    .l1(0, copied | image.at(4))
    .entry(4, 1, copied | image.at(5))
    .entry(4, 3, copied | image.at(6))
    .entry(4, 4, zero);
  // Not holes: these would be zeros.
  image.put(image.at(5), new Uint8Array(2 * 65536).fill(1));
  return image.truncate(image.at(7)).toStorage();
}

async function backed() {
  const gate: Gate = { open: async (name) => ({ path: `/folder/${name}`, identity: name, storage: base() }) };
  const access = new FileAccess({ path: '/folder/top', virtual: false, trusted: true }, gate, () => undefined);
  const image = await openImage(top());
  const backing = new Backing(image, access);
  return { backing, methods: mapMethods(image, backing) };
}

/** The rows in clusters. */
function rows({ rows: all }: ExtentPage): string[] {
  return all.map(({ start, length, kind }) => `${Number(start) / 65536}+${Number(length) / 65536} ${kind}`);
}

describe('the guest’s map of an image with a backing file', () => {
  it('calls what is not allocated backing, while the file is not open', async () => {
    const { methods } = await backed();
    const page = await methods.extents({ from: 0n, count: 100 }, context);
    assert.deepEqual(rows(page), ['0+1 data', '1+1 backing', '2+1 zero-plain', '3+5 backing']);
    const request = { space: 'guest', start: 0n, length: 8n * kib64, cells: 8 } as const;
    const { parts, cells } = await methods.picture(request, context);
    assert.deepEqual(kindsOf('guest', parts, cells), [
      'data',
      'backing',
      'zero-plain',
      ...Array.from({ length: 5 }, () => 'backing'),
    ]);
  });

  it('tells what the open file has there, in extents, pictures and counts', async () => {
    const { backing, methods } = await backed();
    await backing.open(false);
    const page = await methods.extents({ from: 0n, count: 100 }, context);
    const all = [
      '0+1 data',
      '1+1 backing-data',
      '2+1 zero-plain',
      '3+1 backing-data',
      '4+1.5 backing-zero',
      '5.5+2.5 backing-beyond-end',
    ];
    assert.deepEqual(rows(page), all);
    const { kinds } = await methods.counts({ space: 'guest', start: 0n, length: 8n * kib64 }, context);
    assert.equal(
      kinds.reduce((sum, { bytes }) => sum + bytes, 0n),
      8n * kib64,
    );
    assert.deepEqual(
      kinds.map(({ clusters }) => clusters),
      [1, 0, 0, 1, 0, 0, 0, 2, 1.5, 2.5],
    );
  });

  it('goes on with the extents where the page before has ended', async () => {
    const { backing, methods } = await backed();
    await backing.open(false);
    const found: string[] = [];
    let from: bigint | undefined = 0n;
    while (from !== undefined) {
      const page: ExtentPage = await methods.extents({ from, count: 1 }, context);
      found.push(...rows(page));
      from = page.next;
    }
    assert.deepEqual(found, rows(await methods.extents({ from: 0n, count: 100 }, context)));
  });
});
