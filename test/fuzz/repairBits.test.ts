import assert from 'node:assert/strict';
import { Qcow2Error } from '../../src/engine/error.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { snapshotLayer } from '../../src/engine/image/snapshotLayer.ts';
import { shapes } from '../support/corpus/corpus.ts';
import { repaired, textAt } from '../support/corpus/repaired.ts';
import { active, snapshot, soundImage } from '../support/corpus/sound.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';
import { sampled } from '../support/sampled.ts';
import { metadataPlaces } from './metadata.ts';

/** How many bits are tried: `QCOW2_BITS=all` for every one. */
const count = process.env.QCOW2_BITS === 'all' ? Number.POSITIVE_INFINITY : Number(process.env.QCOW2_BITS ?? 150);

/** Bytes of a structure in which bits are flipped: what is behind them is empty in these images. */
const most = 256;

/** A bit of the metadata of one of the corpus' images. */
interface Bit {
  readonly shape: (typeof shapes)[number];
  /** Bytes in the file. */
  readonly at: number;
  readonly bit: number;
  readonly name: string;
}

function bitsOf(shape: Bit['shape']): Bit[] {
  return metadataPlaces(soundImage(shape).toStorage()).flatMap(({ name, offset, length }) =>
    Array.from({ length: Math.min(length, most) * 8 }, (_, index) => {
      const [at, bit] = [offset + Math.floor(index / 8), index % 8];
      return { shape, at, bit, name: `${JSON.stringify(shape)}: ${name}: byte ${at}, bit ${bit}` };
    }),
  );
}

function flipped({ shape, at, bit }: Bit): MemoryStorage {
  const storage = soundImage(shape).toStorage();
  const [byte = 0] = storage.slice(BigInt(at), 1);
  storage.write(BigInt(at), Uint8Array.of(byte ^ (1 << bit)));
  return storage;
}

/** The guest clusters, of the disk and of the snapshot, that can be read and have what was written. */
async function rightOnes(storage: MemoryStorage): Promise<Set<string>> {
  const image = await openImage(storage);
  const right = new Set<string>();
  const look = async (where: string, texts: readonly string[], layer: () => Promise<typeof image.layer>) => {
    for (const [index, text] of texts.entries()) {
      const found = await layer()
        .then((opened) => opened && textAt(image, opened, index))
        .catch(unlessUnreadable);
      if (found === text) right.add(`${where} ${index}`);
    }
  };
  await look('disk', active, async () => image.layer);
  await look('snapshot', snapshot, () => snapshotLayer(image, 0));
  return right;
}

function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof Qcow2Error)) throw error;
}

describe('A repair of an image of which one bit is wrong', function () {
  this.timeout(0);

  it('keeps all that could be read before, or is refused', async () => {
    const wrong: string[] = [];
    for (const one of sampled(shapes.flatMap(bitsOf), count, false)) {
      const before = flipped(one);
      try {
        const had = await rightOnes(before);
        const after = await repaired(before).catch(unlessUnreadable);
        const has = after && (await rightOnes(after));
        const lost = [...had].filter((name) => has?.has(name) === false);
        if (lost.length > 0) wrong.push(`${one.name}: ${lost.join(', ')}`);
      } catch (error) {
        wrong.push(`${one.name}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
});
