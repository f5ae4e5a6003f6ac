import type { CheckResult } from '../engine/check/check.ts';
import { bytesOfText } from './bytes.ts';
import type { Fixed } from './checkRepair.ts';
import type { JsonObject } from './json.ts';
import { Failure } from './program.ts';

/** Exit codes of qemu-img check. */
export const exitCodes = { sound: 0, failed: 1, corrupt: 2, leaks: 3, notSupported: 63 } as const;

/** The image is of a format without checks. */
export function noCheck(): Failure {
  return new Failure('This image format does not support checks', { exitCode: exitCodes.notSupported });
}

/** qemu-img's exit code. Throws a `Failure` where something could not be checked. */
export function exitCodeOf({ checkErrors, corruptions, leaks }: CheckResult): number {
  if (checkErrors > 0) {
    throw new Failure('Check failed');
  }
  return corruptions > 0 ? exitCodes.corrupt : leaks > 0 ? exitCodes.leaks : exitCodes.sound;
}

/** QEMU's ImageCheck, its members in the order of its definition; those that are 0 are left out. */
export function asObject(result: CheckResult, name: string, fixed: Fixed): JsonObject {
  const { checkErrors, imageEndOffset, corruptions, leaks, totalClusters, use } = result;
  return {
    filename: bytesOfText(name),
    format: 'qcow2',
    'check-errors': checkErrors,
    'image-end-offset': imageEndOffset,
    corruptions: corruptions || undefined,
    leaks: leaks || undefined,
    'corruptions-fixed': fixed.corruptions || undefined,
    'leaks-fixed': fixed.leaks || undefined,
    'total-clusters': totalClusters || undefined,
    'allocated-clusters': use.allocated || undefined,
    'fragmented-clusters': use.fragmented || undefined,
    'compressed-clusters': use.compressed || undefined,
  };
}

/** As dump_human_image_check of qemu-img. */
export function asText({ checkErrors, imageEndOffset, corruptions, leaks, totalClusters, use }: CheckResult): string {
  const lines: string[] = [];
  if (corruptions + leaks + checkErrors === 0) {
    lines.push('No errors were found on the image.');
  }
  if (corruptions > 0) {
    lines.push(
      `\n${corruptions} errors were found on the image.`,
      'Data may be corrupted, or further writes to the image may corrupt it.',
    );
  }
  if (leaks > 0) {
    lines.push(
      `\n${leaks} leaked clusters were found on the image.`,
      'This means waste of disk space, but no harm to data.',
    );
  }
  if (checkErrors > 0) {
    lines.push(`\n${checkErrors} internal errors have occurred during the check.`);
  }
  if (totalClusters > 0n && use.allocated > 0) {
    const share = (part: number, whole: number): string => `${twoDigits((part * 100) / whole)}%`;
    lines.push(
      `${use.allocated}/${totalClusters} = ${share(use.allocated, Number(totalClusters))} allocated, ` +
        `${share(use.fragmented, use.allocated)} fragmented, ${share(use.compressed, use.allocated)} compressed clusters`,
    );
  }
  if (imageEndOffset !== undefined) {
    lines.push(`Image end offset: ${imageEndOffset}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A number with two digits after the point as C prints it: what lies in the middle goes to the even digit. */
function twoDigits(value: number): string {
  const hundredths = value * 100;
  // Only eighths can lie in the middle, and of those the product is exact.
  const isMiddle = Number.isInteger(value * 8) && hundredths % 1 === 0.5;
  const down = Math.floor(hundredths);
  return isMiddle ? ((down + (down % 2)) / 100).toFixed(2) : value.toFixed(2);
}
