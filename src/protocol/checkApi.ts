import type { CheckResult } from '../engine/check/check.ts';
import type { FindingGroup, GuestImpact, ImpactKind, Partition } from '../engine/check/diagnosis.ts';
import type { Finding, FindingCode } from '../engine/finding.ts';
import type { WithTexts } from './imageApi.ts';

export type { FindingCode, GuestImpact, ImpactKind, Partition };

/** The check of an image, and its findings page by page. */
export interface CheckApi {
  /**
   * Checks the whole image; later calls get the same result until the file changes. Reports progress. With `quick`, it
   * gives up after a bounded time (`complete` is false then), and only what opening found is in it; so are the answers of
   * later quick calls.
   */
  check(request: CheckRequest): CheckSummary;
  /**
   * What a filter leaves of the findings; the check must have run. Reports progress. An answer is remembered for a while,
   * so that the other methods can be asked about it.
   */
  checkFilter(request: FilterRequest): FilterSummary;
  /** Findings of a group, or of what a filter leaves of it, from one on, `count` at most; the check must have run. */
  checkFindings(request: FindingsRequest): FindingsPage;
  /** The next finding, or the one before, of those that a filter leaves; null where it leaves none. */
  checkStep(request: StepRequest): FindingPlace | null;
}

/** How thorough a check is. */
export interface CheckRequest {
  readonly quick: boolean;
}

/** The words that findings must have, as they were typed: text of theirs, or an offset in their range. Empty for all findings. */
export interface FilterRequest {
  readonly words: string;
}

/** What a filter leaves. */
export interface FilterSummary extends WithTexts {
  /** The codes of which findings match, in the order of the groups. */
  readonly groups: readonly FilteredGroup[];
  /** How many findings were not looked at: they are only counted. */
  readonly unknown: number;
}

/** What a filter leaves of the findings of one code. */
export interface FilteredGroup {
  readonly code: FindingCode;
  /** How many match. */
  readonly count: number;
  /** How many of these are listed. */
  readonly listed: number;
  readonly first: Finding;
  /** The place of the first one among all of its code. */
  readonly index: number;
}

/** Some findings of one code; with `words`, of those that they leave. */
export interface FindingsRequest extends Partial<FilterRequest> {
  readonly code: FindingCode;
  readonly from: number;
  readonly count: number;
}

/** Findings with their texts. */
export interface FindingsPage extends WithTexts {
  readonly findings: readonly Finding[];
  /** The place of each among all of its code. */
  readonly indexes: readonly number[];
}

/** A step from a finding to the next one (1), or the one before (-1), over both ends; with 0 to itself, if the filter leaves it. */
export interface StepRequest extends FilterRequest {
  readonly from?: Pick<FindingPlace, 'code' | 'index'>;
  readonly by: -1 | 0 | 1;
}

/** A finding by its place. */
export interface FindingPlace {
  readonly code: FindingCode;
  /** Among all of its code. */
  readonly index: number;
  /** Among those that the filter leaves. */
  readonly position: number;
}

/** The findings of one code, with the first of them. */
export interface CheckGroup extends FindingGroup {
  readonly first: Finding;
}

/** What a check has found, in numbers; the findings themselves come in pages. */
export interface CheckSummary extends WithTexts {
  /** Whether everything was looked at. */
  readonly complete: boolean;
  /** What qemu-img check says; absent where the check was not complete, or nothing can be checked. */
  readonly result?: CheckResult;
  readonly groups: readonly CheckGroup[];
  readonly causes: readonly Finding[];
  readonly impacts: readonly GuestImpact[];
  /** How many more ranges are hurt, where they are too many to be told. */
  readonly unlistedImpacts?: number;
  /** How long it took, in milliseconds. */
  readonly milliseconds: number;
}
