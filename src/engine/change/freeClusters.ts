import { Qcow2Error } from '../error.ts';
import { hasBitmaps } from '../format/extensionChecks.ts';
import { showOffset } from '../format/show.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Image } from '../image/image.ts';
import { flaws, type Owner, type ReferenceVisitor } from '../image/reference.ts';
import { walkReferences } from '../image/references.ts';
import type { Progress } from '../ports.ts';

/**
 * The clusters of an image that a change may take: of refcount 0, and proved to be referred to by nothing. They are found
 * in the order in which QEMU takes them (alloc_clusters_noref), so that the layout is QEMU's.
 */
export class FreeClusters {
  readonly #image: Image;
  readonly #refcount: (cluster: number) => Promise<number | bigint>;
  readonly #progress: Progress;
  #walked: UsedClusters | undefined;
  /** Where the next search starts. A run in a row leaves holes behind, which are found when the image is opened anew. */
  #next = 0;

  /**
   * @param refcount - of a cluster, as the change has left it so far
   * @param used - what is in use, where the references have been walked already; it is changed
   */
  constructor(
    image: Image,
    refcount: (cluster: number) => Promise<number | bigint>,
    progress: Progress,
    used?: ClusterSet,
  ) {
    this.#image = image;
    this.#refcount = refcount;
    this.#progress = progress;
    this.#walked = used && { used, shared: undefined };
  }

  /** The next of `count` free clusters in a row, perhaps past the end of the file. Walks all references once. */
  async find(count: number): Promise<number> {
    const { used } = await this.#walk();
    for (let first = used.firstFree(this.#next, count); ; ) {
      const counted = await this.#firstCounted(first, count);
      if (counted === undefined) {
        this.#next = first + count;
        return first;
      }
      first = used.firstFree(counted + 1, count);
    }
  }

  /** Takes `count` clusters in a row at the end of the file, and returns the first. Walks all references once. */
  async takeAtEnd(count: number): Promise<number> {
    const { used } = await this.#walk();
    const first = Math.max(this.#image.geometry?.fileClusters ?? 0, used.end);
    used.add(first, count);
    return first;
  }

  /** Has the next search start at a cluster, unless it starts before. */
  searchFrom(cluster: number): void {
    this.#next = Math.min(this.#next, cluster);
  }

  /** The number of clusters up to the last one that anything refers to. Walks all references once. */
  async usedEnd(): Promise<number> {
    return (await this.#walk()).used.end;
  }

  /** Takes clusters out. */
  take(first: number, count: number): void {
    this.#walked?.used.add(first, count);
  }

  /** Puts clusters back in: nothing refers to them any more. */
  give(first: number, count: number): void {
    this.#walked?.used.remove(first, count);
    this.searchFrom(first);
  }

  /** The first cluster of a run to which more than one thing refers in the image as it is. Walks all references once. */
  async firstShared(first: number, count: number): Promise<number | undefined> {
    const shared = this.#walked?.shared ?? (await this.#findShared());
    for (let cluster = first; cluster < first + count; cluster++) {
      if (shared.has(cluster)) {
        return cluster;
      }
    }
    return undefined;
  }

  async #findShared(): Promise<ClusterSet> {
    const walked = await usedClusters(this.#image, this.#progress);
    this.#walked = { ...walked, used: this.#walked?.used ?? walked.used };
    return walked.shared;
  }

  async #walk(): Promise<UsedClusters> {
    this.#walked ??= await usedClusters(this.#image, this.#progress);
    return this.#walked;
  }

  /** The first cluster of a run whose refcount is not 0. */
  async #firstCounted(first: number, count: number): Promise<number | undefined> {
    for (let cluster = first; cluster < first + count; cluster++) {
      if (BigInt(await this.#refcount(cluster)) !== 0n) {
        return cluster;
      }
    }
    return undefined;
  }
}

/** The clusters that anything in an image refers to. */
interface UsedClusters {
  readonly used: ClusterSet;
  /** Those to which more than one thing refers, where that was asked. */
  readonly shared: ClusterSet | undefined;
}

/** The clusters that anything in the image refers to. Throws `damaged` where that can't be told for sure. */
export async function usedClusters(
  image: Image,
  progress: Progress,
): Promise<{ used: ClusterSet; shared: ClusterSet }> {
  const used = new ClusterSet();
  const shared = new ClusterSet();
  const visitor = provingVisitor(image, (_owner, cluster, count, references) => {
    used.add(cluster, count, shared);
    if (references > 1) {
      shared.add(cluster, count);
    }
  });
  await walkReferences(withoutStaleBitmaps(image), visitor, progress);
  return { used, shared };
}

/** Bitmaps that some writer did not keep up to date are none any more: their directory may be anything by now. */
function withoutStaleBitmaps(image: Image): Image {
  const { bitmapDirectory: _, ...others } = image;
  return image.header && hasBitmaps(image.header) ? image : others;
}

/** A visitor of references that throws `damaged` where one leads past the file's end, or can't be followed. */
export function provingVisitor(
  { geometry }: Image,
  visit: (owner: Owner, cluster: number, count: number, references: number) => void,
): ReferenceVisitor {
  const { fileClusters, clusterSize } = geometry ?? { fileClusters: 0, clusterSize: 1 };
  return {
    reference(owner, _source, _index, cluster, count, references) {
      if (cluster + count > fileClusters) {
        const at = showOffset(BigInt(cluster) * BigInt(clusterSize));
        throw unproved(`something refers to ${at}, past the end of the file`);
      }
      visit(owner, cluster, count, references);
    },
    flaw(flaw, { host }) {
      if (flaw === flaws.unreadable || flaw === flaws.unaligned) {
        throw unproved(
          `the entry at ${showOffset(host)} ${flaw === flaws.unreadable ? 'can’t be read' : 'is not aligned'}`,
        );
      }
    },
  };
}

/** The error for an image of which it can't be told what is free. */
export function unproved(why: string): Qcow2Error {
  return new Qcow2Error(
    'damaged',
    `Which clusters are free can’t be proved: ${why}. Check and repair the image first.`,
  );
}
