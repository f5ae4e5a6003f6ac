import type { ByteSource } from '../engine/image/byteRuns.ts';
import { fileBytes } from '../engine/image/fileBytes.ts';
import { GuestData, type GuestPorts } from '../engine/image/guestData.ts';
import { codecs } from '../platform/codecs.ts';
import type { MapLayer } from './mapChain.ts';

/** What an image's guest bytes are read by, with the layers below it. `layers`: those of its chain, itself first. */
export function backingPorts(layers: readonly MapLayer[]): GuestPorts {
  const backing = sourceOf(layers.slice(1));
  return { codecs, ...(backing && { backing }) };
}

/** The guest's bytes of the first of some layers, which lie one on the other. */
function sourceOf(layers: readonly MapLayer[]): ByteSource | undefined {
  let source: ByteSource | undefined;
  for (const { image, data } of layers.toReversed()) {
    const ports = { codecs, ...(source && { backing: source }), ...(image?.dataFile && { dataFile: data }) };
    source = image?.layer ? new GuestData(image, image.layer, ports) : fileBytes(data);
  }
  return source;
}
