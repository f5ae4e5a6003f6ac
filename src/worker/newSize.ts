import { showExactSize, showSize } from '../engine/format/show.ts';
import { diskSizeRefusal, type TableReach } from '../engine/operations/diskLimit.ts';
import { sizeOf } from './createThread.ts';

/** A disk that is to get another size: `virtualSize` in bytes. */
export interface ResizedDisk extends TableReach {
  readonly virtualSize: bigint;
}

/**
 * The size that a text says for a disk, in bytes, or in words why it can't be: one of its own, or with a sign by how much
 * it is larger or smaller. In whole sectors, as QEMU has it.
 */
export function newSizeOf(text: string, disk: ResizedDisk): bigint | string {
  const before = disk.virtualSize;
  const [, sign = '', amountText = ''] = /^\s*([+-]?)(.*)$/s.exec(text) ?? [];
  const amount = sizeOf(amountText);
  if (typeof amount === 'string') {
    return amount;
  }
  const said = sign === '' ? amount : sign === '+' ? before + amount : before - amount;
  const size = (said + 511n) & ~511n;
  return size <= 0n ? 'A disk has at least one sector of 512 bytes.' : (diskSizeRefusal(disk, size) ?? size);
}

/** What a size is beside the one before, both in bytes: `20 GiB: 10 GiB more than now`. */
export function newSizeWords(size: bigint, before: bigint): string {
  const difference =
    size === before
      ? 'as now'
      : size > before
        ? `${showSize(size - before)} more than now`
        : `${showSize(before - size)} less than now`;
  return `${showExactSize(size)}: ${difference}`;
}
