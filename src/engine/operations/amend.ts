import type { ChangeSet } from '../change/changeSet.ts';
import { Draft } from '../change/draft.ts';
import type { HeaderChange } from '../change/firstCluster.ts';
import { changeHeader } from '../change/headerSteps.ts';
import { requireChangeable } from '../change/refusals.ts';
import { planStages, type Stage } from '../change/stages.ts';
import { Qcow2Error } from '../error.ts';
import { extensionTypes } from '../format/extensions.ts';
import type { Header } from '../format/header.ts';
import type { Geometry } from '../image/geometry.ts';
import type { GuestPorts } from '../image/guestData.ts';
import type { Image } from '../image/image.ts';
import type { FileState, Progress, Storage } from '../ports.ts';
import { planAmendedSize } from './amendSize.ts';
import { planTables } from './amendTables.ts';
import { type Blocker, refuseIfBlocked } from './blockers.ts';
import { downgradeBlockers } from './downgrade.ts';
import { type L2Survey, surveyL2 } from './l2Survey.ts';
import { refcountOrderOf, versionOf } from './newImage.ts';
import { widthBlocker } from './refcountWidth.ts';
import { completeSnapshots, upgradeBlockers, upgradedHeader } from './upgrade.ts';

/** What is to be changed of an image; what is left out stays. */
export interface AmendOptions {
  /** `0.10` or `v2`, `1.1` or `v3`. */
  readonly compat?: string;
  /** Of the disk, in bytes. */
  readonly size?: bigint;
  /** The name of the external data file as bytes; empty: the image names none. */
  readonly dataFile?: Uint8Array;
  readonly dataFileRaw?: boolean;
  readonly lazyRefcounts?: boolean;
  readonly refcountBits?: bigint;
  /** What the guest's data is read by, for a size: with the backing file open, where the image names one. */
  readonly ports?: GuestPorts;
}

/** Compatible bit 0. */
const lazyBit = 1n;
/** Autoclear bit 1. */
const rawBit = 2n;

/**
 * Plans to change options of an image as one change (qcow2_amend_options): compat up, names and flags in the header, the
 * disk's size, the refcounts' width, compat down, in this order. All that stands in the way is found before, and told
 * together.
 *
 * @throws `Qcow2Error` `bad-argument` for a value that there is not, `refused`, `damaged`, `too-large`, `not-supported`
 */
export async function planAmend(
  image: Image,
  storage: Storage,
  from: FileState,
  options: AmendOptions,
  progress: Progress,
): Promise<ChangeSet> {
  const wanted = wantedOf(image, options);
  requireChangeable(image, { clusters: false });
  const survey = await requireUnblocked(image, wanted, progress);
  requireChangeable(image, { clusters: wanted.tables || wanted.resized });
  const before: Stage[] = [];
  const size: Stage[] = [];
  const tables: Stage[] = [];
  if (wanted.headerChanges || !(wanted.resized || wanted.tables)) {
    before.push((now, view, state) => planHeader(now, view, state, wanted, progress));
  }
  if (wanted.resized) {
    size.push((now, view, state) =>
      planAmendedSize(now, view, state, { size: wanted.size, ports: options.ports }, progress),
    );
  }
  if (wanted.tables) {
    const change = {
      refcountOrder: wanted.refcountOrder,
      downgrade: wanted.version < wanted.header.version,
      ...(wanted.resized ? {} : { survey }),
    };
    tables.push((now, view, state) => planTables(now, view, state, change, progress));
  }
  const inOrder = (stages: readonly Stage[]): Promise<ChangeSet> =>
    planStages(titleOf(wanted, options), image, storage, from, [...before, ...stages]);
  try {
    return await inOrder([...size, ...tables]);
  } catch (error) {
    if (!(error instanceof Qcow2Error && error.code === 'not-supported' && wanted.resized && wanted.tables)) {
      throw error;
    }
    // Where the size streams its writes, it can come last, unless the tables stream theirs.
    return otherwise(error, () => inOrder([...tables, ...size]));
  }
}

/** A second way to plan; where that does not go either, it is the first one's failure that is told. */
async function otherwise(failure: Qcow2Error, plan: () => Promise<ChangeSet>): Promise<ChangeSet> {
  try {
    return await plan();
  } catch (error) {
    throw error instanceof Qcow2Error ? failure : error;
  }
}

/** The options, completed by what the image has. */
interface Wanted {
  readonly header: Header;
  readonly geometry: Geometry;
  readonly version: number;
  readonly size: bigint;
  readonly resized: boolean;
  readonly dataFile: Uint8Array | undefined;
  readonly raw: boolean;
  readonly lazy: boolean;
  readonly refcountOrder: number;
  /** Whether anything changes in the header before the tables do. */
  readonly headerChanges: boolean;
  /** Whether the refcounts are written anew, or the zero clusters go. */
  readonly tables: boolean;
}

