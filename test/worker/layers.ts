import { type GeometryFields, geometryOf } from '../../src/engine/image/geometry.ts';
import { readL1 } from '../../src/engine/image/l1Table.ts';
import { type Layer, layerOf } from '../../src/engine/image/layer.ts';
import type { Storage } from '../../src/engine/ports.ts';

/** The layer that an L1 table maps, as a test put it together. */
export async function layerAt(
  storage: Storage,
  fields: Partial<GeometryFields> & { readonly size: bigint },
  l1: { readonly offset: bigint; readonly entries: number },
): Promise<Layer> {
  const header = { version: 3, cluster_bits: 16, incompatible_features: 0n, refcount_order: 4, ...fields };
  const geometry = geometryOf(header, storage.size);
  if (geometry === undefined) {
    throw new Error('the geometry is out of bounds');
  }
  return layerOf(geometry, await readL1(storage, l1.offset, l1.entries), fields.size);
}
