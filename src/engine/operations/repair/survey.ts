import { looksLikeTable } from '../../check/lostTable.ts';
import { readSmallRefcount } from '../../format/refcounts.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { readHostBytes } from '../../image/hostBytes.ts';
import type { Image } from '../../image/image.ts';
import { walkL2References } from '../../image/l2References.ts';
import type { L2TableSet } from '../../image/l2TableSet.ts';
import { readRefcountTable, refcountTableEntries } from '../../image/refcountTable.ts';
import { type EntryPlace, type Flaw, flaws, type Owner, owners, type ReferenceVisitor } from '../../image/reference.ts';
import { walkTableReferences } from '../../image/references.ts';
import { share } from '../../image/scan.ts';
import { UnalignedEntry } from '../../image/unalignedEntry.ts';
import type { Progress } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { dropFalseRefcounts } from './falseRefcounts.ts';
import { isBitmapTable } from './tableContent.ts';

/** What the clusters of the file are used for, by the references that make sense. */
export interface Survey {
  readonly image: Image;
  readonly geometry: Geometry;
  /** Undefined where no table can be found. */
  readonly tables: L2TableSet | undefined;
  /** Header, L1 tables, refcounts that count, snapshot table, bitmaps where nothing else is, LUKS area. */
  readonly structures: ClusterSet;
  readonly l2Tables: ClusterSet;
  readonly data: ClusterSet;
  /** Clusters of data to which several entries lead, of one layer or of several. */
  readonly again: ClusterSet;
  readonly compressed: ClusterSet;
  /**
   * Clusters to which bitmaps lead, and something else too, or several of them. Where their content does not tell that they
   * are the bitmap's, they are not among the structures: a bitmap is worth less than what the guest has.
   */
  readonly contested: ClusterSet;
  /** Clusters whose refcount is not 0, or not known: only looked up where an unaligned entry may have meant one of them. */
  readonly counted: ClusterSet;
}

/** Surveys a file; tells `end` what leads past its end. `counts`: whether `counted` is wanted in any case. */
export async function survey(
  image: Image,
  geometry: Geometry,
  end: EndClusters,
  counts: boolean,
  progress: Progress,
): Promise<Survey> {
  const uses = new Uses(geometry, end);
  const tables = await walkTableReferences(image, uses, share(progress, 0, 0.2));
  if (tables) {
    await walkL2References(image.storage, geometry, tables, uses, share(progress, 0.2, 0.8));
  }
  const { structures, l2Tables, data, again, compressed, refcounts, bitmaps, contested } = uses;
  const others = [structures, l2Tables, data, compressed];
  for (const cluster of bitmaps.each()) {
    const isShared = others.some((other) => other.has(cluster));
    (isShared && !(await isBitmaps(image, geometry, uses, cluster)) ? contested : structures).add(cluster, 1);
  }
  await dropFalseRefcounts(image, geometry, { refcounts, others }, share(progress, 0.8, 1));
  for (const cluster of refcounts.each()) {
    structures.add(cluster, 1);
    if (bitmaps.has(cluster)) {
      contested.add(cluster, 1);
    }
  }
  const counted = counts || uses.unaligned ? await countedClusters(image, geometry, structures) : new ClusterSet();
  return { image, geometry, tables, structures, l2Tables, data, again, compressed, contested, counted };
}

/** Whether a cluster to which a bitmap and something else lead is the bitmap's, by what is in it. */
async function isBitmaps({ storage }: Image, geometry: Geometry, uses: Uses, cluster: number): Promise<boolean> {
  const bytes = new Uint8Array(geometry.clusterSize);
  const bad = await readHostBytes(storage, BigInt(cluster) * BigInt(geometry.clusterSize), bytes);
  if (bad.length > 0 || uses.structures.has(cluster)) {
    return false;
  }
  const view = new DataView(bytes.buffer);
  return uses.l2Tables.has(cluster)
    ? !looksLikeTable(view, geometry)
    : uses.bitmapTables.has(cluster) && isBitmapTable(view, geometry);
}

class Uses implements ReferenceVisitor {
  readonly structures = new ClusterSet();
  readonly refcounts = new ClusterSet();
  readonly l2Tables = new ClusterSet();
  readonly data = new ClusterSet();
  readonly again = new ClusterSet();
  readonly compressed = new ClusterSet();
  /** To which bitmaps lead; and those to which several do. */
  readonly bitmaps = new ClusterSet();
  readonly bitmapTables = new ClusterSet();
  readonly contested = new ClusterSet();
  /** Whether an entry is unaligned. */
  unaligned = false;
  readonly #fileClusters: number;
  readonly #end: EndClusters;
  readonly #entry: UnalignedEntry;

  constructor(geometry: Geometry, end: EndClusters) {
    this.#fileClusters = geometry.fileClusters;
    this.#end = end;
    this.#entry = new UnalignedEntry(geometry);
  }

  table(): void {
    this.#entry.table();
  }

  flaw(flaw: Flaw, place: EntryPlace): void {
    this.unaligned ||= flaw === flaws.unaligned;
    this.#entry.flaw(flaw, place);
  }

  reference(owner: Owner, _source: number, index: number, cluster: number, count: number): void {
    this.#end.refer(cluster, count);
    const inFile = Math.min(count, this.#fileClusters - cluster);
    if (inFile <= 0 || (owner === owners.data && this.#entry.is(index))) {
      return;
    }
    if (owner === owners.data) {
      this.data.add(cluster, inFile, this.again);
    } else if (owner === owners.compressed) {
      this.compressed.add(cluster, inFile);
    } else if (owner === owners.l2Table) {
      this.l2Tables.add(cluster, inFile);
    } else if (owner === owners.refcountTable || owner === owners.refcountBlock) {
      this.refcounts.add(cluster, inFile);
    } else if (owner === owners.bitmapTable || owner === owners.bitmapData) {
      this.bitmaps.add(cluster, inFile, this.contested);
      if (owner === owners.bitmapTable) {
        this.bitmapTables.add(cluster, inFile);
      }
    } else {
      this.structures.add(cluster, inFile);
    }
  }
}

/** `structures`: a refcount table or a block that is not among them is none. */
async function countedClusters(
  { storage, header }: Image,
  geometry: Geometry,
  structures: ClusterSet,
): Promise<ClusterSet> {
  const { clusterSize, refcountBlockEntries: perBlock, refcountOrder, fileClusters, fileSize } = geometry;
  const counted = new ClusterSet();
  const bytes = new Uint8Array(clusterSize);
  const isTable = header && structures.has(Number(header.refcount_table_offset / BigInt(clusterSize)));
  const table = isTable ? [...refcountTableEntries(geometry, await readRefcountTable(storage, geometry, header))] : [];
  // Where there is no refcount block, nothing is known: any cluster may be in use.
  counted.add(0, fileClusters);
  for (const { index, block, unaligned } of table) {
    const first = index * perBlock;
    const isLost = block === 0 || unaligned || BigInt(block) >= fileSize || !structures.has(block / clusterSize);
    if (isLost || (await readHostBytes(storage, BigInt(block), bytes)).length > 0) {
      continue;
    }
    counted.remove(first, Math.max(0, Math.min(perBlock, fileClusters - first)));
    const entries = Math.min(perBlock, fileClusters - first);
    for (let entry = 0; entry < entries; entry++) {
      const start = entry;
      while (entry < entries && readSmallRefcount(bytes, entry, refcountOrder) > 0) {
        entry++;
      }
      counted.add(first + start, entry - start);
    }
  }
  return counted;
}
