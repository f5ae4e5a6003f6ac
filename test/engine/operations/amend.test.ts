import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { type AmendOptions, planAmend } from '../../../src/engine/operations/amend.ts';
import { planFeatureBits } from '../../../src/engine/operations/featureBits.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { applied, type Plan } from '../../crash/crashCase.ts';
import { judge } from '../../crash/judge.ts';
import { copied, ImageBuilder, zero } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';

const amend =
  (options: AmendOptions): Plan =>
  (image, storage, from) =>
    planAmend(image, storage, from, options, noProgress);

async function amended(image: ImageBuilder, plan: Plan): Promise<{ file: MemoryStorage; cautions: readonly string[] }> {
  const { after: file, change } = await applied({ name: '', before: image.toStorage(), plan });
  return { file, cautions: change.cautions };
}

/** An image with a zero cluster, unknown header fields, an unknown extension, and unknown compatible and autoclear bits. */
function strange(): ImageBuilder {
  const image = new ImageBuilder({
    header_length: 120,
    compatible_features: 1n << 40n,
    autoclear_features: 1n << 41n,
  }).put(112, 'unknown!');
  image.extension(0x12345678, 'mine');
  image.l1(0, copied | image.at(4)).entry(4, 3, copied | image.at(5) | zero);
  return image.refcount(4, 1).refcount(5, 1).truncate(image.at(6));
}

const kinds: readonly (readonly [string, Plan])[] = [
  ['nothing', amend({})],
  ['lazy refcounts', amend({ lazyRefcounts: true })],
  ['refcounts of 64 bits', amend({ refcountBits: 64n })],
  ['the corrupt bit', (image, storage, from) => planFeatureBits(image, storage, from, { corrupt: true })],
];

describe('an amend', () => {
  for (const [what, plan] of kinds) {
    it(`keeps what is not known and clears unknown autoclear bits: ${what}`, async () => {
      const { file } = await amended(strange(), plan);
      const { header, extensions } = await openImage(file);
      assert.equal(Buffer.from(header?.unknownFields ?? []).toString(), 'unknown!');
      assert.deepEqual(
        extensions.map(({ type, data }) => [type, Buffer.from(data).toString()]),
        [[0x12345678, 'mine']],
      );
      assert.equal((header?.compatible_features ?? 0n) >> 40n, 1n);
      assert.equal(header?.autoclear_features, 0n);
      assert.deepEqual((await judge(file)).errors, []);
    });
  }

  it('says that unknown compatible bits are lost by a downgrade', async () => {
    const { file, cautions } = await amended(
      new ImageBuilder({ compatible_features: 1n << 40n }).extension(0x12345678, 'mine'),
      amend({ compat: '0.10' }),
    );
    assert.match(cautions.join(), /bit 40, which is not known, is lost/);
    assert.deepEqual(
      (await openImage(file)).extensions.map(({ type }) => type),
      [0x12345678],
    );
  });

  it('refuses a compatibility level that there is not, in the words of the engine', async () => {
    await assert.rejects(amended(new ImageBuilder(), amend({ compat: '0.9' })), /Invalid compatibility level: '0.9'/);
  });

  it('gives the snapshots of compat 0.10 the extra data that 1.1 requires', async () => {
    const image = new ImageBuilder({ version: 2, nb_snapshots: 1, snapshots_offset: 4 * 65536 });
    image
      .put64(image.at(4), image.at(5))
      .put32(image.at(4) + 8n, 1)
      .put16(image.at(4) + 12n, 1);
    image.put16(image.at(4) + 14n, 1).put(image.at(4) + 40n, '1s');
    image.refcount(4, 1).refcount(5, 1).truncate(image.at(6));
    const { file } = await amended(image, amend({ compat: '1.1' }));
    const verdict = await judge(file);
    assert.deepEqual([verdict.errors, [...verdict.snapshots.keys()]], [[], ['1 s']]);
  });

  for (const options of [{ compat: '0.10' }, { refcountBits: 32n }] as const) {
    it(`leaves the guest’s bytes where refcounts were zeroed: ${Object.keys(options)[0]}`, async () => {
      const image = new ImageBuilder();
      image
        .l1(0, copied | image.at(4))
        .entry(4, 0, copied | image.at(5))
        .entry(4, 1, zero);
      image.put(image.at(5), 'guest data').truncate(image.at(6));
      for (let cluster = 0; cluster < 6; cluster++) {
        image.refcount(cluster, 0);
      }
      const before = await judge(image.toStorage());
      assert.equal((await judge((await amended(image, amend(options))).file)).guest, before.guest);
    });
  }

  it('refuses to take lazy refcounts from an image that was not closed', async () => {
    const image = new ImageBuilder({ incompatible_features: 1n, compatible_features: 1n });
    await assert.rejects(amended(image, amend({ lazyRefcounts: false })), /dirty bit/);
  });

  it('does not downgrade an image that was not closed, and says so with all else that stands in the way', async () => {
    const image = new ImageBuilder({ incompatible_features: 1n, compatible_features: 1n, refcount_order: 3 });
    await assert.rejects(
      amended(image, amend({ compat: '0.10' })),
      /2 things stand in the way:\n- Refcounts have 8 bits.*\n- It was not closed properly \(dirty bit\), and compat 0\.10 has no such bit/,
    );
  });
});

describe('the dirty and the corrupt bit', () => {
  it('can be cleared, also of an image that nothing else may change', async () => {
    const image = new ImageBuilder({ incompatible_features: 3n });
    const { file, cautions } = await amended(image, (opened, storage, from) =>
      planFeatureBits(opened, storage, from, { dirty: false, corrupt: false }),
    );
    assert.equal((await openImage(file)).header?.incompatible_features, 0n);
    assert.equal(cautions.length, 2);
  });

  it('are none of compat 0.10', async () => {
    await assert.rejects(
      amended(new ImageBuilder({ version: 2 }), (image, storage, from) =>
        planFeatureBits(image, storage, from, { dirty: true }),
      ),
      /compat 0.10, which has no dirty bit/,
    );
  });
});
