import type { Draft } from '../../change/draft.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import type { EndClusters } from './endClusters.ts';
import type { RefcountBlocks } from './refcountBlocks.ts';
import type { Wanted } from './selection.ts';

/** What is done about wrong refcounts. */
export interface RefcountRules {
  readonly wanted: Wanted;
  /** Whether the refcount of a cluster is put right. */
  readonly mends: (cluster: number, refcount: number | bigint, references: number) => boolean;
  /** Whether clusters that nothing refers to count as used where their refcounts were lost: they may be of a lost table. */
  readonly keepsUnknown: boolean;
  /** Whether leaks are kept, those past the end of the file too. */
  readonly keepsLeaks: boolean;
  /** Clusters of structures that are replaced: they are free, whatever else is wrong. */
  readonly freed: ClusterSet;
  /**
   * Whether all that changes is made anew in free clusters, as QEMU does; else why not, as a sentence: what lies in the file
   * may be in use though nothing leads to it. Undefined where there is no need to.
   */
  readonly rebuild: true | string | undefined;
}

/** What a repair of refcounts works with. */
export interface RefcountRepair {
  readonly draft: Draft;
  /** As drafted so far. */
  readonly image: Image;
  readonly geometry: Geometry;
  readonly blocks: RefcountBlocks;
  readonly end: EndClusters;
  readonly rules: RefcountRules;
}

/** A refcount that is put right. */
export type MendedVisitor = (cluster: number, refcount: number | bigint, references: number) => void;

/** What is told of the refcounts. */
export interface RefcountVisitor {
  readonly mended: MendedVisitor;
  /** A cluster of the former table, or of a block, in whose place there is another one now. */
  readonly replaced: (cluster: number) => void;
}
