import { showSize } from '../format/show.ts';
import type { MetadataCopy } from './metadataCopy.ts';

/** What is said of a choice that was made. */
export interface MetadataCopyWords {
  /** Whether the bits of the bitmaps are in the copy. */
  readonly bitmapData: boolean;
  /** What became of the names. */
  readonly names: string;
}

/** What is in a metadata-only copy and what was left out, in lines for a person. */
export function metadataCopyLines(target: string, copy: MetadataCopy, words: MetadataCopyWords): string[] {
  const { bitmapData } = words;
  const { leftOut, both, blanked, unreadable, vmStates, names } = copy;
  const keys = leftOut.keyMaterial > 0n;
  const named = [
    ...(names['backing-file'] > 0 ? ['of the backing file'] : []),
    ...(names['data-file'] > 0 ? ['of the data file'] : []),
    ...(names.snapshot > 0 ? [`of ${counted(names.snapshot, 'snapshot')}`] : []),
    ...(names.bitmap > 0 ? [`of ${counted(names.bitmap, 'bitmap')}`] : []),
  ].join(', ');
  return [
    `Metadata: ${amount(copy.metadata)}, copied to ${target}`,
    'Left out, so that it reads as zeros:',
    `  guest data: ${amount(leftOut.data)}${vmStates > 0 ? `, with the machine’s state of ${counted(vmStates, 'snapshot')}` : ''}`,
    `  compressed guest data: ${amount(leftOut.compressed)}`,
    ...(bitmapData ? [] : [`  bits of the bitmaps: ${amount(leftOut.bitmapData)}`]),
    ...(keys ? [`  LUKS key material: ${amount(leftOut.keyMaterial)}; no pass phrase can be tried on the copy`] : []),
    `  clusters to which nothing leads: ${amount(leftOut.unreferenced)}`,
    '  what lies behind the metadata in its clusters',
    ...(both > 0n ? [`Both metadata and guest data, copied: ${counted(Number(both), 'cluster')}`] : []),
    ...(blanked > 0n ? [`Metadata in LUKS key material, left out: ${amount(blanked)}; a check may find more`] : []),
    ...(unreadable > 0n ? [`Metadata that can’t be read, left out: ${amount(unreadable)}; a check may find less`] : []),
    named === '' ? 'Names inside: none' : `Names inside, ${words.names}: ${named}`,
  ];
}

function amount(bytes: bigint): string {
  return `${showSize(bytes)}${bytes < 1024n ? '' : ` (${bytes} bytes)`}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
