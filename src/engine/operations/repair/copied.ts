import type { Draft } from '../../change/draft.ts';
import { messages } from '../../check/messages.ts';
import { RefcountReader } from '../../check/refcountReader.ts';
import { joinWords } from '../../format/bits.ts';
import { l1EntryBytes, l1Place, l1Unaligned } from '../../format/l1.ts';
import { l2Copied, l2HostOffset, l2Kind, l2Kinds, l2Unaligned } from '../../format/l2.ts';
import type { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { readL1 } from '../../image/l1Table.ts';
import { openImage } from '../../image/open.ts';
import { readRefcountTable } from '../../image/refcountTable.ts';
import type { Progress } from '../../ports.ts';
import { leadsToNoTable } from './orphans.ts';
import type { Wanted } from './selection.ts';
import { isNoL2Table } from './tableContent.ts';
import { writeChanged } from './writeChanged.ts';

/**
 * Tells whether COPIED of an entry (`at`: its host offset in bytes) that leads to a cluster is to be right. `cluster`:
 * undefined for one of the external data file.
 */
export type MendsCopied = (at: bigint, cluster: number | undefined) => boolean;

/** By what is wanted, and what the repair itself has changed. */
export function copiedRule(wanted: Wanted, changed: (cluster: number) => boolean): MendsCopied {
  return (at, cluster) => (cluster !== undefined && changed(cluster)) || wanted('copied-wrong', at);
}

/**
 * Drafts COPIED, bit 63 of the entries of the active L1 table and its L2 tables: set where the refcount of what they lead
 * to is 1, as it is for each cluster of an external data file (spec; check_oflag_copied). Nothing is written into tables that
 * are something else too (`shared`), or that can't be tables. Returns how many entries were wrong. `tell` gets what a check
 * says of each.
 */
export async function mendCopied(
  draft: Draft,
  mends: MendsCopied,
  shared: ClusterSet,
  tell: (message: string) => void,
  progress: Progress,
): Promise<number> {
  const image = await openImage(draft);
  const { geometry, header } = image;
  if (!geometry || !header) {
    return 0;
  }
  const reader = new RefcountReader(draft, geometry, await readRefcountTable(draft, geometry, header));
  return new CopiedFlags(draft, geometry, reader, mends, tell).mend(image, shared, progress);
}

class CopiedFlags {
  readonly #draft: Draft;
  readonly #geometry: Geometry;
  readonly #reader: RefcountReader;
  readonly #mends: MendsCopied;
  readonly #tell: (message: string) => void;
  /** A table as it was. */
  readonly #before: Uint8Array;
  #mended = 0;

  constructor(
    draft: Draft,
    geometry: Geometry,
    reader: RefcountReader,
    mends: MendsCopied,
    tell: (message: string) => void,
  ) {
    this.#draft = draft;
    this.#geometry = geometry;
    this.#reader = reader;
    this.#mends = mends;
    this.#tell = tell;
    this.#before = new Uint8Array(geometry.clusterSize);
  }

  async mend({ l1: { offset, entries } }: Image, shared: ClusterSet, progress: Progress): Promise<number> {
    const { clusterBits, clusterSize } = this.#geometry;
    const { view } = await readL1(this.#draft, offset, entries);
    if (await leadsToNoTable(this.#draft, this.#geometry, view)) {
      return 0;
    }
    const before = new Uint8Array(view.buffer).slice();
    const bytes = new Uint8Array(clusterSize);
    for (let index = 0; index * l1EntryBytes < view.byteLength; index++) {
      const at = index * l1EntryBytes;
      const lo = view.getUint32(at + 4);
      const table = l1Place(view.getUint32(at), lo);
      if (table === 0 || l1Unaligned(lo, clusterBits) || BigInt(table) >= this.#draft.size) {
        continue;
      }
      const refcount = await this.#reader.refcount(table / clusterSize);
      this.#mendEntry(view, at, offset, table / clusterSize, refcount, (entry) =>
        messages.l2TableCopied(index, entry, refcount ?? 0),
      );
      if (shared.has(table / clusterSize)) {
        continue;
      }
      await this.#draft.read(BigInt(table), bytes);
      if (!isNoL2Table(new DataView(bytes.buffer), this.#geometry)) {
        await this.#mendTable(bytes, BigInt(table), `L1[${index}] -> L2`);
      }
      await progress.step(index, entries);
    }
    await writeChanged(this.#draft, 'L1 table', offset, before, new Uint8Array(view.buffer));
    return this.#mended;
  }

  async #mendTable(bytes: Uint8Array, table: bigint, name: string): Promise<void> {
    const { clusterBits, clusterSize, l2EntryBytes, dataFile } = this.#geometry;
    const before = this.#before;
    before.set(bytes);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < clusterSize; at += l2EntryBytes) {
      const hi = view.getUint32(at);
      const lo = view.getUint32(at + 4);
      const kind = l2Kind(hi, lo, this.#geometry);
      if ((kind === l2Kinds.normal || kind === l2Kinds.zeroAllocated) && !l2Unaligned(lo, clusterBits)) {
        const cluster = dataFile ? undefined : l2HostOffset(hi, lo) / clusterSize;
        const refcount =
          cluster === undefined ? 1 : (this.#reader.keptRefcount(cluster) ?? (await this.#reader.refcount(cluster)));
        this.#mendEntry(view, at, table, cluster, refcount, messages.dataCopied);
      }
    }
    await writeChanged(this.#draft, name, table, before, bytes);
  }

  /** `at`: of the entry in the table, which lies at host offset `table`. `refcount`: of what it leads to, where it is known. */
  #mendEntry(
    view: DataView,
    at: number,
    table: bigint,
    cluster: number | undefined,
    refcount: number | bigint | undefined,
    says: (entry: bigint, refcount: number | bigint) => string,
  ): void {
    const hi = view.getUint32(at);
    const isUnique = refcount === 1;
    if (isUnique !== l2Copied(hi) && this.#mends(table + BigInt(at), cluster)) {
      this.#tell(says(joinWords(hi, view.getUint32(at + 4)), refcount ?? 0));
      view.setUint32(at, isUnique ? hi | 0x8000_0000 : hi & 0x7fff_ffff);
      this.#mended++;
    }
  }
}
