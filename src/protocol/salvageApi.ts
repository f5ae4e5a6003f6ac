import type { SalvageSummary } from '../engine/salvage/salvage.ts';
import type { SnapshotPlace } from './changeApi.ts';

/** The guest's disk as a file. */
export interface SalvageApi {
  /** The disks that can be saved. Fails as `saveGuestDisk` does for an image of which none can be. */
  guestDisks(): GuestDisks;
  /**
   * Saves the disk to a sparse raw file, however broken the image is; beside it, a mapfile of ddrescue and a list of what
   * is missing. The chain is followed where it is open. Reports progress. One that was stopped leaves its files, and goes
   * on from there when it is asked for again. Only the host may ask for it (`hostMethods`), since it asks the user.
   */
  saveGuestDisk(request: SaveDiskRequest): SavedDisk;
}

/** The disks of an image, besides the one as it is now. */
export interface GuestDisks {
  readonly snapshots: readonly NamedSnapshot[];
}

/** A snapshot, with its name for the user. */
export interface NamedSnapshot extends SnapshotPlace {
  readonly name: string;
}

/** Which disk goes where. */
export interface SaveDiskRequest {
  /** Path of the raw file; one that is there is replaced, unless an earlier run for the same disk was stopped. */
  readonly path: string;
  /** Absent for the active layer. */
  readonly snapshot?: SnapshotPlace;
}

/** What was saved, in bytes of the disk. */
export interface SavedDisk extends Omit<SalvageSummary, 'written'> {
  /** Path of the list of what is missing: JSON. */
  readonly list: string;
}
