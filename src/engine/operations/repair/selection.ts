import type { ByteRange, FindingCode } from '../../finding.ts';

/** Codes of what is repaired: those of findings. */
export type RepairCode = FindingCode;

/** A finding as a repair is asked for it. */
export interface ChosenFinding {
  readonly code: RepairCode;
  /** Where it is in the file; absent: all of its code. */
  readonly host?: ByteRange;
}

/** A table that is to be put into the active L1 table. */
export interface PlacedTable {
  /** Host offset in bytes. */
  readonly table: bigint;
  readonly l1Index: number;
}

/** Which findings a repair is for; `tables`: nothing but to put lost tables into their places. */
export type RepairSelection =
  | 'all'
  | { readonly tables: readonly PlacedTable[] }
  | { readonly codes: readonly RepairCode[] }
  | { readonly findings: readonly ChosenFinding[] };

/** Whether a place in the file (host offset in bytes) that has a finding is to be repaired. */
export type Wanted = (code: RepairCode, host: bigint) => boolean;

/** Tells by a selection what is to be repaired. */
export function wantedBy(selection: RepairSelection): Wanted {
  if (selection === 'all') {
    return () => true;
  }
  if ('tables' in selection) {
    return () => false;
  }
  if ('codes' in selection) {
    const codes = new Set(selection.codes);
    return (code) => codes.has(code);
  }
  const ranges = new Map<RepairCode, (ByteRange | undefined)[]>();
  for (const { code, host } of selection.findings) {
    ranges.set(code, [...(ranges.get(code) ?? []), host]);
  }
  return (code, at) =>
    (ranges.get(code) ?? []).some((host) => !host || (at >= host.offset && at < host.offset + host.length));
}
