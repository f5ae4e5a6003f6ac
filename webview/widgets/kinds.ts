import { html, nothing, svg, type TemplateResult } from 'lit';
import type { ScanResult } from '../../src/protocol/imageApi.ts';
import {
  type GuestKind,
  type GuestMapKind,
  guestKinds,
  type HostMapKind,
  type MapSpace,
  spaceKinds,
} from '../../src/protocol/mapApi.ts';
import { kindSigns } from './kindSigns.ts';

/** A kind of either map. */
export type MapKind = GuestMapKind | HostMapKind;

/** What the bytes of the file are used for. */
export type HostUse = keyof ScanResult['host'];

/** A kind of guest range or use of the file, in words. Its colour and pattern are the style `kind-<name>`. */
export interface KindWords {
  readonly label: string;
  readonly meaning: string;
}

/** The kinds of guest ranges. */
export const guestWords: Readonly<Record<GuestKind, KindWords>> = {
  data: { label: 'data', meaning: 'Stored in the file as it is.' },
  compressed: { label: 'compressed', meaning: 'Stored in the file as compressed streams.' },
  'zero-allocated': {
    label: 'zero, allocated',
    meaning: 'Reads as zeros; a place in the file is kept for it.',
  },
  'zero-plain': { label: 'zero', meaning: 'Reads as zeros and takes no place in the file.' },
  unallocated: {
    label: 'unallocated',
    meaning: 'Not in this image: it reads from the backing file, or as zeros where there is none.',
  },
  wrong: { label: 'wrong', meaning: 'The table entry breaks a rule of the format, or could not be read.' },
};

/** The uses of the file's bytes. */
export const hostWords: Readonly<Record<HostUse, KindWords>> = {
  metadata: { label: 'metadata', meaning: 'Header, tables, snapshots, bitmaps.' },
  data: { label: 'data', meaning: 'Clusters of guest data.' },
  compressed: { label: 'compressed', meaning: 'Compressed guest data.' },
  free: { label: 'free', meaning: 'In the file, with no reference and refcount 0.' },
};

/** The uses in the order in which they are drawn. */
export const hostUses: readonly HostUse[] = ['metadata', 'data', 'compressed', 'free'];

/** The kinds of the guest's map. */
export const guestMapWords: Readonly<Record<GuestMapKind, KindWords>> = {
  ...guestWords,
  backing: {
    label: 'from the backing file',
    meaning: 'Not allocated here: comes from the backing file, which is not opened.',
  },
  'backing-data': { label: 'backing: data', meaning: 'Not allocated here: the backing chain has data there.' },
  'backing-zero': { label: 'backing: zero', meaning: 'Not allocated here: the backing chain reads as zeros there.' },
  'backing-beyond-end': {
    label: 'beyond the backing file',
    meaning: 'Not allocated here, and past the end of the backing file: reads as zeros.',
  },
};

/** The kinds of the file's map. */
export const hostMapWords: Readonly<Record<HostMapKind, KindWords>> = {
  header: { label: 'header', meaning: 'The header cluster, with the header extensions.' },
  'l1-table': { label: 'L1 table', meaning: 'L1 tables of the active layer and of the snapshots.' },
  'l2-table': { label: 'L2 table', meaning: 'L2 tables of the active layer and of the snapshots.' },
  'refcount-table': { label: 'refcount table', meaning: 'Tells where the refcount blocks are.' },
  'refcount-block': { label: 'refcount block', meaning: 'How many references each cluster of the file has.' },
  'snapshot-table': { label: 'snapshot table', meaning: 'The list of the snapshots.' },
  bitmap: { label: 'bitmap', meaning: 'Bitmap directory, bitmap tables and bitmap data.' },
  luks: { label: 'LUKS', meaning: 'The LUKS header and the key material.' },
  data: { label: 'data', meaning: 'Clusters of guest data.' },
  compressed: { label: 'compressed', meaning: 'Clusters with compressed guest data.' },
  shared: { label: 'shared', meaning: 'Data clusters with more than one reference: shared by snapshots.' },
  leaked: { label: 'leaked', meaning: 'The refcount is not zero, and nothing refers to it.' },
  refcounted: {
    label: 'in use, owner not known yet',
    meaning: 'The refcount is not zero; what refers to it is known once the references are counted.',
  },
  unknown: { label: 'not known', meaning: 'No reference is known, and the refcount can’t be read.' },
  free: { label: 'free', meaning: 'The refcount is zero, and no reference is known.' },
  beyond: {
    label: 'beyond the end',
    meaning: 'Past the end of the file, up to the last cluster that a refcount or a reference names.',
  },
};

/** The space of a map. */
export type SpaceName = MapSpace['space'];

/** The kinds of both maps in words. */
export const mapWords: Readonly<Record<SpaceName, Readonly<Partial<Record<MapKind, KindWords>>>>> = {
  guest: guestMapWords,
  host: hostMapWords,
};

/** The words of a kind by its index in `spaceKinds[space]`. */
export function wordsAt(space: SpaceName, kind: number): KindWords {
  const name = spaceKinds[space][kind];
  const words = name && mapWords[space][name];
  return words ?? { label: '', meaning: '' };
}

export { guestKinds };

/** A little field in the colour of a kind, with its sign. */
export function swatch(kind: MapKind | HostUse): TemplateResult {
  const sign = kind === 'metadata' ? kindSigns['l2-table'] : kindSigns[kind];
  return html`<svg class="swatch kind-${kind}" viewBox="0 0 8 8" aria-hidden="true">${
    sign === undefined ? nothing : svg`<path d=${sign.path} class=${sign.filled ? 'sign-area' : 'sign-line'}></path>`
  }</svg>`;
}

/** The indices of kinds in `spaceKinds[space]`. */
export function spaceIndices(space: SpaceName, kinds: ReadonlySet<MapKind>): ReadonlySet<number> {
  return new Set(spaceKinds[space].flatMap((kind, index) => (kinds.has(kind) ? [index] : [])));
}
