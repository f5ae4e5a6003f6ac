import { type EntryTable, segmentsOf } from '../image/entryTables.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Image } from '../image/image.ts';
import { walkL2References } from '../image/l2References.ts';
import type { L2Summaries } from '../image/l2Summaries.ts';
import { indexOfTable, type L2TableSet, l2TableSet, someTables } from '../image/l2TableSet.ts';
import type { Progress } from '../ports.ts';
import type { CountWindow } from './countWindow.ts';

/** Layers of which one is added, or taken away, or both. By their L1 tables. */
export interface LayerMoves {
  readonly added: EntryTable | undefined;
  readonly removed: EntryTable | undefined;
}

/**
 * By how much the refcounts change when a layer is added or taken away: each L1 entry counts its L2 table once, and each
 * cluster that this one's entries lead to once (qcow2_update_snapshot_refcount). Counted for a window of the file at a
 * time, and again for every other one.
 */
export class LayerDeltas {
  readonly added: L2TableSet;
  readonly removed: L2TableSet;
  readonly #image: Image;
  readonly #geometry: Geometry;
  readonly #summaries: L2Summaries;
  readonly #window: CountWindow;
  #counted = false;

  private constructor(
    image: Image,
    geometry: Geometry,
    [added, removed]: readonly [L2TableSet, L2TableSet],
    summaries: L2Summaries,
    window: CountWindow,
  ) {
    this.#image = image;
    this.#geometry = geometry;
    this.added = added;
    this.removed = removed;
    this.#summaries = summaries;
    this.#window = window;
  }

  /**
   * Reads the L1 tables.
   *
   * @param summaries - of all L2 tables of the image
   * @param window - which is used from now on, by nobody else
   */
  static async of(
    image: Image,
    geometry: Geometry,
    { added, removed }: LayerMoves,
    summaries: L2Summaries,
    window: CountWindow,
    progress: Progress,
  ): Promise<LayerDeltas> {
    const tables = [
      await l2TablesOf(image, geometry, added, progress),
      await l2TablesOf(image, geometry, removed, progress),
    ] as const;
    return new LayerDeltas(image, geometry, tables, summaries, window);
  }

  /** The window in which a cluster of the file is, counted. */
  async windowOf(cluster: number, progress: Progress): Promise<CountWindow> {
    const window = this.#window;
    if (!this.#counted || cluster < window.from || cluster >= window.to) {
      this.#counted = false;
      window.start(cluster - (cluster % window.size), this.#geometry.fileClusters);
      await this.#count(this.added, 1, progress);
      await this.#count(this.removed, -1, progress);
      this.#counted = true;
    }
    return window;
  }

  async #count(tables: L2TableSet, by: 1 | -1, progress: Progress): Promise<void> {
    const { storage } = this.#image;
    const geometry = this.#geometry;
    const window = this.#window;
    for (const [index, offset] of tables.offsets.entries()) {
      window.add(offset / geometry.clusterSize, 1, by * (tables.references[index] ?? 0));
    }
    const visitor = {
      reference: (
        _owner: number,
        _source: number,
        _index: number,
        cluster: number,
        count: number,
        references: number,
      ) => window.add(cluster, count, by * references),
    };
    await walkL2References(storage, geometry, this.#reaching(tables), visitor, progress);
  }

  /** The tables whose entries may lead into the window. */
  #reaching(tables: L2TableSet): L2TableSet {
    const { from, to } = this.#window;
    if (from === 0 && to === this.#geometry.fileClusters) {
      return tables;
    }
    const { tables: all } = this.#summaries;
    const indices: number[] = [];
    for (const [index, offset] of tables.offsets.entries()) {
      if (this.#summaries.mayReach(indexOfTable(all, offset), from, to)) {
        indices.push(index);
      }
    }
    return someTables(tables, indices);
  }
}

/** The L2 tables that an L1 table leads to, with how often it leads to each. */
export function l2TablesOf(
  { storage }: Image,
  geometry: Geometry,
  table: EntryTable | undefined,
  progress: Progress,
): Promise<L2TableSet> {
  const none = { reference: () => undefined };
  return l2TableSet(storage, geometry, segmentsOf(table ? [table] : []), none, () => progress.step(0, 0));
}
