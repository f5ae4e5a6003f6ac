import type { Draft } from '../../change/draft.ts';
import {
  l2Compressed,
  l2CompressedFlag,
  l2Copied,
  l2HasReserved,
  l2HostOffset,
  l2Kind,
  l2Kinds,
} from '../../format/l2.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { EndClusters } from './endClusters.ts';
import type { Survey } from './survey.ts';
import { type L2Table, readTable } from './suspectTables.ts';
import { sectorBytes } from './tableContent.ts';

/** Where there are more strays, it is no matter of single bits. */
const mostStrays = 64;

/** An L2 entry for data that leads to what can't be the guest's, or to what another guest cluster has too. */
export interface Stray {
  /** Host offset of the entry in bytes. */
  readonly at: number;
  /** Index of its table in the set, and in the table. */
  readonly table: number;
  readonly entry: number;
  /** Host offset to which it leads, in bytes. */
  readonly target: number;
  /** Host offsets, in bytes, to which it would lead if it went on from the entry before it, or up to the one behind it. */
  readonly inTurn: readonly number[];
}

/** The strays of an image. */
export interface Strays {
  /** That lead to no data, each the only stray of its sector. */
  readonly lost: readonly Stray[];
  /** Two that lead to the same data, where they are all the strays that there are. */
  readonly pair: readonly [Stray, Stray] | undefined;
  /** That would be right but for the compressed flag, each the only stray of its sector. */
  readonly flagged: readonly Stray[];
}

const none: Strays = { lost: [], pair: undefined, flagged: [] };

/** Finds the strays; none where there are many. `shared`: host clusters that several guest clusters have. */
export async function findStrays(
  draft: Draft,
  survey: Survey,
  suspects: readonly L2Table[],
  end: EndClusters,
  shared: ReadonlyMap<number, unknown>,
): Promise<Strays> {
  const { geometry } = survey;
  const { clusterSize, l2EntryBytes } = geometry;
  const view = new DataView(new ArrayBuffer(clusterSize));
  const lost: Stray[] = [];
  const sharing: Stray[] = [];
  const flagged: Stray[] = [];
  const strays = (): number => lost.length + sharing.length + flagged.length;
  for (const { index, offset } of suspects) {
    await readTable(draft, offset, view);
    for (let at = 0; at < clusterSize && strays() <= mostStrays; at += l2EntryBytes) {
      const [hi, lo] = [view.getUint32(at), view.getUint32(at + 4)];
      const isFlagged = l2Compressed(hi) && l2Copied(hi) && isPlainBitmap(view, at, geometry);
      if ((hi | lo) === 0 || !isForData(isFlagged ? hi & ~l2CompressedFlag : hi, lo, geometry)) {
        continue;
      }
      const target = l2HostOffset(hi, lo);
      const isLost = leadsNowhere(target, survey, end);
      const isStray = isFlagged ? !isLost : isLost || shared.has(target / clusterSize);
      if (isStray) {
        const list = isFlagged ? flagged : isLost ? lost : sharing;
        const inTurn = inTurnAt(view, at, geometry);
        list.push({ at: offset + at, table: index, entry: at / l2EntryBytes, target, inTurn });
      }
    }
    if (strays() > mostStrays) {
      return none;
    }
  }
  const all = [...lost, ...sharing, ...flagged];
  const alone = (list: readonly Stray[]): readonly Stray[] => list.filter((stray) => isAlone(stray, all));
  const [one, other] = sharing;
  const isPair = one && other && all.length === 2 && one.target === other.target;
  return { lost: alone(lost), pair: isPair ? [one, other] : undefined, flagged: alone(flagged) };
}

/** Whether the bitmap of an extended L2 entry is one of data, in part at least; true for a standard entry. */
function isPlainBitmap(view: DataView, at: number, { extended }: Geometry): boolean {
  const [zero, alloc] = extended ? [view.getUint32(at + 8), view.getUint32(at + 12)] : [0, 1];
  return alloc !== 0 && (alloc & zero) === 0;
}

/** Whether no other entry of its sector is a stray: where a sector was written over, several are. */
function isAlone(stray: Stray, all: readonly Stray[]): boolean {
  const sectorOf = ({ at }: Stray): number => Math.floor(at / sectorBytes);
  return !all.some((other) => other !== stray && sectorOf(other) === sectorOf(stray));
}

/** Whether an entry is right as one for data, but perhaps for where it leads. */
function isForData(hi: number, lo: number, geometry: Geometry): boolean {
  const kind = l2Kind(hi, lo, geometry);
  const isData = kind === l2Kinds.normal || (kind === l2Kinds.unallocated && l2Copied(hi));
  return isData && !l2HasReserved(hi, lo) && (lo & 1) === 0;
}

function leadsNowhere(target: number, { geometry, structures, l2Tables }: Survey, end: EndClusters): boolean {
  const cluster = Math.floor(target / geometry.clusterSize);
  const isPastEnd = cluster >= geometry.fileClusters && !end.has(cluster);
  return target % geometry.clusterSize !== 0 || isPastEnd || structures.has(cluster) || l2Tables.has(cluster);
}

function inTurnAt(view: DataView, at: number, geometry: Geometry): number[] {
  const { clusterSize, l2EntryBytes } = geometry;
  return [-1, 1].flatMap((step) => {
    const beside = at + step * l2EntryBytes;
    if (beside < 0 || beside >= view.byteLength) {
      return [];
    }
    const [hi, lo] = [view.getUint32(beside), view.getUint32(beside + 4)];
    return l2Kind(hi, lo, geometry) === l2Kinds.normal ? [l2HostOffset(hi, lo) - step * clusterSize] : [];
  });
}
