import { showOffset } from '../src/engine/format/show.ts';
import type { Selection } from './selection.ts';

/** A selection in words of the spec, as `Go to…` takes them: `header.l1_size`, `L1[3] -> L2[17]`, `host 0x3_0000 + 8`. */
export function wordsOf(selection: Selection): string {
  switch (selection.kind) {
    case 'field':
      return `header.${selection.name}`;
    case 'unknown-fields':
      return 'unknown header fields';
    case 'bit':
      return `${selection.mask} bit ${selection.bit}`;
    case 'extension':
    case 'snapshot':
    case 'bitmap':
      return `${selection.kind}[${selection.index}]`;
    case 'finding':
      return `finding ${selection.index + 1} of opening`;
    case 'scan-finding':
      return `finding ${selection.index + 1} of the tables`;
    case 'check-finding':
      return `finding ${selection.index + 1} of ${selection.code}`;
    case 'key-slot':
      return `key slot ${selection.index}`;
    case 'encryption':
      return 'encryption';
    case 'backing':
      return 'backing file';
    case 'data-file':
      return 'data file';
    case 'guest':
    case 'host':
      return `${layerWords(selection)}${selection.kind} ${showOffset(selection.start)} + ${selection.length}`;
    case 'l1-entry':
      return `${layerWords(selection)}L1[${selection.index}]`;
    case 'l2-entry':
      return `${layerWords(selection)}L1[${selection.l1}] -> L2[${selection.index}]`;
    case 'refcount-table-entry':
      return `refcount_table[${selection.index}]`;
    case 'refcount-entry':
      return `refcount_table[${selection.block}] -> refcount[${selection.index}]`;
  }
}

function layerWords(selection: { readonly snapshot?: number } | { readonly kind: 'host' }): string {
  return 'snapshot' in selection && selection.snapshot !== undefined ? `snapshot[${selection.snapshot}] -> ` : '';
}
