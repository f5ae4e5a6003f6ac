import type { Pane } from './state.ts';

/** What is selected. There is one selection in a view: the Inspector explains it, every pane marks it. */
export type Selection =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'unknown-fields' }
  | { readonly kind: 'bit'; readonly mask: string; readonly bit: number }
  | { readonly kind: 'extension'; readonly index: number }
  | { readonly kind: 'finding'; readonly index: number }
  | { readonly kind: 'scan-finding'; readonly index: number }
  | { readonly kind: 'snapshot'; readonly index: number }
  | { readonly kind: 'bitmap'; readonly index: number }
  | { readonly kind: 'encryption' }
  | { readonly kind: 'backing' }
  | { readonly kind: 'data-file' }
  | { readonly kind: 'guest'; readonly start: bigint; readonly length: bigint };

/** The selection as text, for the saved state: `field:l1_size`, `bit:incompatible.17`, `guest:65536+4096`. */
export function addressOf(selection: Selection): string {
  switch (selection.kind) {
    case 'field':
      return `field:${selection.name}`;
    case 'bit':
      return `bit:${selection.mask}.${selection.bit}`;
    case 'guest':
      return `guest:${selection.start}+${selection.length}`;
    case 'extension':
    case 'finding':
    case 'scan-finding':
    case 'snapshot':
    case 'bitmap':
      return `${selection.kind}:${selection.index}`;
    case 'unknown-fields':
    case 'encryption':
    case 'backing':
    case 'data-file':
      return selection.kind;
  }
}

/** The selection of an address; undefined when it is none. */
export function selectionAt(address: string): Selection | undefined {
  const [kind = '', place = ''] = address.split(/:(.*)/s);
  const index = /^\d+$/.test(place) ? Number(place) : undefined;
  switch (kind) {
    case 'field':
      return place === '' ? undefined : { kind, name: place };
    case 'bit': {
      const [, mask, bit] = /^(\w+)\.(\d+)$/.exec(place) ?? [];
      return mask === undefined ? undefined : { kind, mask, bit: Number(bit) };
    }
    case 'guest': {
      const [, start, length] = /^(\d+)\+(\d+)$/.exec(place) ?? [];
      return start === undefined || length === undefined
        ? undefined
        : { kind, start: BigInt(start), length: BigInt(length) };
    }
    case 'extension':
    case 'finding':
    case 'scan-finding':
    case 'snapshot':
    case 'bitmap':
      return index === undefined ? undefined : { kind, index };
    case 'unknown-fields':
    case 'encryption':
    case 'backing':
    case 'data-file':
      return { kind };
    default:
      return undefined;
  }
}

/** The pane in which a selection lives. */
export function paneOf(selection: Selection): Pane {
  switch (selection.kind) {
    case 'field':
    case 'unknown-fields':
    case 'bit':
    case 'extension':
      return 'header';
    case 'guest':
      return 'map';
    case 'finding':
    case 'scan-finding':
    case 'snapshot':
    case 'bitmap':
    case 'encryption':
    case 'backing':
    case 'data-file':
      return 'overview';
  }
}

/** True when both select the same thing. */
export function sameSelection(a: Selection | undefined, b: Selection | undefined): boolean {
  return a !== undefined && b !== undefined && addressOf(a) === addressOf(b);
}

/** Asks the app to select something; `reveal` also shows the pane that it lives in. */
export class SelectEvent extends Event {
  readonly selection: Selection;
  readonly reveal: boolean;

  constructor(selection: Selection, reveal = false) {
    super('qcow2-select', { bubbles: true, composed: true });
    this.selection = selection;
    this.reveal = reveal;
  }
}

/** Asks for a selection on behalf of an event of an element. */
export function select(event: Event, selection: Selection, reveal = false): void {
  event.currentTarget?.dispatchEvent(new SelectEvent(selection, reveal));
}
