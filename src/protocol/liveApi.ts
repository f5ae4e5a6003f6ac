/** What has changed since the image was opened before. */
export interface LiveApi {
  /**
   * How the L2 tables of the active layer differ from those of the opening `since` (`FileNews.opened`). Reads all of
   * them, with progress. Null when those were not known.
   */
  tableChanges(request: { readonly since: number }): TableChanges | null;
}

/** The L1 indices, ascending, of the L2 tables of the active layer that differ. */
export interface TableChanges {
  readonly added: Uint32Array;
  readonly removed: Uint32Array;
  /** With other entries than before, or at another place. */
  readonly changed: Uint32Array;
}
