import assert from 'node:assert/strict';
import { openImage } from '../../../src/engine/image/open.ts';
import { planRepair, type Repair } from '../../../src/engine/operations/repair/repair.ts';
import type { RepairSelection } from '../../../src/engine/operations/repair/selection.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { copied, ImageBuilder } from '../../support/builder.ts';
import { shapes } from '../../support/corpus/corpus.ts';
import { at, soundImage } from '../../support/corpus/sound.ts';

const leaksOnly: RepairSelection = { codes: ['cluster-leaked'] };

function image(
  harm: (image: ImageBuilder) => unknown,
  shape = shapes.find(({ clusterBits }) => clusterBits === 12),
): ImageBuilder {
  assert(shape);
  const built = soundImage(shape);
  harm(built);
  return built;
}

async function planned(built: ImageBuilder, selection: RepairSelection): Promise<Repair> {
  const storage = built.toStorage();
  const from = { identity: '', size: storage.size, modified: 0n, changed: 0n };
  return planRepair(await openImage(storage), storage, from, selection, noProgress);
}

describe('A repair of leaks alone', () => {
  it('writes nothing where what the header leads to is no refcount table, or a block lies on data', async () => {
    const text = 'What the guest has, over and over, is text.\n'.repeat(2000).slice(0, 4096);
    const harms = {
      'text over the table': (built: ImageBuilder) => built.put(built.at(at.refcountTable), text),
      'a block on data': (built: ImageBuilder) =>
        built.put(built.at(at.data[2]), text).put64(built.at(at.refcountTable), built.at(at.data[2])),
    };
    for (const [name, harm] of Object.entries(harms)) {
      assert.equal((await planned(image(harm), leaksOnly)).change, undefined, name);
    }
  });

  it('tells refcounts that only get lower from leaked clusters that are freed', async () => {
    const harmed = image((built) => built.refcount(at.data[0], 3).refcount(20, 1).truncate(built.at(24)));
    const { change } = await planned(harmed, leaksOnly);
    assert.equal(change?.title, 'Lower 1 refcount, free 1 leaked cluster');
  });
});

describe('A repair of everything', () => {
  it('lowers refcounts in their block where all that is wrong is that what shared the clusters was lost', async () => {
    const built = new ImageBuilder({});
    built.l1(0, copied | built.at(4)).refcount(4, 1);
    for (let cluster = 5; cluster < 25; cluster++) {
      built.entry(4, cluster, built.at(cluster)).refcount(cluster, 2);
    }
    const { change, raised } = await planned(built.truncate(built.at(25)), 'all');
    assert.equal(change?.title, 'Mend 20 table entries, lower 20 refcounts');
    assert.equal(raised, 0);
  });
});

describe('Leaked clusters that a damaged table could own', () => {
  const left: readonly (readonly [name: string, harm: (built: ImageBuilder) => unknown, why: RegExp])[] = [
    [
      'where an L2 table has no entries',
      (built) => built.put(built.at(at.l2), new Array<number>(32).fill(0)),
      /The L2 table at 0x4000 has no entries/,
    ],
    [
      'where an entry leads to the data of another one',
      (built) => built.entry(at.l2, 0, copied | built.at(at.data[1])),
      /Several things led to one cluster/,
    ],
  ];
  for (const [name, harm, why] of left) {
    it(`are not freed ${name}`, async () => {
      for (const selection of ['all', leaksOnly] as const) {
        const { change, keptLeaks } = await planned(image(harm), selection);
        assert.match(keptLeaks ?? '', why);
        assert.doesNotMatch(change?.title ?? '', /free/i);
      }
    });
  }
});
