import type { ByteRange, Finding, FindingCode } from '../finding.ts';
import type { CheckResult } from './check.ts';

/** All that is wrong with an image, and whom it hurts. */
export interface Diagnosis {
  /** What qemu-img check says. Absent where no header tells where the tables are. */
  readonly result?: CheckResult;
  /** The findings by code, the worst first. */
  readonly groups: readonly FindingGroup[];
  /** What explains many findings at once: a lost table, a copy that was cut off. */
  readonly causes: readonly Finding[];
  /** Ranges of the guest's disk that are hurt, in guest order. */
  readonly impacts: readonly GuestImpact[];
  /** How many more ranges are hurt, where they are too many to be told. */
  readonly unlistedImpacts?: number;
  /** Findings of a group from one on, `count` at most, in the order in which they were found. */
  findings(code: FindingCode, from: number, count: number): readonly Finding[];
}

/** The findings of one code. */
export interface FindingGroup {
  readonly code: FindingCode;
  /** How many there are in all. One may be of many clusters in a row. */
  readonly count: number;
  /** How many of them `findings` gives, where memory does not hold all. */
  readonly listed?: number;
  /** Bytes of the file that they are about. */
  readonly hostBytes: bigint;
  /** Bytes of the guest's disk that they hurt. */
  readonly guestBytes: bigint;
  /** Whether qemu-img check does not count them. */
  readonly additional: boolean;
}

/** How bad it is for the guest, the worst first: an error, bytes that are not its own, bytes that may become wrong. */
export const impactKinds = ['unreadable', 'wrong', 'at-risk'] as const;

/** One of `impactKinds`. */
export type ImpactKind = (typeof impactKinds)[number];

/** A range of the guest's disk that a finding hurts. */
export interface GuestImpact {
  readonly kind: ImpactKind;
  readonly guest: ByteRange;
  readonly code: FindingCode;
  /** The partition in which it starts, where the disk has a partition table that can be read. */
  readonly partition?: Partition;
}

/** A partition of the guest's disk. */
export interface Partition {
  readonly scheme: 'MBR' | 'GPT';
  /** As Linux counts: `/dev/sda2` is 2. */
  readonly number: number;
  /** Its type in words, such as `Linux filesystem`, or its code in hex. */
  readonly type: string;
  /** GPT's name, where it has one. */
  readonly name?: string;
  readonly guest: ByteRange;
}
