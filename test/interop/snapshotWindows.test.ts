import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ByteWrite, ChangeSet } from '../../src/engine/change/changeSet.ts';
import { CountWindow } from '../../src/engine/change/countWindow.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { type LayerSwitch, planLayerSwitch } from '../../src/engine/operations/layerSwitch.ts';
import { areaOf, readSnapshotLayers, type SnapshotLayers } from '../../src/engine/operations/snapshotLayers.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { create, follow, img, io } from '../support/imageRecipe.ts';
import { MemoryStorage } from '../support/memoryStorage.ts';

const disk = 'disk.qcow2';

/** What the operations do to the layers, without the snapshot table, which has nothing to do with the windows. */
const changes: readonly (readonly [string, (layers: SnapshotLayers) => Partial<LayerSwitch>])[] = [
  ['taking', ({ active }) => ({ added: active })],
  ['applying', ({ active, tables }) => ({ added: tables.get(0), removed: active, base: tables.get(0) ?? active })],
  ['deleting', ({ active, tables }) => ({ removed: tables.get(0), released: [areaOf(active)] })],
];

async function writesOf({ steps }: ChangeSet): Promise<ByteWrite[]> {
  const writes: ByteWrite[] = [];
  for (const { edits, stream } of steps) {
    writes.push(...edits);
    if (stream) {
      for await (const { structure, at, bytes } of stream()) {
        writes.push({ structure, at, bytes: bytes.slice() });
      }
    }
  }
  return writes;
}

describe('a file of more clusters than are counted at a time', function () {
  this.timeout(60_000);
  let image: MemoryStorage;

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qcow2-windows-'));
    try {
      const steps = [
        create(disk, '1M', 'cluster_size=512'),
        io(disk, 'write -P 1 0 700k', 'write -c -P 2 700k 100k'),
        img('snapshot', '-c', 'first', disk),
        io(disk, 'write -P 3 100k 200k', 'write -c -P 4 900k 10k', 'write -z 0 5k'),
      ];
      await follow({ name: 'windows', steps }, folder);
      image = new MemoryStorage(readFileSync(join(folder, disk)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  for (const [verb, of] of changes) {
    it(`is written the same as if all were counted at once: ${verb} a snapshot`, async () => {
      const planned = async (window: CountWindow): Promise<ByteWrite[]> => {
        const opened = await openImage(image);
        const layers = await readSnapshotLayers(opened);
        const change: LayerSwitch = {
          title: verb,
          says: verb,
          added: undefined,
          removed: undefined,
          base: layers.active,
          l1Entries: layers.header.l1_size,
          snapshotTable: undefined,
          released: [],
          fields: {},
          cautions: ({ data, tables }) => [`${data} ${tables}`],
          ...of(layers),
        };
        const from = { identity: 'memory', size: image.size, modified: 0n, changed: 0n };
        const set = await planLayerSwitch(opened, layers.geometry, image, from, change, noProgress, window);
        const first = await writesOf(set);
        assert.deepEqual(await writesOf(set), first, 'the stream is the same each time');
        return [...first, { structure: set.cautions.join(), at: 0n, bytes: new Uint8Array(0) }];
      };
      const whole = await planned(new CountWindow());
      assert.ok(image.size > 512n * 256n * 5n, 'there are five windows and more');
      assert.deepEqual(await planned(new CountWindow(256)), whole);
      assert.deepEqual(await planned(new CountWindow(1024)), whole);
    });
  }
});
