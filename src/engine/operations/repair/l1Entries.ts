import type { Draft } from '../../change/draft.ts';
import { looksLikeTable } from '../../check/lostTable.ts';
import { l1EntryBytes, l1HasReserved, l1Place, l1Unaligned } from '../../format/l1.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import { readL1 } from '../../image/l1Table.ts';
import { l1TablesOf } from '../../image/references.ts';
import type { Progress } from '../../ports.ts';
import { type EntryRepair, isUnclaimed } from './entryRepair.ts';
import { isL2Table, unclaimed } from './orphans.ts';
import type { RepairCode } from './selection.ts';
import { isNoL1Table, isNoL2Table } from './tableContent.ts';
import { writeChanged } from './writeChanged.ts';

/** The entry may be an empty one with a wrong bit, or have led to a table at 2^n: nothing is given up that is known. */
const withoutTable = 'l1-entry-without-table';

/** Puts the entries of all L1 tables right in the draft; returns whether anything changed. */
export async function mendL1Tables(draft: Draft, repair: EntryRepair, progress: Progress): Promise<boolean> {
  const { image, geometry } = repair.survey;
  const entries = new L1Entries(draft, repair);
  let changed = false;
  for (const { source, offset, entries: count } of await l1TablesOf(image, geometry)) {
    const { view } = await readL1(draft, BigInt(offset), count);
    if (
      isNoL1Table(view, geometry) &&
      !(await isRestZeros(draft, BigInt(offset) + BigInt(view.byteLength), geometry))
    ) {
      continue;
    }
    const after = new Uint8Array(view.buffer);
    const before = after.slice();
    for (let at = 0; at < after.length; at += l1EntryBytes) {
      if ((view.getUint32(at) | view.getUint32(at + 4)) !== 0) {
        changed = (await entries.mend(view, at, BigInt(offset))) || changed;
      }
    }
    await writeChanged(
      draft,
      source < 0 ? 'L1 table' : `L1 table of snapshot[${source}]`,
      BigInt(offset),
      before,
      after,
    );
    await progress.step(0, 0);
  }
  await entries.adoptOrphan(progress);
  return changed;
}

/** Whether only zeros follow in the cluster, as after an L1 table: what is in it may be wrong, but it is one. */
async function isRestZeros(draft: Draft, at: bigint, { clusterSize }: Geometry): Promise<boolean> {
  const bytes = new Uint8Array((clusterSize - Number(at % BigInt(clusterSize))) % clusterSize);
  const bad = await readHostBytes(draft, at, bytes);
  return bytes.length > 0 && bad.length === 0 && bytes.every((byte) => byte === 0);
}

class L1Entries {
  readonly #draft: Draft;
  readonly #repair: EntryRepair;
  /** By host cluster of an L2 table: the L1 index to which it belongs. */
  readonly #indices = new Map<number, number>();
  /** L1 entries (host offset in bytes) that lead nowhere now. */
  readonly #detached: { readonly code: RepairCode; readonly host: bigint }[] = [];
  /** Copies of L2 tables, by their host cluster and L1 index. */
  readonly #copies = new Map<string, number>();

  constructor(draft: Draft, repair: EntryRepair) {
    this.#draft = draft;
    this.#repair = repair;
  }

  /** Puts the entry at byte `at` of a table right; `offset`: host offset of the table in bytes. */
  async mend(view: DataView, at: number, offset: bigint): Promise<boolean> {
    const { survey, wanted } = this.#repair;
    const { clusterBits, clusterSize, fileClusters } = survey.geometry;
    const host = offset + BigInt(at);
    let changed = false;
    const set = (code: RepairCode, hi: number, lo: number): boolean => {
      view.setUint32(at, hi);
      view.setUint32(at + 4, lo);
      this.#repair.mended(code);
      return true;
    };
    if (l1HasReserved(view.getUint32(at), view.getUint32(at + 4)) && wanted('l1-entry-reserved', host)) {
      changed = set('l1-entry-reserved', view.getUint32(at) & 0x80ff_ffff, view.getUint32(at + 4) & 0xffff_fe00);
    }
    const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
    const table = l1Place(hi, lo);
    const cluster = Math.floor(table / clusterSize);
    if (table === 0) {
      const isMended = (hi | lo) !== 0 && wanted(withoutTable, host);
      return isMended ? this.#detach(withoutTable, host, set) : changed;
    }
    if (l1Unaligned(lo, clusterBits)) {
      return wanted('l1-entry-unaligned', host) ? this.#mendUnaligned(cluster, host, set) : changed;
    }
    if (cluster >= fileClusters && !this.#repair.end.has(cluster)) {
      return wanted('l2-table-past-end', BigInt(table)) ? this.#detach('l2-table-past-end', host, set) : changed;
    }
    if (await this.#isGarbage(cluster)) {
      const isWanted = wanted('l2-entry-reserved', BigInt(table)) && wanted('l2-entry-unaligned', BigInt(table));
      return isWanted ? this.#detach('l2-entry-reserved', host, set) : changed;
    }
    if (await this.#isForeign(cluster)) {
      return wanted('clusters-overlap', BigInt(table)) ? this.#detach('clusters-overlap', host, set) : changed;
    }
    const index = at / l1EntryBytes;
    const of = this.#indices.get(cluster) ?? index;
    this.#indices.set(cluster, of);
    if (of !== index && wanted('l2-table-shared', BigInt(table))) {
      const copy = await this.#copyOf(cluster, index);
      const offsetOfCopy = copy * clusterSize;
      return set('l2-table-shared', Math.floor(offsetOfCopy / 0x1_0000_0000), offsetOfCopy % 0x1_0000_0000);
    }
    return changed;
  }

