import type { RepairSelection } from '../../src/engine/operations/repair/selection.ts';
import { compressed, copied, ImageBuilder } from '../support/builder.ts';
import { damages as corpusDamages } from '../support/corpus/damages.ts';
import { allocated, at, type Shape, soundImage } from '../support/corpus/sound.ts';
import type { MemoryStorage } from '../support/memoryStorage.ts';

/** An image that is broken, small. */
export interface BrokenCase {
  readonly name: string;
  readonly build: () => MemoryStorage;
  /** Absent: all. */
  readonly selection?: RepairSelection;
}

/** What is wrong with an image of the corpus. */
interface Damage {
  readonly name: string;
  readonly versions?: readonly (2 | 3)[];
  readonly extended?: true;
  readonly harm: (image: ImageBuilder, shape: Shape) => unknown;
}

/** Clusters of two sectors, so that what is written is cut within them, and few states. */
const shapes: readonly Shape[] = [
  { version: 3, clusterBits: 10, refcountOrder: 4 },
  { version: 2, clusterBits: 10, refcountOrder: 4 },
];
const extendedShape: Shape = { version: 3, clusterBits: 14, refcountOrder: 4, extended: true };
const only3 = [3] as const;

/** The first cluster that nothing in the corpus' images uses, and the end of a file with a hole from there on. */
const hole = 18;
const holeEnd = 40;

/** What is repaired in other ways than the damages of the corpus. */
const others: readonly Damage[] = [
  {
    name: 'an L1 entry without a table',
    harm: (image) => image.header({ l1_size: 2 }).l1(1, copied),
  },
  {
    name: 'two L1 entries that lead to one L2 table',
    harm: (image) => image.header({ l1_size: 2 }).l1(1, copied | image.at(at.l2)),
  },
  {
    name: 'an L1 entry that leads to another L1 table',
    harm: (image) => image.header({ l1_size: 2 }).l1(1, copied | image.at(at.snapshotL1)),
  },
  {
    name: 'an L1 entry that leads to random bytes',
    harm: (image) => {
      const bytes = Uint8Array.from({ length: Number(image.clusterSize) }, (_, index) => (index % 8 < 4 ? 0x7e : 0x55));
      return image
        .header({ l1_size: 2 })
        .l1(1, copied | image.at(hole))
        .refcount(hole, 1)
        .put(image.at(hole), bytes);
    },
  },
  {
    name: 'compressed data past the end of the file',
    harm: (image) => image.entry(at.l2, 4, compressed | image.at(5000)),
  },
  {
    name: 'compressed data beyond 2^56',
    harm: (image) => image.entry(at.l2, 4, compressed | (1n << 57n)),
  },
  {
    name: 'subclusters of compressed data',
    extended: true,
    harm: (image) => image.put64(image.at(at.l2) + 3n * 16n + 8n, 5n),
  },
  {
    name: 'ZERO of an extended entry',
    extended: true,
    harm: (image, shape) => image.entry(at.l2, 0, copied | image.at(at.data[0]) | 1n, allocated(shape)),
  },
  {
    name: 'data where compressed data lies',
    harm: (image) => image.entry(at.l2, 5, image.at(at.compressed)).refcount(at.compressed, 2),
  },
  {
    name: 'the L1 table at no cluster',
    harm: (image) => image.header({ l1_table_offset: image.at(at.l1) + 512n }),
  },
  { name: 'one bitmap of two that QEMU does not know', versions: only3, harm: addBrokenBitmap },
];

/** A second bitmap, broken, behind the first one in the directory. */
function addBrokenBitmap(image: ImageBuilder): void {
  const entry = image.at(at.bitmapDirectory) + 32n;
  image
    .put64(entry, image.at(hole))
    .put32(entry + 8n, 1)
    .put8(entry + 16n, 9)
    .put8(entry + 17n, Math.log2(Number(image.clusterSize)))
    .put16(entry + 18n, 3)
    .put(entry + 24n, 'two');
  image.put32(112n + 8n, 2).put64(112n + 16n, 64n);
  image.refcount(hole, 1).truncate(image.at(hole + 1));
}

