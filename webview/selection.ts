import type { FindingCode } from '../src/engine/finding.ts';
import type { Pane } from './state.ts';

/** What is selected. There is one selection in a view: the Inspector explains it, every pane marks it. */
export type Selection =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'unknown-fields' }
  | { readonly kind: 'bit'; readonly mask: string; readonly bit: number }
  | { readonly kind: 'extension'; readonly index: number }
  | { readonly kind: 'finding'; readonly index: number }
  | { readonly kind: 'scan-finding'; readonly index: number }
  /** A finding of the check: by its place among those of its code. */
  | CheckFinding
  | { readonly kind: 'snapshot'; readonly index: number }
  | { readonly kind: 'bitmap'; readonly index: number }
  | { readonly kind: 'encryption' }
  | { readonly kind: 'backing' }
  | { readonly kind: 'data-file' }
  | { readonly kind: 'key-slot'; readonly index: number }
  /** A range of the guest's disk, of the active layer or of a snapshot. Bytes. */
  | { readonly kind: 'guest'; readonly start: bigint; readonly length: bigint; readonly snapshot?: number }
  /** A range of the file. Bytes. */
  | { readonly kind: 'host'; readonly start: bigint; readonly length: bigint }
  /** An entry of the L1 table of the active layer or of a snapshot. */
  | { readonly kind: 'l1-entry'; readonly index: number; readonly snapshot?: number }
  /** An entry of the L2 table that an L1 entry leads to. */
  | { readonly kind: 'l2-entry'; readonly l1: number; readonly index: number; readonly snapshot?: number }
  /** An entry of the refcount table. */
  | { readonly kind: 'refcount-table-entry'; readonly index: number }
  /** An entry of the refcount block that an entry of the refcount table leads to. */
  | { readonly kind: 'refcount-entry'; readonly block: number; readonly index: number };

/** The selection of a finding of the check. */
export interface CheckFinding {
  readonly kind: 'check-finding';
  readonly code: FindingCode;
  readonly index: number;
}

/** The selection of a range of the file. */
export function hostRange(start: bigint, length: bigint): Selection {
  return { kind: 'host', start, length };
}

/**
 * The selection as text, for the saved state: `field:l1_size`, `bit:incompatible.17`, `guest:65536+4096`,
 * `l2-entry:3.17@0` (of snapshot 0).
 */
export function addressOf(selection: Selection): string {
  switch (selection.kind) {
    case 'field':
      return `field:${selection.name}`;
    case 'bit':
      return `bit:${selection.mask}.${selection.bit}`;
    case 'guest':
      return `guest:${selection.start}+${selection.length}${layerSuffix(selection)}`;
    case 'host':
      return `host:${selection.start}+${selection.length}`;
    case 'l1-entry':
      return `l1-entry:${selection.index}${layerSuffix(selection)}`;
    case 'l2-entry':
      return `l2-entry:${selection.l1}.${selection.index}${layerSuffix(selection)}`;
    case 'refcount-entry':
      return `refcount-entry:${selection.block}.${selection.index}`;
    case 'check-finding':
      return `check-finding:${selection.code}.${selection.index}`;
    case 'extension':
    case 'finding':
    case 'scan-finding':
    case 'snapshot':
    case 'bitmap':
    case 'key-slot':
    case 'refcount-table-entry':
      return `${selection.kind}:${selection.index}`;
    case 'unknown-fields':
    case 'encryption':
    case 'backing':
    case 'data-file':
      return selection.kind;
  }
}

function layerSuffix({ snapshot }: { readonly snapshot?: number }): string {
  return snapshot === undefined ? '' : `@${snapshot}`;
}

/** The selection of an address; undefined when it is none. */
export function selectionAt(address: string): Selection | undefined {
  const [kind = '', place = ''] = address.split(/:(.*)/s);
  switch (kind) {
    case 'field':
      return place === '' ? undefined : { kind, name: place };
    case 'bit': {
      const [, mask, bit] = /^(\w+)\.(\d+)$/.exec(place) ?? [];
      return mask === undefined ? undefined : { kind, mask, bit: Number(bit) };
    }
    case 'guest':
    case 'host': {
      const [, start, length, layer] = /^(\d+)\+(\d+)(?:@(\d+))?$/.exec(place) ?? [];
      if (start === undefined || length === undefined) {
        return undefined;
      }
      const range = { start: BigInt(start), length: BigInt(length) };
      return kind === 'host' ? { kind, ...range } : { kind, ...range, ...layerOfAddress(layer) };
    }
    case 'l1-entry': {
      const [, index, layer] = /^(\d+)(?:@(\d+))?$/.exec(place) ?? [];
      return index === undefined ? undefined : { kind, index: Number(index), ...layerOfAddress(layer) };
    }
    case 'l2-entry': {
      const [, l1, index, layer] = /^(\d+)\.(\d+)(?:@(\d+))?$/.exec(place) ?? [];
      return l1 === undefined ? undefined : { kind, l1: Number(l1), index: Number(index), ...layerOfAddress(layer) };
    }
    case 'refcount-entry': {
      const [, block, index] = /^(\d+)\.(\d+)$/.exec(place) ?? [];
      return block === undefined ? undefined : { kind, block: Number(block), index: Number(index) };
    }
    case 'check-finding': {
      const [, code, index] = /^([\w-]+)\.(\d+)$/.exec(place) ?? [];
      // Another version may have had other codes: such a finding is not there any more.
      return code === undefined ? undefined : { kind, code: code as FindingCode, index: Number(index) };
    }
    case 'extension':
    case 'finding':
    case 'scan-finding':
    case 'snapshot':
    case 'bitmap':
    case 'key-slot':
    case 'refcount-table-entry':
      return /^\d+$/.test(place) ? { kind, index: Number(place) } : undefined;
    case 'unknown-fields':
    case 'encryption':
    case 'backing':
    case 'data-file':
      return { kind };
    default:
      return undefined;
  }
}

function layerOfAddress(snapshot: string | undefined): { snapshot?: number } {
  return snapshot === undefined ? {} : { snapshot: Number(snapshot) };
}

/** True when both select the same thing. */
export function sameSelection(a: Selection | undefined, b: Selection | undefined): boolean {
  return a !== undefined && b !== undefined && addressOf(a) === addressOf(b);
}

/** Asks the app to select something, and to show it in `pane` where one is given. */
export class SelectEvent extends Event {
  readonly selection: Selection;
  readonly pane: Pane | undefined;

  constructor(selection: Selection, pane?: Pane) {
    super('qcow2-select', { bubbles: true, composed: true });
    this.selection = selection;
    this.pane = pane;
  }
}

/** Asks for a selection on behalf of an event of an element. */
export function select(event: Event, selection: Selection, pane?: Pane): void {
  event.currentTarget?.dispatchEvent(new SelectEvent(selection, pane));
}
