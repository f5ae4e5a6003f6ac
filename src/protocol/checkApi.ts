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
  /** Findings of a group from one on, `count` at most; the check must have run. */
  checkFindings(request: FindingsRequest): FindingsPage;
}

/** How thorough a check is. */
export interface CheckRequest {
  readonly quick: boolean;
}

/** Some findings of one code. */
export interface FindingsRequest {
  readonly code: FindingCode;
  readonly from: number;
  readonly count: number;
}

/** Findings with their texts. */
export interface FindingsPage extends WithTexts {
  readonly findings: readonly Finding[];
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