/** What makes refcounts be built anew. */
const lostRefcounts: readonly Damage[] = [
  { name: 'no refcount block', harm: (image) => image.put64(image.at(at.refcountTable), 0n) },
  {
    name: 'a refcount block of zeros',
    harm: (image) => image.put(image.at(at.refcountBlock), new Uint8Array(Number(image.clusterSize))),
  },
  {
    name: 'a refcount block past the end, where QEMU makes the file longer',
    harm: (image) => image.put64(image.at(at.refcountTable), image.at(holeEnd + 3)),
  },
  {
    name: 'a refcount block at no cluster',
    harm: (image) => image.put64(image.at(at.refcountTable), image.at(at.refcountBlock) + 512n),
  },
  {
    name: 'the refcount table past the end of the file',
    // What is left of the table would look like one of the guest.
    harm: (image) => image.put64(image.at(at.refcountTable), 0n).header({ refcount_table_offset: image.at(5000) }),
  },
  {
    name: 'no refcount table',
    harm: (image) =>
      image.put64(image.at(at.refcountTable), 0n).header({ refcount_table_offset: 0n, refcount_table_clusters: 0 }),
  },
  { name: 'refcount 0 of the refcount block', harm: (image) => image.refcount(at.refcountBlock, 0) },
];

/** An image for each thing that a repair puts right, in both versions. */
export function brokenCases(): BrokenCase[] {
  const cases = [...corpusDamages, ...others].flatMap((damage) =>
    (damage.extended ? [extendedShape] : shapes).filter(fits(damage)).map((shape) => caseOf(damage, shape)),
  );
  return [...cases, placedTable(), ...shapes.map(overBackingFile), otherDataFileOffset(), outgrownTable()];
}

/** Images whose refcounts are lost, with free clusters between those in use and the end of the file. */
export function holeCases(): BrokenCase[] {
  return lostRefcounts.flatMap((damage) => shapes.map((shape) => caseOf(damage, shape, addHole)));
}

/** Images whose refcounts are lost, and in which it can't be told which clusters are free. */
export function unsureCases(): BrokenCase[] {
  const addOwner = (image: ImageBuilder): void => {
    addHole(image);
    image.extension(0x12345678, 'owner');
  };
  return lostRefcounts.flatMap((damage) => shapes.map((shape) => caseOf(damage, shape, addOwner)));
}

/** Clusters that are free, with the rest of what was there once. */
function addHole(image: ImageBuilder): void {
  image.truncate(image.at(holeEnd));
  for (let cluster = hole; cluster < holeEnd; cluster++) {
    image.put(image.at(cluster), 'what was there once');
  }
}

function fits({ versions }: Damage): (shape: Shape) => boolean {
  return ({ version }) => versions === undefined || versions.includes(version);
}

function caseOf(damage: Damage, shape: Shape, prepare: (image: ImageBuilder) => void = () => undefined): BrokenCase {
  return {
    name: `${damage.name}, version ${shape.version}`,
    build: () => {
      const image = soundImage(shape);
      prepare(image);
      damage.harm(image, shape);
      return image.toStorage();
    },
  };
}

/** A table that is put back into its place, as the user says. */
function placedTable(): BrokenCase {
  const build = (): ImageBuilder => {
    const image = soundImage(shapes[0] ?? extendedShape);
    return image.l1(0, 0n);
  };
  return {
    name: 'an L2 table that is put into its place',
    build: () => build().toStorage(),
    selection: { tables: [{ table: build().at(at.l2), l1Index: 0 }] },
  };
}

/** Where nothing is, the backing file would be seen: the guest gets zeros, in version 2 by a cluster of them. */
function overBackingFile({ version }: Shape): BrokenCase {
  return {
    name: `data past the end of the file over a backing file, version ${version}`,
    build: () => {
      const image = new ImageBuilder({ version, cluster_bits: 10, size: 48 << 10 });
      image.backing('base.raw', 'raw');
      image.l1(0, copied | image.at(4)).refcount(4, 1);
      image.entry(4, 0, copied | image.at(900)).truncate(image.at(5));
      return image.toStorage();
    },
  };
}

function otherDataFileOffset(): BrokenCase {
  return {
    name: 'another place in the external data file than the disk’s own',
    build: () => {
      const image = new ImageBuilder({ cluster_bits: 10, size: 48 << 10, incompatible_features: 4n });
      image.extension(0x44415441, 'data.raw');
      image.l1(0, copied | image.at(4)).refcount(4, 1);
      image.entry(4, 1, copied | image.at(7)).truncate(image.at(5));
      return image.toStorage();
    },
  };
}

/** Data so far out that the refcount table gets larger; what else lies in the file is not known. */
function outgrownTable(): BrokenCase {
  const shape: Shape = { version: 3, clusterBits: 9, refcountOrder: 6 };
  // A block counts 64 clusters, and the table has 64 entries.
  const far = 64 * 64;
  const harm = (image: ImageBuilder): unknown =>
    image
      .extension(0x12345678, 'owner')
      .entry(at.l2, 9, copied | image.at(far))
      .truncate(image.at(far + 1));
  return caseOf({ name: 'data so far out that the refcount table gets larger', harm }, shape);
}
