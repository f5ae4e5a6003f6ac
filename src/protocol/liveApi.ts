/** What has changed since the image was opened before. */
export interface LiveApi {
  /**
   * How the L2 tables of the active layer differ from those of the opening `since` (`FileNews.opened`). Reads all of
   * them, with progress. Null when those were not known.
   */
  tableChanges(request: { readonly since: number }): TableChanges | null;
}

/** How many L2 tables of the active layer differ. */
export interface TableChanges {
  readonly added: number;
  readonly removed: number;
  /** With other entries than before, or at another place. */
  readonly changed: number;
  /** L1 indices of those that differ, in order: the first ones, if they are very many. */
  readonly first: readonly number[];
}
