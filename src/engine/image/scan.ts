import { Qcow2Error } from '../error.ts';
import type { Finding } from '../finding.ts';
import type { Progress } from '../ports.ts';
import { unloadableBitmaps } from './bitmapLoading.ts';
import { EntryFindings } from './entryFindings.ts';
import { walkExtents } from './extents.ts';
import { FindingList } from './findingList.ts';
import type { Geometry } from './geometry.ts';
import { HostMarks } from './hostMarks.ts';
import type { Image } from './image.ts';
import { type GuestKind, guestKindOf } from './kinds.ts';
import { beyondL1, guestRange, type Layer, layerUnits } from './layer.ts';
import { readRefcountTable } from './refcountTable.ts';
import { owners, type ReferenceVisitor } from './reference.ts';
import { walkReferences } from './references.ts';
import { type BlockLostVisitor, countUnreferenced } from './unreferenced.ts';

/** What a walk over all tables has found. */
export interface Scan {
  /** Bytes of the guest's disk by kind, of the active layer. */
  readonly guest: Readonly<Record<GuestKind, bigint>>;
  /** Bytes of the file by use. The rest of the file has refcounts, but no references: a check tells about that. */
  readonly host: HostUse;
  /** The findings that need every entry: the first ones, if they are very many. */
  readonly findings: readonly Finding[];
  /** How many there are in all. */
  readonly findingCount: number;
}

/** Bytes of the file by use, in whole clusters: the last one may reach past the end of the file. */
export interface HostUse {
  readonly metadata: bigint;
  readonly data: bigint;
  readonly compressed: bigint;
  /** Without reference, and with refcount 0. */
  readonly free: bigint;
}

/**
 * Walks every L1, L2, refcount table and bitmap table entry. Memory is bounded: a few bits a cluster, and where these
 * are too many, one part of the file after the other. Throws `damaged` for a file without a usable header, `cancelled`;
 * never for what the tables say.
 */
export async function scan(image: Image, progress: Progress): Promise<Scan> {
  const { geometry, layer } = image;
  if (!geometry || !layer) {
    throw new Qcow2Error('damaged', 'There is no header that tells where the tables are: nothing can be scanned.');
  }
  const findings = new FindingList();
  const guest = await guestUse(image, layer, share(progress, 0, guestShare));
  const use = Array.from({ length: 16 }, () => 0);
  let free = 0;
  for (let from = 0; from < geometry.fileClusters || from === 0; ) {
    const done = guestShare + (1 - guestShare) * (from / Math.max(1, geometry.fileClusters));
    const part = await scanFrom(image, geometry, from, findings, share(progress, done, 1));
    for (const [owner, count] of part.counts.entries()) {
      use[owner] = (use[owner] ?? 0) + count;
    }
    free += part.free;
    from = part.to;
  }
  findings.add(...(await unloadableBitmaps(image, findings.findings)));
  return { guest, host: hostUse(geometry, use, free), findings: findings.findings, findingCount: findings.count };
}

/** The share of the guest's walk in the progress. */
const guestShare = 0.4;

/** The guest's disk by kind. */
async function guestUse(image: Image, layer: Layer, progress: Progress): Promise<Record<GuestKind, bigint>> {
  const units: Record<GuestKind, number> = {
    data: 0,
    compressed: 0,
    'zero-allocated': 0,
    'zero-plain': 0,
    unallocated: 0,
    wrong: 0,
  };
  const { unitSize } = layer.geometry;
  const end = layerUnits(layer);
  const reached = guestRange(layer, 0, end).length;
  // Units of the last cluster may lie past the end of the disk, and the last one of the disk may be cut.
  const diskUnits = Number((reached + BigInt(unitSize) - 1n) / BigInt(unitSize));
  let last: GuestKind = 'unallocated';
  await walkExtents(
    image,
    layer,
    { from: 0, to: layer.clusters },
    (kind, start, count) => {
      if (start < diskUnits) {
        last = guestKindOf(kind);
        units[last] += Math.min(count, diskUnits - start);
      }
      return true;
    },
    progress,
  );
  const bytes = (kind: GuestKind): bigint =>
    BigInt(units[kind]) * BigInt(unitSize) - (kind === last ? BigInt(diskUnits) * BigInt(unitSize) - reached : 0n);
  return {
    data: bytes('data'),
    compressed: bytes('compressed'),
    'zero-allocated': bytes('zero-allocated'),
    'zero-plain': bytes('zero-plain'),
    unallocated: bytes('unallocated'),
    wrong: bytes('wrong') + (beyondL1(layer)?.length ?? 0n),
  };
}

/** One pass over all references, for the clusters from `from` to `to`. */
interface Pass {
  readonly to: number;
  /** Clusters by owner. */
  readonly counts: readonly number[];
  /** Clusters. */
  readonly free: number;
}

/** A pass for the clusters from `from` on, as many as the memory allows. The first one collects the findings. */
async function scanFrom(
  image: Image,
  geometry: Geometry,
  from: number,
  findings: FindingList,
  progress: Progress,
): Promise<Pass> {
  const marks = new HostMarks(from, geometry.fileClusters);
  const entries = new EntryFindings(geometry, findings);
  const visitor: ReferenceVisitor = {
    reference: (owner, source, index, cluster, count) => {
      if (from === 0) {
        entries.reference(owner, source, index, cluster, count);
      }
      marks.mark(owner, cluster, count);
    },
    ...(from === 0 ? { flaw: entries.flaw.bind(entries) } : {}),
  };
  await walkReferences(image, visitor, progress);
  entries.overlaps(marks, { offset: image.l1.offset, length: BigInt(image.l1.entries) * 8n });
  const unreferenced = await unreferencedClusters(image, geometry, marks, entries, progress);
  const counts = marks.counts();
  const marked = counts.reduce((sum, count) => sum + count, 0);
  return { to: marks.to, counts, free: marks.to - from - marked - unreferenced };
}

async function unreferencedClusters(
  image: Image,
  geometry: Geometry,
  marks: HostMarks,
  entries: EntryFindings,
  progress: Progress,
): Promise<number> {
  if (!image.header) {
    return 0;
  }
  const table = await readRefcountTable(image.storage, geometry, image.header);
  const lost: BlockLostVisitor = (index, block, bad) => entries.blockUnreadable(index, block, bad);
  return countUnreferenced(image.storage, geometry, table, marks, lost, () => progress.step(1, 1));
}

function hostUse(geometry: Geometry, counts: readonly number[], free: number): HostUse {
  const bytes = (clusters: number): bigint => BigInt(clusters) * BigInt(geometry.clusterSize);
  const data = counts[owners.data] ?? 0;
  const compressed = counts[owners.compressed] ?? 0;
  const metadata = counts.reduce((sum, count) => sum + count, 0) - data - compressed;
  return { metadata: bytes(metadata), data: bytes(data), compressed: bytes(compressed), free: bytes(free) };
}

/** The progress of a part of the work: from one share of the whole to another (0 to 1). */
export function share(progress: Progress, from: number, to: number): Progress {
  const whole = 1_000_000;
  let reached = 0;
  return {
    step: (done, total) => {
      reached = total > 0 ? Math.max(reached, Math.min(1, done / total)) : reached;
      return progress.step(Math.floor((from + (to - from) * reached) * whole), whole);
    },
  };
}