/** In the order in which QEMU looks at the options. */
function wantedOf({ header, geometry }: Image, options: AmendOptions): Wanted {
  if (!header || !geometry) {
    throw new Qcow2Error('damaged', 'The header can’t be read as qcow2: there is nothing to change.');
  }
  const version = options.compat === undefined ? header.version : versionOf(options.compat);
  const { dataFile } = options;
  if (dataFile && !geometry.dataFile) {
    throw new Qcow2Error(
      'bad-argument',
      'The image has no external data file, so that none can be named (data_file). Convert it instead.',
      { qemu: 'data-file can only be set for images that use an external data file' },
    );
  }
  const wasRaw = header.version >= 3 && (header.autoclear_features & rawBit) !== 0n;
  const raw = options.dataFileRaw ?? wasRaw;
  if (raw && !wasRaw) {
    throw new Qcow2Error(
      'bad-argument',
      'data_file_raw can’t be set for an image that is there already: its data file may not be as a raw image is.',
      { qemu: 'data-file-raw cannot be set on existing images' },
    );
  }
  const wasLazy = header.version >= 3 && (header.compatible_features & lazyBit) !== 0n;
  const lazy = options.lazyRefcounts ?? wasLazy;
  const refcountOrder =
    options.refcountBits === undefined ? geometry.refcountOrder : refcountOrderOf(options.refcountBits);
  // As in QEMU, no size of 0.
  const size = options.size === undefined || options.size === 0n ? header.size : options.size;
  return {
    ...{ header, geometry, version, size, dataFile, raw, lazy, refcountOrder },
    resized: size !== header.size,
    headerChanges: version > header.version || dataFile !== undefined || raw !== wasRaw || lazy !== wasLazy,
    tables: version < header.version || refcountOrder !== geometry.refcountOrder,
  };
}

/** Throws `refused` with all that stands in the way. Returns the survey of the L2 tables where one was needed. */
async function requireUnblocked(image: Image, wanted: Wanted, progress: Progress): Promise<L2Survey | undefined> {
  const { header, geometry, version, refcountOrder, lazy, size } = wanted;
  const blockers: Blocker[] = [];
  const readable = !geometry.dataFile && !geometry.extended;
  const survey = version !== header.version && readable ? await surveyL2(image, progress) : undefined;
  if (version > header.version && survey) {
    blockers.push(...upgradeBlockers(survey));
  }
  const widthRefused = version < 3 && refcountOrder !== geometry.refcountOrder && refcountOrder !== 4;
  if (widthRefused) {
    blockers.push({
      says: `Refcounts of ${2 ** refcountOrder} bits need compat 1.1.`,
      qemu: 'Refcount widths other than 16 bits require compatibility level 1.1 or above (use compat=1.1 or greater)',
    });
  } else {
    const tooNarrow = await widthBlocker(image, geometry, refcountOrder, progress);
    blockers.push(...(tooNarrow ? [tooNarrow] : []));
  }
  const wasLazy = header.version >= 3 && (header.compatible_features & lazyBit) !== 0n;
  if (lazy && !wasLazy && version < 3) {
    blockers.push({
      says: 'Lazy refcounts need compat 1.1.',
      qemu: 'Lazy refcounts only supported with compatibility level 1.1 and above (use compat=1.1 or greater)',
    });
  }
  if (!lazy && wasLazy && version >= header.version && (header.incompatible_features & 1n) !== 0n) {
    blockers.push({
      // QEMU has the refcounts rebuilt when it opens the image.
      says: 'It was not closed properly (dirty bit): lazy refcounts can’t go before the refcounts have been rebuilt (qemu-img check -r all, or a repair).',
    });
  }
  if (version < header.version) {
    const order = widthRefused ? 4 : refcountOrder;
    blockers.push(...(await downgradeBlockers(image, header, { size, refcountOrder: order }, survey)));
  }
  refuseIfBlocked(blockers);
  return survey;
}

/** What comes before the tables: compat up, names and flags. */
async function planHeader(
  image: Image,
  storage: Storage,
  from: FileState,
  { header, geometry, version, dataFile, raw, lazy }: Wanted,
  progress: Progress,
): Promise<ChangeSet> {
  const draft = new Draft(storage);
  const upgrades = version > header.version;
  const moved = upgrades ? await completeSnapshots(image, geometry, draft, progress) : undefined;
  const upgraded: HeaderChange = upgrades ? upgradedHeader(geometry) : {};
  const extensions = new Map([
    ...(upgraded.extensions ?? []),
    ...(dataFile ? [[extensionTypes.dataFile, dataFile.length === 0 ? undefined : dataFile] as const] : []),
  ]);
  if (dataFile?.length === 0) {
    draft.caution('The image then names no external data file: whoever opens it has to say where its data is.');
  }
  const bits = header.version >= 3 || upgrades;
  const fields = {
    ...upgraded.fields,
    ...moved?.fields,
    ...(bits ? { compatible_features: withBit(header.compatible_features, lazyBit, lazy) } : {}),
    ...(bits ? { autoclear_features: withBit(header.autoclear_features, rawBit, raw) } : {}),
  };
  const change = { fields, ...(extensions.size > 0 ? { extensions } : {}) };
  await changeHeader(draft, change, upgrades ? 'Write the header of compat 1.1' : 'Write the header');
  await moved?.release();
  return draft.changeSet('Amend the header', from);
}

function withBit(bits: bigint, bit: bigint, set: boolean): bigint {
  return set ? bits | bit : bits & ~bit;
}

function titleOf({ header, version, refcountOrder, geometry }: Wanted, options: AmendOptions): string {
  const parts = [
    ...(version > header.version ? ['upgrade to compat 1.1'] : []),
    ...(options.dataFile || options.dataFileRaw !== undefined ? ['external data file'] : []),
    ...(options.lazyRefcounts === undefined ? [] : [`lazy refcounts ${options.lazyRefcounts ? 'on' : 'off'}`]),
    ...(options.size === undefined ? [] : ['size']),
    ...(refcountOrder === geometry.refcountOrder ? [] : [`refcounts of ${2 ** refcountOrder} bits`]),
    ...(version < header.version ? ['downgrade to compat 0.10'] : []),
  ];
  const text = parts.join(', ') || 'amend';
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
