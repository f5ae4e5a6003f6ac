import type { Finding } from '../finding.ts';
import { EntryFindings } from '../image/entryFindings.ts';
import { FindingList } from '../image/findingList.ts';
import type { Geometry } from '../image/geometry.ts';
import type { EntryPlace, Flaw, Owner, ReferenceVisitor } from '../image/reference.ts';
import type { FindingRows, FindingSet } from './findingSet.ts';
import { joined, wordsOf } from './numberRows.ts';

/**
 * Makes findings of what the reference walker visits, and keeps them as the numbers that it told: there may be millions
 * of them.
 */
export class EntryFindingRows implements ReferenceVisitor {
  readonly #set: FindingSet;
  readonly #entries: EntryFindings;
  /** The findings of the present call. */
  readonly #caught: Finding[] = [];
  readonly #flaws: FlawRows;
  readonly #references: ReferenceRows;

  constructor(geometry: Geometry, set: FindingSet) {
    this.#set = set;
    this.#entries = new EntryFindings(geometry, {
      add: (...found) => this.#caught.push(...found),
      addUnlisted: () => undefined,
    });
    this.#flaws = new FlawRows(geometry);
    this.#references = new ReferenceRows(geometry);
  }

  flaw(flaw: Flaw, place: EntryPlace): void {
    this.#entries.flaw(flaw, place);
    if (this.#caught.length > 0) {
      this.#keep(this.#flaws, this.#flaws.row(flaw, place));
    }
  }

  reference(owner: Owner, source: number, index: number, cluster: number, count: number): void {
    this.#entries.reference(owner, source, index, cluster, count);
    if (this.#caught.length > 0) {
      this.#keep(this.#references, [owner, source, index, cluster, count]);
    }
  }

  #keep(kind: FindingRows, row: readonly number[]): void {
    for (const found of this.#caught) {
      this.#set.addRow(found, kind, row);
    }
    this.#caught.length = 0;
  }
}

class FlawRows implements FindingRows {
  readonly width = 14;
  readonly #geometry: Geometry;
  /** The systems' codes, which a row has by index. */
  readonly #systems: string[] = [];

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  row(flaw: Flaw, place: EntryPlace): readonly number[] {
    const { owner, source, table, entry, count, host, target, length, raw, system } = place;
    const words = [...wordsOf(host), ...wordsOf(target), ...wordsOf(raw)];
    return [flaw, owner, source, table, entry, count, ...words, length ?? -1, this.#systemIndex(system)];
  }

  expand(row: Float64Array): readonly Finding[] {
    const [flaw = 0, owner = 0, source = 0, table = 0, entry = 0, count = 0, ...rest] = row;
    const [hostHi, hostLo, targetHi, targetLo, rawHi, rawLo, length = -1, system = -1] = rest;
    const list = new FindingList();
    new EntryFindings(this.#geometry, list).flaw(flaw as Flaw, {
      owner: owner as Owner,
      source,
      table,
      entry,
      count,
      host: joined(hostHi, hostLo),
      target: joined(targetHi, targetLo),
      raw: joined(rawHi, rawLo),
      ...(length < 0 ? {} : { length }),
      system: this.#systems[system],
    });
    return list.findings;
  }

  #systemIndex(system: string | undefined): number {
    if (system === undefined) {
      return -1;
    }
    const known = this.#systems.indexOf(system);
    return known >= 0 ? known : this.#systems.push(system) - 1;
  }
}

class ReferenceRows implements FindingRows {
  readonly width = 5;
  readonly #geometry: Geometry;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
  }

  expand([owner = 0, source = 0, index = 0, cluster = 0, count = 0]: Float64Array): readonly Finding[] {
    const list = new FindingList();
    new EntryFindings(this.#geometry, list).reference(owner as Owner, source, index, cluster, count);
    return list.findings;
  }
}
