import assert from 'node:assert/strict';
import { compressed, copied, type HeaderValues, type ImageBuilder } from '../../support/builder.ts';
import type { MemoryStorage } from '../../support/memoryStorage.ts';
import { oneSnapshot } from '../../support/oneSnapshot.ts';
import { assertClean, cluster, guest, image, type Repaired, repaired } from '../../support/repairs.ts';

/** Guest clusters 0 to 2, one after the other from cluster 5 on, of which guest cluster 1 has an entry with a wrong bit. */
function flipped(bit: number, values: Partial<HeaderValues> = {}): ImageBuilder {
  const built = image(values).refcount(7, 1);
  return built
    .entry(4, 1, (copied | built.at(6)) ^ (1n << BigInt(bit)))
    .entry(4, 2, copied | built.at(7))
    .put(built.at(7), 'third')
    .truncate(built.at(8));
}

/** Asserts that guest cluster 1 has its data again, and that the repair says that it found it so. */
async function assertRejoined({ result, storage, change }: Repaired): Promise<void> {
  assert.equal(await guest(storage, 1), 'second');
  assertClean(result);
  assert.match(change?.cautions.join('\n') ?? '', /One bit was wrong .*guest 0x1_0000 leads to 0x6_0000/);
}

/** Asserts that guest cluster 1 reads as zeros, and that its data is kept. */
async function assertLost({ storage, keptLeaks }: Repaired): Promise<void> {
  assert.equal(await guest(storage, 1), '');
  assert.match(keptLeaks ?? '', /may be in the leaked clusters/);
  assert.equal(new TextDecoder().decode(storage.slice(6n * cluster, 6)), 'second');
}

/** The L2 entry of guest cluster 1. */
function secondEntry(storage: MemoryStorage): bigint {
  return new DataView(storage.slice(4n * cluster + 8n, 8).buffer).getBigUint64(0);
}

describe('A repair of an L2 entry with one wrong bit', () => {
  it('has it lead to its data again, where it led past the file', async () => {
    for (let bit = 20; bit < 56; bit++) {
      await assertRejoined(await repaired(flipped(bit)));
    }
  });

  it('does so where it led onto a table', async () => {
    // Cluster 6 without a bit is 4, the L2 table, or 2, the refcount block.
    await assertRejoined(await repaired(flipped(17)));
    await assertRejoined(await repaired(flipped(18)));
  });

  it('does so where it led to the data of its neighbour, since that and the next one lie beside the place', async () => {
    const after = await repaired(flipped(16));
    await assertRejoined(after);
    assert.equal(await guest(after.storage, 2, 5), 'third');
  });

  it('separates two that have one cluster where their neighbours do not tell whose it is', async () => {
    const built = flipped(16).entry(4, 0, 0n).refcount(5, 0);
    const { storage, keptLeaks } = await repaired(built);
    assert.equal(await guest(storage, 1, 5), 'third');
    assert.equal(await guest(storage, 2, 5), 'third');
    assert.match(keptLeaks ?? '', /may be in the leaked clusters/);
  });

  it('finds the data that a snapshot has too, by its entry for the same guest cluster', async () => {
    const built = oneSnapshot();
    built.put(built.at(8), 'shared').entry(7, 0, built.at(8) | (1n << 30n));
    const { storage, result } = await repaired(built);
    assert.equal(await guest(storage, 0), 'shared');
    assertClean(result);
  });

  it('takes the compressed flag away where the cluster holds more than one sector', async () => {
    const built = flipped(62);
    const after = await repaired(built.put(built.at(6) + 512n, 'and more'));
    await assertRejoined(after);
    assert.equal(secondEntry(after.storage), copied | (6n * cluster));
  });

  it('leaves an entry compressed where nothing is behind its sector', async () => {
    const { storage } = await repaired(flipped(62));
    assert.equal(secondEntry(storage), compressed | (6n * cluster));
  });

  it('leaves an entry compressed whose cluster others use too', async () => {
    const built = flipped(62).refcount(6, 2);
    built.put(built.at(6) + 512n, 'and more').entry(4, 3, compressed | (built.at(6) + 1024n));
    assert.equal(secondEntry((await repaired(built)).storage), compressed | (6n * cluster));
  });

  it('takes the compressed flag away where the subclusters are those of data', async () => {
    const built = image({ incompatible_features: 0x10 });
    built.entry(4, 1, copied | compressed | built.at(6), 0xffff_ffffn);
    const { storage, result } = await repaired(built);
    assert.equal(await guest(storage, 1), 'second');
    assertClean(result);
  });

  it('leads to no cluster that is free', async () => {
    const { storage } = await repaired(flipped(30).refcount(6, 0));
    assert.equal(await guest(storage, 1), '');
  });

  it('leads to no cluster that has more references to come', async () => {
    await assertLost(await repaired(flipped(30).refcount(6, 2)));
  });

  it('leads nowhere where two clusters fit', async () => {
    // 14 is a bit away from 6, and from 10.
    const built = flipped(19)
      .refcount(10, 1)
      .truncate(12n * cluster);
    await assertLost(await repaired(built));
  });

  it('leads nowhere where another entry of the sector is wrong too', async () => {
    const built = flipped(30);
    await assertLost(await repaired(built.entry(4, 8, copied | (3n << 40n))));
  });

  it('leads nowhere where the file was cut off there', async () => {
    const built = flipped(19);
    await assertLost(await repaired(built.refcount(14, 1)));
  });

  it('leads nowhere while the refcounts may be stale', async () => {
    const { storage } = await repaired(flipped(30, { incompatible_features: 1 }));
    assert.equal(await guest(storage, 1), '');
  });

  it('is chosen as the finding that it is', async () => {
    await assertRejoined(await repaired(flipped(30), { codes: ['data-past-end'] }));
    await assert.rejects(repaired(flipped(30), { codes: ['cluster-shared'] }), /nothing is repaired/);
  });
});
