import { unloadableBitmaps } from '../image/bitmapLoading.ts';
import { EntryFindings } from '../image/entryFindings.ts';
import type { Geometry } from '../image/geometry.ts';
import { HostMarks } from '../image/hostMarks.ts';
import type { Image } from '../image/image.ts';
import { readRefcountTable } from '../image/refcountTable.ts';
import { walkReferences } from '../image/references.ts';
import { share } from '../image/scan.ts';
import { countUnreferenced } from '../image/unreferenced.ts';
import type { Progress } from '../ports.ts';
import { type CheckResult, check } from './check.ts';
import type { Diagnosis } from './diagnosis.ts';
import { EntryFindingRows } from './entryFindingRows.ts';
import { FindingSet } from './findingSet.ts';
import { RefcountFindings } from './refcountFindings.ts';

/** How thorough a diagnosis is. */
export interface DiagnosisOptions {
  /** Bytes of memory for the findings that are kept; the rest is counted. */
  readonly findingBytes?: number;
}

/** The share of the check in the progress; the rest is looking for what it does not find. */
const checkShare = 0.5;

/**
 * All that is wrong with an image: what qemu-img check finds, with its numbers, and what it does not look for. An image
 * that QEMU refuses is looked at as far as it goes: never throws for what is in the file, nor for read errors. Throws
 * `cancelled`. Memory is bounded as that of a check, and by `findingBytes`.
 */
export async function diagnose(image: Image, options: DiagnosisOptions, progress: Progress): Promise<Diagnosis> {
  const set = new FindingSet(options.findingBytes);
  set.add(...image.findings);
  const { geometry } = image;
  let result: CheckResult | undefined;
  if (geometry) {
    const found = new RefcountFindings(geometry, set);
    result = await check(image, found, share(progress, 0, checkShare));
    found.end();
    await walkTables(image, geometry, set, share(progress, checkShare, 1));
  }
  return {
    ...(result ? { result } : {}),
    groups: set.groups(),
    causes: [],
    impacts: [],
    findings: (code, from, count) => set.findings(code, from, count),
  };
}

/** Finds what is wrong with the entries of all tables, and what lies over each other. */
async function walkTables(image: Image, geometry: Geometry, set: FindingSet, progress: Progress): Promise<void> {
  for (let from = 0; from < geometry.fileClusters || from === 0; ) {
    const part = share(progress, from / Math.max(1, geometry.fileClusters), 1);
    from = await walkFrom(image, geometry, from, set, part);
  }
  const ofBitmaps = [
    'bitmap-table-entry-reserved',
    'bitmap-table-entry-unaligned',
    'bitmap-table-entry-unreadable',
  ] as const;
  const flawed = ofBitmaps.flatMap((code) => set.findings(code, 0, Number.POSITIVE_INFINITY));
  set.add(...(await unloadableBitmaps(image, flawed)));
}

/** A walk for the clusters from `from` on; returns where it ended. The first one finds the flaws of the entries. */
async function walkFrom(
  image: Image,
  geometry: Geometry,
  from: number,
  set: FindingSet,
  progress: Progress,
): Promise<number> {
  const marks = new HostMarks(from, geometry.fileClusters);
  const rows = new EntryFindingRows(geometry, set);
  await walkReferences(
    image,
    {
      reference: (owner, source, index, cluster, count) => {
        if (from === 0) {
          rows.reference(owner, source, index, cluster, count);
        }
        marks.mark(owner, cluster, count);
      },
      ...(from === 0 ? { flaw: rows.flaw.bind(rows) } : {}),
    },
    progress,
  );
  const entries = new EntryFindings(geometry, set);
  entries.overlaps(marks, { offset: image.l1.offset, length: BigInt(image.l1.entries) * 8n });
  if (image.header) {
    const table = await readRefcountTable(image.storage, geometry, image.header);
    await countUnreferenced(
      image.storage,
      geometry,
      table,
      marks,
      (index, block, bad) => entries.blockUnreadable(index, block, bad),
      () => progress.step(1, 1),
    );
  }
  return marks.to;
}
