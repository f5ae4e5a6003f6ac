import { html, type TemplateResult } from 'lit';
import type { ScanResult } from '../../src/protocol/imageApi.ts';
import { type GuestKind, guestKinds } from '../../src/protocol/mapApi.ts';

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

export { guestKinds };

/** A little field in the colour and pattern of a kind. */
export function swatch(kind: GuestKind | HostUse): TemplateResult {
  return html`<span class="swatch kind-${kind}" aria-hidden="true"></span>`;
}
