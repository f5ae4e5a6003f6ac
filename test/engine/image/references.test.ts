import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { ownerNames } from '../../../src/engine/image/reference.ts';
import { walkReferences } from '../../../src/engine/image/references.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { compressed, copied, ImageBuilder } from '../../support/builder.ts';

/** The clusters that L2 entries refer to, as `data 5`. */
async function referenced(image: ImageBuilder): Promise<string[]> {
  const found: string[] = [];
  const reference = (owner: number, _source: number, _index: number, cluster: number): void => {
    if (ownerNames[owner]?.includes('data')) {
      found.push(`${ownerNames[owner]} ${cluster}`);
    }
  };
  await walkReferences(await openImage(image.toStorage()), { reference }, noProgress);
  return found;
}

describe('the references of L2 entries', () => {
  it('are those of data and compressed clusters', async () => {
    const image = new ImageBuilder({ size: 1 << 20 });
    image
      .l1(0, copied | image.at(4))
      .entry(4, 0, copied | image.at(5))
      .entry(4, 1, compressed | image.at(6));
    assert.deepEqual(await referenced(image), ['data 5', 'compressed data 6']);
  });

  it('are not those of compressed clusters with an external data file: a check counts no cluster for them', async () => {
    const image = new ImageBuilder({ size: 1 << 20, incompatible_features: 0x4 });
    image.l1(0, copied | image.at(4)).entry(4, 1, compressed | image.at(6));
    assert.deepEqual(await referenced(image), []);
  });

  it('are not those of compressed clusters with subcluster bits, which a check calls an error', async () => {
    const image = new ImageBuilder({ size: 1 << 20, incompatible_features: 0x10 });
    image.l1(0, copied | image.at(4));
    image.entry(4, 1, compressed | image.at(6), 0n).entry(4, 2, compressed | image.at(7), 1n);
    image.entry(4, 3, compressed | image.at(8), 1n << 32n);
    assert.deepEqual(await referenced(image), ['compressed data 6']);
  });
});
