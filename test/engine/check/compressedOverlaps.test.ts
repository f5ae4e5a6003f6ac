import assert from 'node:assert/strict';
import { findCompressedOverlaps } from '../../../src/engine/check/compressedOverlaps.ts';
import { diagnose } from '../../../src/engine/check/diagnose.ts';
import { FindingSet } from '../../../src/engine/check/findingSet.ts';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { compressed, copied, ImageBuilder } from '../../support/builder.ts';
import { oneSnapshot } from '../../support/oneSnapshot.ts';
import { permutation, random } from '../../support/random.ts';

const clusterSize = 65536n;
/** Where the number of additional sectors is in an entry. */
const sectorShift = 54n;

/** An image whose guest clusters from 0 on have compressed data at a byte of cluster 5, of so many additional sectors. */
function holding(...streams: readonly (readonly [byte: number, additional: number])[]): ImageBuilder {
  const image = new ImageBuilder();
  image
    .l1(0, copied | image.at(4))
    .refcount(4, 1)
    .refcount(5, streams.length)
    .truncate(image.at(6));
  for (const [index, [byte, additional]] of streams.entries()) {
    image.entry(4, index, compressed | (BigInt(additional) << sectorShift) | (image.at(5) + BigInt(byte)));
  }
  return image;
}

async function overlaps(image: ImageBuilder) {
  const diagnosis = await diagnose(await openImage(image.toStorage()), {}, noProgress);
  assert.deepEqual(
    diagnosis.groups.filter(({ code }) => code !== 'compressed-overlap'),
    [],
  );
  return { diagnosis, found: diagnosis.findings('compressed-overlap', 0, 99) };
}

/** The guest clusters of findings. */
async function clusters(image: ImageBuilder): Promise<readonly bigint[]> {
  return (await overlaps(image)).found.map(({ guest }) => (guest?.offset ?? -1n) / clusterSize);
}

describe('Compressed data', () => {
  it('may begin in the last sector of what is before it, and any number may be in one sector', async () => {
    assert.deepEqual(await clusters(holding([0, 2], [1024, 0], [1025, 1], [1600, 0], [1700, 3])), []);
  });

  it('is told of that begins before the last sector of other data: both guest clusters are hurt', async () => {
    const { diagnosis, found } = await overlaps(holding([100, 2], [1023, 1]));
    const [one] = found;
    assert.ok(one);
    assert.equal(found.length, 1);
    assert.deepEqual(
      [one.chain, one.host, one.guest],
      [
        'L1[0] -> L2[1]',
        { offset: 5n * clusterSize + 1023n, length: 513n },
        { offset: clusterSize, length: clusterSize },
      ],
    );
    assert.match(explain(one).title, /of L1\[0\] -> L2\[1\], begins inside that at .*, of L1\[0\] -> L2\[0\],/);
    assert.deepEqual(
      diagnosis.impacts.map(({ kind, guest }) => [kind, guest]),
      [['wrong', { offset: 0n, length: 2n * clusterSize }]],
    );
    assert.equal(diagnosis.result?.corruptions, 0, 'qemu-img check counts none');
  });

  it('is told of once where it is inside data that began long before, with other data between', async () => {
    assert.deepEqual(await clusters(holding([0, 20], [512, 0], [9000, 2], [10_240, 0])), [1n, 2n]);
  });

  it('is told of that two guest clusters have in common, whatever its length', async () => {
    assert.deepEqual(await clusters(holding([700, 0], [10, 0], [700, 0])), [2n]);
  });

  it('is not told of that a snapshot has at the same place of the disk', async () => {
    const image = oneSnapshot()
      .refcount(11, 4)
      .truncate(12n * clusterSize);
    for (const [index, [byte, additional]] of [
      [0n, 2n],
      [1025n, 1n],
    ].entries()) {
      const entry = compressed | ((additional ?? 0n) << sectorShift) | (image.at(11) + (byte ?? 0n));
      image.entry(6, 3 + index, entry).entry(7, 3 + index, entry);
    }
    assert.deepEqual(await clusters(image), []);
  });

  it('is found in any order, with memory for a few of them only, each once', async () => {
    const count = 300;
    const order = permutation(count, random(3));
    // Every tenth reaches over those after it; one in fifty begins where the one before does.
    const streams = Array.from(order, (place): [number, number] => [
      place * 200 - (place % 50 === 49 ? 200 : 0),
      place % 10 === 0 ? 2 : 0,
    ]);
    const image = holding(...streams);
    const opened = await openImage(image.toStorage());
    assert.ok(opened.geometry);
    const all = new FindingSet();
    await findCompressedOverlaps(opened, opened.geometry, all, noProgress);
    const expected = all.findings('compressed-overlap', 0, 999);
    assert.ok(expected.length > 60);
    for (const most of [4, 7, 64]) {
      const few = new FindingSet();
      await findCompressedOverlaps(opened, opened.geometry, few, noProgress, most);
      assert.deepEqual(few.findings('compressed-overlap', 0, 999), expected, `${most} at once`);
    }
  });

  it('with one start for more guest clusters than memory holds is counted', async () => {
    const image = await openImage(holding(...Array.from({ length: 50 }, (): [number, number] => [100, 1])).toStorage());
    assert.ok(image.geometry);
    const set = new FindingSet();
    await findCompressedOverlaps(image, image.geometry, set, noProgress, 8);
    assert.equal(set.groups(true)[0]?.count, 49);
  });
});
