import type { ByteWrite } from '../../change/changeSet.ts';
import type { Draft } from '../../change/draft.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import { share } from '../../image/scan.ts';
import type { Progress, Storage } from '../../ports.ts';
import { findCrossLinks } from './crossLinks.ts';
import type { EntryRepair } from './entryRepair.ts';
import { findMeantClusters } from './flippedBits.ts';
import { type L2Words, mendL2Entry } from './l2Entry.ts';
import type { Survey } from './survey.ts';
import { readTable, suspectTables } from './suspectTables.ts';
import { writeChanged } from './writeChanged.ts';

/**
 * Puts the entries of all L2 tables right in the draft. Clusters that several guest clusters share are copied, so that each
 * has its own: `file` is the file as it is, from which they are read when the change is applied. Returns the clusters that
 * were used for two things before.
 */
export async function mendL2Tables(
  draft: Draft,
  file: Storage,
  entryRepair: EntryRepair,
  progress: Progress,
): Promise<ClusterSet> {
  const { survey, end } = entryRepair;
  const { tables, geometry } = survey;
  const keepers = await findCrossLinks(survey, share(progress, 0, 0.4));
  const disputed = disputedClusters(survey, keepers);
  if (!tables) {
    return disputed;
  }
  const suspects = await suspectTables(draft, survey, tables, keepers, share(progress, 0.4, 0.8));
  const meant = await findMeantClusters(draft, survey, suspects, end, keepers);
  const repair = { ...entryRepair, meant: meant.clusters };
  const shared = [...keepers].filter(([cluster]) => cluster !== meant.settled);
  const copies = new Copies(repair, new Map(shared));
  const mending = share(progress, 0.8, 1);
  const view = new DataView(new ArrayBuffer(geometry.clusterSize));
  for (const [done, { index, offset }] of suspects.entries()) {
    await readTable(draft, offset, view);
    const bytes = new Uint8Array(view.buffer);
    const before = bytes.slice();
    const l1Index = tables.l1Indices[index] ?? 0;
    mendTable(view, { offset, guest: l1Index * geometry.l2Entries }, repair, copies);
    await writeChanged(draft, `L2 table of L1[${l1Index}]`, BigInt(offset), before, bytes);
    await mending.step(done, suspects.length);
  }
  if (copies.list.length > 0) {
    const last = copies.list.at(-1)?.to ?? 0;
    const end = BigInt(last + 1) * BigInt(geometry.clusterSize);
    draft.addStream('Copy clusters that are used twice', () => copyWrites(file, geometry, copies.list), end);
  }
  const size = BigInt(repair.end.end) * BigInt(geometry.clusterSize);
  if (repair.end.end > repair.end.start && size > draft.size) {
    // New clusters that nothing is written to read as zeros.
    draft.resize(size);
  }
  await draft.endStep('Put the entries of the L2 tables right');
  return disputed;
}

/**
 * The clusters that are used for two things: their refcount is not raised, since that would bless it. Data beside compressed
 * data is none: what is compressed is never written in place, and with the right refcount the other isn’t either.
 */
function disputedClusters(
  { data, compressed, structures, l2Tables, contested }: Survey,
  keepers: ReadonlyMap<number, number>,
): ClusterSet {
  const disputed = new ClusterSet();
  for (const cluster of contested.each()) {
    disputed.add(cluster, 1);
  }
  for (const cluster of keepers.keys()) {
    disputed.add(cluster, 1);
  }
  const claims = [
    { clusters: structures, others: [l2Tables, data, compressed] },
    { clusters: l2Tables, others: [data, compressed] },
  ];
  for (const { clusters, others } of claims) {
    for (let cluster = clusters.next(0); cluster !== undefined; cluster = clusters.next(cluster + 1)) {
      const claimed = cluster;
      if (others.some((other) => other.has(claimed))) {
        disputed.add(claimed, 1);
      }
    }
  }
  return disputed;
}

function mendTable(
  view: DataView,
  table: { readonly offset: number; readonly guest: number },
  repair: EntryRepair,
  copies: Copies,
): void {
  const { l2Entries, l2EntryBytes, extended } = repair.survey.geometry;
  const separate = (cluster: number, guest: number): number | undefined => copies.separate(cluster, guest);
  for (let index = 0; index < l2Entries; index++) {
    const at = index * l2EntryBytes;
    const words: L2Words = {
      hi: view.getUint32(at),
      lo: view.getUint32(at + 4),
      zero: extended ? view.getUint32(at + 8) : 0,
      alloc: extended ? view.getUint32(at + 12) : 0,
    };
    if ((words.hi | words.lo | words.zero | words.alloc) === 0) {
      continue;
    }
    mendL2Entry(words, { at: BigInt(table.offset + at), guest: table.guest + index }, repair, separate);
    view.setUint32(at, words.hi);
    view.setUint32(at + 4, words.lo);
    if (extended) {
      view.setUint32(at + 8, words.zero);
      view.setUint32(at + 12, words.alloc);
    }
  }
}

interface Copy {
  readonly from: number;
  readonly to: number;
}

/** The clusters that are copied, so that each guest cluster has its own. */
class Copies {
  /** Ascending by where they go. */
  readonly list: Copy[] = [];
  readonly #repair: EntryRepair;
  readonly #keepers: ReadonlyMap<number, number>;
  readonly #known = new Map<string, number>();

  constructor(repair: EntryRepair, keepers: ReadonlyMap<number, number>) {
    this.#repair = repair;
    this.#keepers = keepers;
  }

  /** The cluster that a guest cluster gets instead of one that it shares; undefined where it keeps it. */
  separate(cluster: number, guest: number): number | undefined {
    const { survey, wanted, end } = this.#repair;
    const at = BigInt(cluster) * BigInt(survey.geometry.clusterSize);
    const isMixed = survey.compressed.has(cluster) && wanted('clusters-overlap', at);
    const keeper = this.#keepers.get(cluster) ?? guest;
    if (!isMixed && (keeper === guest || !wanted('cluster-shared', at))) {
      return undefined;
    }
    // Layers that have the cluster at the same place go on sharing it.
    const key = `${cluster} ${guest}`;
    const to = this.#known.get(key) ?? end.take(1);
    if (!this.#known.has(key)) {
      this.#known.set(key, to);
      this.list.push({ from: cluster, to });
    }
    return to;
  }
}

/** Bytes of a write. */
const pieceBytes = 65536;

async function* copyWrites(
  file: Storage,
  { clusterSize }: Geometry,
  copies: readonly Copy[],
): AsyncGenerator<ByteWrite> {
  for (const { from, to } of copies) {
    for (let done = 0; done < clusterSize; done += pieceBytes) {
      const bytes = new Uint8Array(Math.min(pieceBytes, clusterSize - done));
      await file.read(BigInt(from) * BigInt(clusterSize) + BigInt(done), bytes);
      yield { structure: 'data', at: BigInt(to) * BigInt(clusterSize) + BigInt(done), bytes };
    }
  }
}
