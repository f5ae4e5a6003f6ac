import { type EntryPlace, type Flaw, flaws, owners } from './reference.ts';

/** Goes along a walk: told of its tables and flaws, it knows the references of an unaligned entry, which are not meant. */
export class UnalignedEntry {
  readonly #l2Entries: number;
  #guest = -1;

  constructor({ l2Entries }: { readonly l2Entries: number }) {
    this.#l2Entries = l2Entries;
  }

  /** Another table begins. */
  table(): void {
    this.#guest = -1;
  }

  flaw(flaw: Flaw, { owner, table, entry }: EntryPlace): void {
    if (flaw === flaws.unaligned && owner === owners.data) {
      this.#guest = table * this.#l2Entries + entry;
    }
  }

  /** Whether a reference to data, for a guest cluster, is of such an entry. */
  is(guest: number): boolean {
    return guest === this.#guest;
  }
}
