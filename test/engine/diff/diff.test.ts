import assert from 'node:assert/strict';
import { diff } from '../../../src/engine/diff/diff.ts';
import type { Difference, DifferenceSection } from '../../../src/engine/diff/difference.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { noProgress, type Storage } from '../../../src/engine/ports.ts';
import { brokenImages, small, withBitmap, withSnapshot } from '../../support/brokenImages.ts';
import { compressed, copied, ImageBuilder, zero } from '../../support/builder.ts';
import { MemoryStorage } from '../../support/memoryStorage.ts';
import { shuffledImage } from '../../support/shuffledImage.ts';

async function differences(a: Storage, b: Storage): Promise<Difference[]> {
  const found: Difference[] = [];
  const { differences: count } = await diff(
    await openImage(a),
    await openImage(b),
    (one) => found.push(one),
    noProgress,
  );
  assert.equal(count, found.length);
  return found;
}

/** The differences of a section between two images, as lines. */
async function lines(a: ImageBuilder, b: ImageBuilder, section: DifferenceSection): Promise<string[]> {
  const found = await differences(a.toStorage(), b.toStorage());
  return found.filter((one) => one.section === section).map(lineOf);
}

function lineOf({ place, guest, host, a, b }: Difference): string {
  const range = guest ?? host;
  return `${place}${range ? ` ${range.start}+${range.length}` : ''}: ${a?.text ?? '-'} | ${b?.text ?? '-'}`;
}

