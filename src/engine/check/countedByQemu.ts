import type { FindingCode } from '../finding.ts';
import { findingTexts } from '../findingTexts.ts';

/** What qemu-img check counts as a corruption, a leak or a check error, beside what keeps it from opening the image. */
const counted: ReadonlySet<FindingCode> = new Set<FindingCode>([
  'cluster-leaked',
  'refcount-too-low',
  'refcount-overflow',
  'copied-wrong',
  'l1-entry-reserved',
  'l1-entry-without-table',
  'l1-entry-unaligned',
  'l1-entry-unreadable',
  'l1-table-past-end',
  'l1-table-unreadable',
  'l2-table-past-end',
  'l2-entry-unreadable',
  'l2-entry-reserved',
  'l2-entry-unaligned',
  'l2-subclusters-invalid',
  'l2-compressed-in-data-file',
  'l2-compressed-subclusters',
  'l2-compressed-copied',
  'l2-compressed-offset',
  'data-past-end',
  'compressed-past-end',
  'refcount-table-past-end',
  'refcount-table-entry-reserved',
  'refcount-table-entry-unaligned',
  'refcount-block-past-end',
  'refcount-block-unreadable',
  'snapshot-table-past-end',
  'snapshot-table-too-large',
  'snapshot-table-offset-invalid',
  'snapshot-entry-incomplete',
  'snapshot-l1-offset-invalid',
  'snapshot-l1-too-large',
  'snapshot-l1-past-end',
  'data-file-with-snapshots',
  'bitmap-directory-past-end',
  'bitmap-table-past-end',
  'bitmap-table-entry-reserved',
  'bitmap-table-entry-unaligned',
  'bitmap-table-entry-unreadable',
  'bitmap-data-past-end',
  'luks-header-past-end',
]);

/** Whether qemu-img check tells of it: it counts it, or does not open the image because of it. */
export function isCountedByQemu(code: FindingCode): boolean {
  return counted.has(code) || findingTexts[code].verdict === 'refuses';
}