  /** An L2 table may lie where the unaligned offset says, but for its low bits. */
  async #mendUnaligned(
    cluster: number,
    host: bigint,
    set: (code: RepairCode, hi: number, lo: number) => boolean,
  ): Promise<boolean> {
    const { survey } = this.#repair;
    if (isUnclaimed(survey, cluster) && (await this.#looksLikeTable(cluster))) {
      survey.l2Tables.add(cluster, 1);
      const offset = cluster * survey.geometry.clusterSize;
      return set('l1-entry-unaligned', Math.floor(offset / 0x1_0000_0000), offset % 0x1_0000_0000);
    }
    return this.#detach('l1-entry-unaligned', host, set);
  }

  #detach(code: RepairCode, host: bigint, set: (code: RepairCode, hi: number, lo: number) => boolean): boolean {
    this.#detached.push({ code, host });
    return set(code, 0, 0);
  }

  /**
   * Where one L1 entry has lost its table, and one table its L1 entry, they belong together. Else what is in the tables
   * that were lost is given up.
   */
  async adoptOrphan(progress: Progress): Promise<void> {
    const { survey: found, lost } = this.#repair;
    const [one] = this.#detached;
    const fits = (cluster: number): Promise<boolean> => isL2Table(this.#draft, found.geometry, cluster);
    const orphans = this.#detached.length === 1 ? await unclaimed(found, 2, fits, progress) : [];
    const [orphan] = orphans;
    if (one && orphan !== undefined && orphans.length === 1) {
      found.l2Tables.add(orphan, 1);
      const entry = new Uint8Array(l1EntryBytes);
      new DataView(entry.buffer).setBigUint64(0, BigInt(orphan) * BigInt(found.geometry.clusterSize));
      await this.#draft.write('L1 table', one.host, entry);
      return;
    }
    for (const { code } of this.#detached) {
      if (code !== withoutTable) {
        lost(code, found.geometry.l2Entries);
      }
    }
  }

  /** Whether a cluster is no L2 table but something else: another structure, or the guest's data. */
  async #isForeign(cluster: number): Promise<boolean> {
    const { structures, data, compressed } = this.#repair.survey;
    const isData = data.has(cluster) || compressed.has(cluster);
    return structures.has(cluster) || (isData && !(await this.#looksLikeTable(cluster)));
  }

  async #looksLikeTable(cluster: number): Promise<boolean> {
    const view = await this.#read(cluster);
    return view !== undefined && looksLikeTable(view, this.#repair.survey.geometry);
  }

  /** Whether what an entry leads to is no L2 table at all. */
  async #isGarbage(cluster: number): Promise<boolean> {
    const view = await this.#read(cluster);
    return view !== undefined && isNoL2Table(view, this.#repair.survey.geometry);
  }

  /** The bytes of a cluster; undefined where it can't be read. */
  async #read(cluster: number): Promise<DataView | undefined> {
    const { clusterSize } = this.#repair.survey.geometry;
    const bytes = new Uint8Array(clusterSize);
    const bad = await readHostBytes(this.#draft, BigInt(cluster) * BigInt(clusterSize), bytes);
    return bad.length === 0 ? new DataView(bytes.buffer) : undefined;
  }

  async #copyOf(cluster: number, index: number): Promise<number> {
    const { survey, end } = this.#repair;
    const key = `${cluster} ${index}`;
    const known = this.#copies.get(key);
    if (known !== undefined) {
      return known;
    }
    const copy = end.take(1);
    this.#copies.set(key, copy);
    const size = BigInt(survey.geometry.clusterSize);
    const bytes = new Uint8Array(survey.geometry.clusterSize);
    await this.#draft.read(BigInt(cluster) * size, bytes);
    this.#draft.freshen(BigInt(copy) * size, size);
    await this.#draft.write(`L2 table of L1[${index}]`, BigInt(copy) * size, bytes);
    return copy;
  }
}
