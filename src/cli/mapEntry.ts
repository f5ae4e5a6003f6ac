/** What both formats of `map` print of an entry: QEMU's MapEntry. Numbers are bytes. */
export interface MapEntry {
  start: number;
  length: number;
  /** Bits of `statusFlags`. */
  flags: number;
  depth: number;
  /** Where it lies in the layer's file, if it has a place. */
  host: number;
  /** Bytes that are not asked for at its start, and at its end. */
  cutStart: number;
  cutEnd: number;
}

/** Where entries go. An entry is only lent: it changes after the call. */
export interface EntryWriter {
  begin(): void;
  entry(entry: MapEntry, last: boolean): void;
  end(): void;
  /** Hands over what is still in the buffer. */
  flush(): void;
}

/** An entry that says nothing, at a place. */
export function emptyEntry(start: number): MapEntry {
  return { start, length: 0, flags: 0, depth: 0, host: 0, cutStart: 0, cutEnd: 0 };
}
