import assert from 'node:assert/strict';
import { random } from '../support/random.ts';
import { baseFiles, loadBase } from './base.ts';
import { metadataPlaces } from './metadata.ts';
import { mutate } from './mutation.ts';

describe('mutations', function () {
  this.timeout(120_000);

  it('find the tables of every base image', async () => {
    const names = new Set<string>();
    for (const base of await baseFiles()) {
      for (const { name } of metadataPlaces(await loadBase(base))) {
        names.add(name);
      }
    }
    const tables = ['L1 table', 'L1 table of a snapshot', 'L2 table', 'refcount block', 'refcount table'];
    const others = ['LUKS header', 'bitmap directory', 'bitmap table', 'first bytes', 'snapshot table'];
    assert.deepEqual([...names].sort(), [...tables, ...others].sort());
  });

  it('are the same for the same seed, and differ between seeds', async () => {
    const base = await loadBase({ name: 'small' });
    const places = metadataPlaces(base);
    const run = (seed: number): string => {
      const storage = base.clone();
      const changes = mutate(storage, places, random(seed));
      return `${changes.join()} ${storage.size} ${Buffer.from(storage.slice(0n, 1 << 16)).toString('latin1')}`;
    };
    assert.equal(run(1), run(1));
    assert.equal(new Set([1, 2, 3, 4, 5, 6, 7, 8].map(run)).size, 8);
  });
});
