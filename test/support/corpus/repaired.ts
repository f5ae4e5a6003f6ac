import { GuestData } from '../../../src/engine/image/guestData.ts';
import type { Image } from '../../../src/engine/image/image.ts';
import type { Layer } from '../../../src/engine/image/layer.ts';
import { planRepair } from '../../../src/engine/operations/repair/repair.ts';
import { noProgress } from '../../../src/engine/ports.ts';
import { codecs } from '../../../src/platform/codecs.ts';
import { applied } from '../../crash/crashCase.ts';
import type { MemoryStorage } from '../memoryStorage.ts';

/** Repairs until nothing is left to do: what is kept the first time may be freed the second. */
export async function repaired(before: MemoryStorage): Promise<MemoryStorage> {
  let image = before;
  for (let round = 0; round < 3; round++) {
    let isDone = false;
    const { after } = await applied({
      name: 'repair',
      before: image,
      plan: async (opened, storage, from) => {
        const { change } = await planRepair(opened, storage, from, 'all', noProgress);
        isDone = change === undefined;
        return change ?? { title: 'nothing', steps: [], cautions: [], from };
      },
    });
    if (isDone) {
      break;
    }
    image = after;
  }
  return image;
}

/** The text in a guest cluster of an image of the corpus. Throws where it can't be read. */
export async function textAt(image: Image, layer: Layer, index: number): Promise<string> {
  const bytes = new Uint8Array(15);
  await new GuestData(image, layer, { codecs }).read(BigInt(index * 2 ** layer.geometry.clusterBits), bytes);
  return new TextDecoder().decode(bytes).replaceAll('\0', '');
}
