import type { Storage } from '../../src/engine/ports.ts';
import { oneBitmap } from '../support/findings/extensionCases.ts';

/** An image of 1 MiB with one bitmap of granules of 64 KiB, whose data has these bytes. */
export function withBitmap(bytes: readonly number[]): Storage {
  const image = oneBitmap({ autoclear_features: 1 });
  return image.put64(image.at(6), image.at(7)).put(image.at(7), bytes).truncate(image.at(8)).toStorage();
}
