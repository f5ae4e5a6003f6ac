import type { EndClusters } from './endClusters.ts';
import type { RepairCode, Wanted } from './selection.ts';
import type { Survey } from './survey.ts';

/** Guest data that an entry no longer leads to. */
export type LostVisitor = (code: RepairCode, guestClusters: number) => void;

/** What the repair of entries works with. */
export interface EntryRepair {
  readonly survey: Survey;
  readonly end: EndClusters;
  readonly wanted: Wanted;
  /** Whether a cluster without an entry reads as the backing file has it. */
  readonly backed: boolean;
  readonly lost: LostVisitor;
  /** An entry was changed. */
  readonly mended: (code: RepairCode) => void;
}

/** Whether nothing leads to a cluster: a broken entry may have meant it. */
export function isUnclaimed({ structures, l2Tables, data, compressed }: Survey, cluster: number): boolean {
  return cluster > 0 && ![structures, l2Tables, data, compressed].some((clusters) => clusters.has(cluster));
}
