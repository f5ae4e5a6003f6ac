import type { EndClusters } from './endClusters.ts';
import type { RepairCode, Wanted } from './selection.ts';
import type { Survey } from './survey.ts';

/** Guest data that an entry no longer leads to. */
export type LostVisitor = (code: RepairCode, guestClusters: number) => void;

/** A cluster that an entry leads to again, where one wrong bit had it lead nowhere. */
export interface Rejoined {
  /** Index of the guest cluster. */
  readonly guest: number;
  /** Host cluster. */
  readonly cluster: number;
}

/** What the repair of entries works with. */
export interface EntryRepair {
  readonly survey: Survey;
  readonly end: EndClusters;
  readonly wanted: Wanted;
  /** Whether a cluster without an entry reads as the backing file has it. */
  readonly backed: boolean;
  /** By host offset of an L2 entry (bytes): the host cluster that it meant, but for one wrong bit. */
  readonly meant: ReadonlyMap<number, number>;
  readonly rejoined: (found: Rejoined) => void;
  readonly lost: LostVisitor;
  /** An entry was changed. */
  readonly mended: (code: RepairCode) => void;
}

/** Whether nothing leads to a cluster: a broken entry may have meant it. */
export function isUnclaimed({ structures, l2Tables, data, compressed }: Survey, cluster: number): boolean {
  return cluster > 0 && ![structures, l2Tables, data, compressed].some((clusters) => clusters.has(cluster));
}
