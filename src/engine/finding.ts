import type { FindingText, FindingValues } from './findingText.ts';
import type { findingTexts } from './findingTexts.ts';

export type { FindingText, QemuVerdict, Severity } from './findingText.ts';

/** A kind of finding. Stable: it is in JSON output. */
export type FindingCode = keyof typeof findingTexts;

/** Texts by code. */
export type FindingTexts = Readonly<Partial<Record<FindingCode, FindingText>>>;

/** A range of bytes of the file or of the guest's disk. */
export interface ByteRange {
  readonly offset: bigint;
  readonly length: bigint;
}

/** Something wrong or remarkable in an image. */
export interface Finding {
  readonly code: FindingCode;
  /** The way to the place in words of the spec: `header.cluster_bits`, `L1[3] -> L2[17]`, `snapshot[0]`. */
  readonly chain: string;
  /** Values that the texts name. */
  readonly values: FindingValues;
  readonly host?: ByteRange;
  readonly guest?: ByteRange;
}

/** Makes a finding. */
export function finding(
  code: FindingCode,
  chain: string,
  values: Finding['values'] = {},
  place: { host?: ByteRange; guest?: ByteRange } = {},
): Finding {
  return { code, chain, values, ...place };
}
