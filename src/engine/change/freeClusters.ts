import { Qcow2Error } from '../error.ts';
import { showOffset } from '../format/show.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Image } from '../image/image.ts';
import { flaws, type Owner, type ReferenceVisitor } from '../image/reference.ts';
import { walkReferences } from '../image/references.ts';
import type { Progress } from '../ports.ts';

/** The clusters of an image that a change may take: of refcount 0, and proved to be referred to by nothing. */
export class FreeClusters {
  readonly #image: Image;
  readonly #refcount: (cluster: number) => Promise<number | bigint>;
  readonly #progress: Progress;
  #used: ClusterSet | undefined;
  /** Where the next search starts: what comes before is in use. */
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
    this.#used = used;
  }

  /** The first of `count` free clusters in a row, perhaps past the end of the file. Walks all references once. */
  async find(count: number): Promise<number> {
    this.#used ??= await usedClusters(this.#image, this.#progress);
    for (let first = this.#used.firstFree(this.#next, count); ; ) {
      const counted = await this.#firstCounted(first, count);
      if (counted === undefined) {
        if (count === 1) {
          this.#next = first;
        }
        return first;
      }
      first = this.#used.firstFree(counted + 1, count);
    }
  }

  /** Takes clusters out. */
  take(first: number, count: number): void {
    this.#used?.add(first, count);
  }

  /** Gives clusters back that were taken and are not needed. */
  giveBack(first: number, count: number): void {
    this.#used?.remove(first, count);
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

/** The clusters that anything in the image refers to. Throws `damaged` where that can't be told for sure. */
export async function usedClusters(image: Image, progress: Progress): Promise<ClusterSet> {
  const used = new ClusterSet();
  await walkReferences(
    image,
    provingVisitor(image, (_owner, cluster, count) => used.add(cluster, count)),
    progress,
  );
  return used;
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
