import { copied, ImageBuilder } from './builder.ts';

/**
 * An image with one snapshot: snapshot table in cluster 4, its L1 table in 5, its L2 table in 6, that of the active layer
 * in 7. Cluster 8 belongs to both, 9 to the snapshot alone, 10 to the active layer alone.
 */
export function oneSnapshot(): ImageBuilder {
  const image = new ImageBuilder({ nb_snapshots: 1, snapshots_offset: 4 * 65536 });
  const entry = image.at(4);
  image
    .put64(entry, image.at(5))
    .put32(entry + 8n, 1)
    .put16(entry + 12n, 1)
    .put16(entry + 14n, 1)
    .put32(entry + 36n, 24)
    .put64(entry + 48n, 1n << 20n)
    .put(entry + 64n, '1s');
  image.put64(image.at(5), image.at(6)).l1(0, copied | image.at(7));
  image.entry(6, 0, image.at(8)).entry(6, 1, image.at(9));
  image.entry(7, 0, image.at(8)).entry(7, 2, copied | image.at(10));
  for (const [cluster, count] of [
    [4, 1],
    [5, 1],
    [6, 1],
    [7, 1],
    [8, 2],
    [9, 1],
    [10, 1],
  ] as const) {
    image.refcount(cluster, count);
  }
  return image.truncate(image.at(11));
}
