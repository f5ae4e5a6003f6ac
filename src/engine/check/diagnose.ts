import { l1EntryBytes } from '../format/l1.ts';
import type { Chain } from '../image/chain.ts';
import { GuestData } from '../image/guestData.ts';
import type { Image } from '../image/image.ts';
import { beyondL1, type Layer } from '../image/layer.ts';
import { share } from '../image/scan.ts';
import type { Codecs, Progress } from '../ports.ts';
import { causesOf } from './causes.ts';
import { chainFindings } from './chainFindings.ts';
import { type CheckResult, check } from './check.ts';
import { verifyCompressed } from './compressedData.ts';
import { findCompressedOverlaps } from './compressedOverlaps.ts';
import type { Diagnosis } from './diagnosis.ts';
import { FindingSet } from './findingSet.ts';
import type { ImpactList } from './impacts.ts';
import { LowRefcounts } from './lowRefcounts.ts';
import { NumberRows } from './numberRows.ts';
import { readPartitions } from './partitions.ts';
import { RefcountFindings } from './refcountFindings.ts';
import { walkRefcountBlocks } from './refcountsPastEnd.ts';
import { walkSnapshotReach } from './snapshotReach.ts';
import { walkUses } from './walkUses.ts';

/** How thorough a diagnosis is. */
export interface DiagnosisOptions {
  /** To read compressed clusters: without them, a partition table in one is not found. */
  readonly codecs?: Codecs;
  /** Decompresses every compressed cluster too, with `codecs`. */
  readonly deep?: boolean;
  /** The files that the image is based on, where they were opened with the user's word. */
  readonly chain?: Chain;
  /** Bytes of memory for the findings that are kept; the rest is counted. */
  readonly findingBytes?: number;
}

/** The share of the check in the progress; the rest is looking for what it does not find. */
const checkShare = 0.5;
/** Where the walks over the references end. */
const usesShare = 0.95;
/** Where all ends but decompressing. */
const deepShare = 0.2;

/**
 * All that is wrong with an image: what qemu-img check finds, with its numbers, and what it does not look for. An image
 * that QEMU refuses is looked at as far as it goes: never throws for what is in the file, nor for read errors. Throws
 * `cancelled`. Memory is bounded as that of a check, and by `findingBytes`.
 */
export async function diagnose(image: Image, options: DiagnosisOptions, progress: Progress): Promise<Diagnosis> {
  const set = new FindingSet(options.findingBytes);
  set.add(...image.findings);
  for (const [code, count] of image.unlistedFindings ?? []) {
    set.addUnlisted(code, count);
  }
  set.add(...(options.chain ? chainFindings(options.chain) : []));
  const { geometry } = image;
  const { codecs } = options;
  let result: CheckResult | undefined;
  let leaks = new NumberRows(2);
  if (geometry) {
    const low = new LowRefcounts(geometry, set);
    const found = new RefcountFindings(geometry, set, low);
    const quick = share(progress, 0, options.deep ? deepShare : 1);
    result = await check(image, found, share(quick, 0, checkShare));
    found.end();
    leaks = found.leaks;
    const compressed = await walkUses(image, geometry, set, low, share(quick, checkShare, usesShare));
    if (compressed > 1) {
      await findCompressedOverlaps(image, geometry, set, share(quick, usesShare, usesShare));
    }
    const end = Math.max(geometry.fileClusters, found.comparedEnd);
    await walkRefcountBlocks(image, geometry, end, set, share(quick, usesShare, 1));
    await walkSnapshotReach(image, geometry, set);
    if (codecs && options.deep) {
      await verifyCompressed(image, geometry, codecs, set, share(progress, deepShare, 1));
    }
  }
  const { impacts, unlisted } = await impactsOf(image, set, codecs);
  return {
    ...(result ? { result } : {}),
    groups: set.groups(isClean(result)),
    causes: await causesOf(image, set, leaks, options.deep === true, share(progress, 1, 1)),
    impacts,
    ...(unlisted > 0 ? { unlistedImpacts: unlisted } : {}),
    findings: (code, from, count) => set.findings(code, from, count),
  };
}

/** Whether qemu-img check has come to its end and counts no corruption. */
function isClean(result: CheckResult | undefined): boolean {
  return result !== undefined && result.failure === undefined && result.checkErrors === 0 && result.corruptions === 0;
}

/** What the guest has of the findings, with its partitions where something is hurt. */
async function impactsOf(image: Image, set: FindingSet, codecs: Codecs | undefined): Promise<ImpactList> {
  const { layer } = image;
  if (!layer) {
    return { impacts: [], unlisted: 0 };
  }
  addUnreached(layer, set);
  const isHurt = set.impacts.count > 0;
  return set.impacts.list(
    layer.size,
    isHurt && codecs ? await readPartitions(new GuestData(image, layer, { codecs })) : [],
  );
}

/** The L1 table has no entry for the end of the disk, or its end is not in the file and reads as zeros. */
function addUnreached(layer: Layer, set: FindingSet): void {
  const { l1, geometry } = layer;
  const beyond = beyondL1(layer);
  if (beyond) {
    set.impacts.addRange('l1-table-too-small', beyond);
  }
  const inFile = l1.view.byteLength / l1EntryBytes;
  if (inFile < l1.entries && set.has('l1-table-past-end')) {
    const span = BigInt(geometry.l2Entries) * BigInt(geometry.clusterSize);
    const range = { offset: BigInt(inFile) * span, length: BigInt(l1.entries - inFile) * span };
    set.impacts.addRange('l1-table-past-end', range);
  }
}
