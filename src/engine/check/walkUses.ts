import { unloadableBitmaps } from '../image/bitmapLoading.ts';
import { EntryFindings } from '../image/entryFindings.ts';
import type { Geometry } from '../image/geometry.ts';
import { HostMarks } from '../image/hostMarks.ts';
import type { Image } from '../image/image.ts';
import { owners, type ReferenceVisitor } from '../image/reference.ts';
import { walkReferences } from '../image/references.ts';
import { share } from '../image/scan.ts';
import type { Progress } from '../ports.ts';
import { CrossLinks, windowsOf } from './crossLinks.ts';
import { EntryFindingRows } from './entryFindingRows.ts';
import type { FindingSet } from './findingSet.ts';
import type { LowRefcounts } from './lowRefcounts.ts';
import { OverlapOwners } from './overlapNames.ts';

/** Codes of findings for which QEMU does not load a bitmap. */
const bitmapCodes = [
  'bitmap-table-entry-reserved',
  'bitmap-table-entry-unaligned',
  'bitmap-table-entry-unreadable',
] as const;

/**
 * Finds what is wrong with the entries of all tables and with what clusters are used for: twice, for different things or
 * without a snapshot that explains it. `low` is told what uses the clusters that it knows of. Returns how many entries lead
 * to compressed data.
 */
export async function walkUses(
  image: Image,
  geometry: Geometry,
  set: FindingSet,
  low: LowRefcounts,
  progress: Progress,
): Promise<number> {
  const compressed = { count: 0 };
  for (let from = 0; from < geometry.fileClusters || from === 0; ) {
    const part = share(progress, from / Math.max(1, geometry.fileClusters), 1);
    from = await walkFrom(image, geometry, from, set, low, compressed, part);
  }
  const flawed = bitmapCodes.flatMap((code) => set.findings(code, 0, Number.POSITIVE_INFINITY));
  set.add(...(await unloadableBitmaps(image, flawed)));
  return compressed.count;
}

/** The share of the first walk in the progress. */
const firstShare = 0.5;

/** Walks for the clusters from `from` on; returns where it ended. The first time it finds the flaws of the entries too. */
async function walkFrom(
  image: Image,
  geometry: Geometry,
  from: number,
  set: FindingSet,
  low: LowRefcounts,
  compressed: { count: number },
  progress: Progress,
): Promise<number> {
  const marks = new HostMarks(from, geometry.fileClusters);
  const mark: ReferenceVisitor = {
    reference: (owner, _source, _index, cluster, count) => {
      compressed.count += owner === owners.compressed ? 1 : 0;
      marks.mark(owner, cluster, count);
    },
  };
  const rows = new EntryFindingRows(geometry, set);
  await walkReferences(image, from === 0 ? both(rows, mark) : mark, share(progress, 0, firstShare));
  const overlaps = new OverlapOwners(geometry, marks.overlaps);
  const windows = windowsOf(marks);
  const asks = marks.overlaps.length > 0 || (from === 0 && !low.isEmpty);
  for (const [index, window] of (windows.length === 0 && asks ? [from] : windows).entries()) {
    const links = new CrossLinks(geometry, marks, window, set);
    const named = index === 0 ? both(overlaps, from === 0 ? both(links, low) : links) : links;
    const done = firstShare + ((1 - firstShare) * index) / Math.max(1, windows.length);
    await walkReferences(image, named, share(progress, done, 1));
    links.end();
  }
  if (from === 0) {
    low.end();
  }
  const activeL1 = { offset: image.l1.offset, length: BigInt(image.l1.entries) * 8n };
  new EntryFindings(geometry, set).overlaps(marks, activeL1, (overlap) => overlaps.names(overlap));
  return marks.to;
}

/** Tells two visitors. */
function both(first: ReferenceVisitor, second: ReferenceVisitor): ReferenceVisitor {
  return {
    reference: (owner, source, index, cluster, count, references) => {
      first.reference(owner, source, index, cluster, count, references);
      second.reference(owner, source, index, cluster, count, references);
    },
    table: (index) => {
      first.table?.(index);
      second.table?.(index);
    },
    flaw: (flaw, place) => {
      first.flaw?.(flaw, place);
      second.flaw?.(flaw, place);
    },
  };
}