describe('A comparison of two images', () => {
  it('finds nothing between an image and itself, whatever is wrong with it', async () => {
    for (const { name, build } of brokenImages.filter((_, index) => index % 4 === 0)) {
      const storage = build().toStorage();
      assert.deepEqual(await differences(storage, storage.clone()), [], name);
    }
  });

  it('does not look at data', async () => {
    const other = small();
    assert.deepEqual(await differences(small().toStorage(), other.put(other.at(5), 'other data').toStorage()), []);
  });

  it('tells of header fields, and of those that one version has not got', async () => {
    const found = await lines(new ImageBuilder({ version: 2 }), new ImageBuilder({ size: 2 << 20 }), 'header');
    assert.match(found.find((line) => line.startsWith('size: ')) ?? '', /1 MiB.*\| .*2 MiB/);
    assert.match(found.find((line) => line.startsWith('refcount_order: ')) ?? '', /^refcount_order: - \| 4/);
  });

  it('tells of feature bits by name, and of extensions', async () => {
    const [a, b] = [new ImageBuilder(), new ImageBuilder({ compatible_features: 1 }).extension(0x12345678, 'mine')];
    assert.deepEqual(await lines(a, b, 'features'), ['compatible bit 0 (lazy refcounts): not set | set']);
    assert.deepEqual(await lines(a, b, 'extensions'), ['0x12345678: - | 6d696e65']);
  });

  it('tells of L2 entries as runs of guest ranges, with what each is and where', async () => {
    const [a, b] = [small(), small()];
    a.entry(4, 1, copied | a.at(6))
      .entry(4, 2, copied | a.at(7))
      .entry(4, 3, zero);
    b.entry(4, 1, copied | b.at(8))
      .entry(4, 2, copied | b.at(9))
      .entry(4, 4, compressed | (b.at(6) + 512n));
    assert.deepEqual(await lines(a, b, 'l2'), [
      'guest 65536+131072: data at 0x60000, copied | data at 0x80000, copied',
      'guest 196608+65536: zero | unallocated',
      'guest 262144+65536: unallocated | compressed at 0x60200',
    ]);
  });

  it('tells of a COPIED bit, and of an L1 entry that leads elsewhere', async () => {
    const [a, b] = [small(), small()];
    b.l1(0, copied | b.at(6))
      .entry(6, 0, b.at(5))
      .refcount(6, 1);
    assert.deepEqual(await lines(a, b, 'l2'), ['guest 0+65536: data at 0x50000, copied | data at 0x50000']);
    assert.deepEqual(await lines(a, b, 'l1'), ['L1[0]: 0x8000000000040000 | 0x8000000000060000']);
  });

  it('tells of snapshots that only one has, and of what differs between those that both have', async () => {
    const changed = withSnapshot();
    changed.put(changed.at(6) + 57n, 'maps').l1(0, changed.at(4));
    assert.deepEqual(await lines(withSnapshot(), changed, 'snapshots'), ['snapshot 1: name: snap | maps']);
    assert.deepEqual(await lines(withSnapshot(), small(), 'snapshots'), ['snapshot 1: snap | -']);
  });

  it('tells of the tables of a snapshot', async () => {
    const b = withSnapshot();
    b.put64(b.at(7), 0);
    assert.deepEqual(await lines(withSnapshot(), b, 'l2'), [
      'snapshot 1: guest 0+65536: data at 0x50000 | unallocated',
    ]);
  });

  it('tells of bitmaps and of the entries of their tables', async () => {
    const b = withBitmap();
    b.put64(b.get64(b.at(6)), 1);
    assert.deepEqual(await lines(withBitmap(), b, 'bitmaps'), [
      'bitmap b0: table[0]: 0x0000000000000000 | 0x0000000000000001',
    ]);
    assert.match((await lines(withBitmap(), small(), 'bitmaps'))[0] ?? '', /^bitmap b0: b0 \| -$/);
  });

  it('tells of refcounts as runs of clusters, and of how many clusters have each', async () => {
    const b = small().refcount(5, 2).refcount(7, 3).refcount(8, 3);
    assert.deepEqual(await lines(small(), b, 'refcounts'), [
      'clusters 327680+65536: 1 | 2',
      'clusters 458752+131072: 0 | 3',
    ]);
    assert.deepEqual(await lines(small(), b, 'refcount-counts'), [
      'refcount 1: 6 clusters | 5 clusters',
      'refcount 2: 0 clusters | 1 clusters',
      'refcount 3: 0 clusters | 2 clusters',
    ]);
  });

  it('counts refcounts of another width by their values', async () => {
    const wide = new ImageBuilder({ refcount_order: 6 });
    assert.deepEqual(await lines(new ImageBuilder(), wide, 'refcount-counts'), []);
    assert.deepEqual(await lines(new ImageBuilder(), wide.refcount(3, 2), 'refcount-counts'), [
      'refcount 1: 4 clusters | 3 clusters',
      'refcount 2: 0 clusters | 1 clusters',
    ]);
  });

  it('tells of findings and of what a check counts', async () => {
    const b = small().refcount(5, 2);
    b.entry(4, 1, copied | (b.at(5) + 512n));
    const found = await lines(small(), b, 'findings');
    assert.ok(
      found.some((line) => line.startsWith('L1[0] -> L2[1] [')),
      found.join('\n'),
    );
    assert.ok(
      found.some((line) => line.startsWith('corruptions of a check: 0 | ')),
      found.join('\n'),
    );
  });

  it('says that tables of other cluster sizes are not compared', async () => {
    const [a, b] = [
      await openImage(small().toStorage()),
      await openImage(new ImageBuilder({ cluster_bits: 12 }).toStorage()),
    ];
    const { tablesCompared, differences: count } = await diff(a, b, () => undefined, noProgress);
    assert.equal(tablesCompared, false);
    assert.ok(count > 0);
  });

  it('tells of one entry among those of a disk of 16 GiB in shuffled order', async () => {
    const { metadata, clusters } = shuffledImage(2 ** 34, 1);
    const file = new MemoryStorage(BigInt(clusters * 65536));
    file.write(0n, metadata);
    const other = file.clone();
    const { layer } = await openImage(file);
    const table = layer?.l1.view.getBigUint64(8) ?? 0n;
    other.write((table & 0x00ff_ffff_ffff_fe00n) + 8n, new Uint8Array(8));
    const found = (await differences(file, other)).filter(({ section }) => section === 'l2');
    assert.deepEqual(
      found.map(({ guest, b }) => [guest, b?.values.kind]),
      [[{ start: 8193n * 65536n, length: 65536n }, 'unallocated']],
    );
  });
});
