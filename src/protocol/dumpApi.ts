/** The image as text. */
export interface DumpApi {
  /**
   * What `qcow2 dump --output=json` prints, without the tables. An error (`too-large`) where it has more than 32 Mi
   * characters: an editor would not show it.
   */
  dumpJson(request: DumpRequest): string;
}

/** What is dumped. */
export interface DumpRequest {
  /** What the dump says that the file's path is. */
  readonly path: string;
}
