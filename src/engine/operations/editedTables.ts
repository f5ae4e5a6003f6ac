import type { ClusterCounts } from '../image/clusterCounts.ts';
import type { GrownL1 } from './grownL1.ts';
import type { ResizePlan } from './resizePlan.ts';

/** An L2 table that a change writes into. */
export interface EditedTable {
  /** Its content as it will be. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

interface Placed extends EditedTable {
  readonly l1Index: number;
  /** Host offset in bytes. */
  readonly at: bigint;
  /** The content that is there; undefined for a table that is new or a copy. */
  readonly before: Uint8Array | undefined;
}

/** The L2 tables of the active layer that a change writes into: in place, or anew where there is none or a snapshot has it too. */
export class EditedTables {
  readonly #plan: ResizePlan;
  readonly #l1: GrownL1;
  readonly #gone: ClusterCounts;
  readonly #tables = new Map<number, Placed>();

  /** `gone` counts the tables that are copied. */
  constructor(plan: ResizePlan, l1: GrownL1, gone: ClusterCounts) {
    this.#plan = plan;
    this.#l1 = l1;
    this.#gone = gone;
  }

  /** The content of the table of an L1 entry, to be looked at; undefined where it has none. */
  async content(l1Index: number): Promise<DataView | undefined> {
    const edited = this.#tables.get(l1Index);
    const table = this.#l1.table(l1Index);
    return edited?.view ?? (table === 0 ? undefined : new DataView((await this.#read(table)).buffer));
  }

  /** The table of an L1 entry, to be written into. Takes a cluster where it must. */
  async edit(l1Index: number): Promise<EditedTable> {
    const known = this.#tables.get(l1Index);
    if (known) {
      return known;
    }
    const { geometry } = this.#plan;
    const clusters = await this.#plan.clusters.get();
    const table = this.#l1.table(l1Index);
    const bytes = table === 0 ? new Uint8Array(geometry.clusterSize) : await this.#read(table);
    const former = table / geometry.clusterSize;
    const own = table !== 0 && BigInt(await clusters.refcount(former)) === 1n;
    if (!own && table !== 0) {
      this.#gone.add(former, 1);
    }
    const cluster = own ? former : await clusters.allocate(1);
    if (!own) {
      this.#l1.lead(l1Index, 1, cluster);
    }
    const edited = {
      l1Index,
      at: BigInt(cluster) * BigInt(geometry.clusterSize),
      bytes,
      view: new DataView(bytes.buffer),
      before: own ? bytes.slice() : undefined,
    };
    this.#tables.set(l1Index, edited);
    return edited;
  }

  /** Drafts the tables that are new: nothing leads there yet. */
  async writeNew(): Promise<void> {
    for (const { l1Index, at, bytes, before } of this.#tables.values()) {
      if (before === undefined) {
        await this.#plan.draft.write(`L2 table[${l1Index}]`, at, bytes);
      }
    }
  }

  /** Drafts what changes in the tables that stay where they are. */
  async writeInPlace(): Promise<void> {
    for (const { l1Index, at, bytes, before } of this.#tables.values()) {
      const first = before ? bytes.findIndex((byte, index) => byte !== before[index]) : -1;
      if (before && first !== -1) {
        const end = bytes.findLastIndex((byte, index) => byte !== before[index]) + 1;
        await this.#plan.draft.write(`L2 table[${l1Index}]`, at + BigInt(first), bytes.slice(first, end));
      }
    }
  }

  async #read(table: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.#plan.geometry.clusterSize);
    await this.#plan.draft.read(BigInt(table), bytes);
    return bytes;
  }
}
