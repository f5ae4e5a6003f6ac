import { type BitRow, bitRows, encodeBits, joinWords, splitWords } from './bits.ts';

/** Bytes of a bitmap table entry. */
export const bitmapTableEntryBytes = 8;

/** A bitmap table entry (spec, "Bitmap table"). */
export const bitmapTableEntryBits = [
  {
    name: 'all_ones',
    from: 0,
    to: 0,
    meaning: 'Without a cluster of data: what its bits are. With one: reserved.',
  },
  { name: 'reserved_low', from: 1, to: 8, meaning: 'Reserved.' },
  {
    name: 'offset',
    from: 9,
    to: 55,
    inPlace: true,
    meaning: "Host offset of a cluster of the bitmap's data. 0: unallocated, all its bits are alike.",
  },
  { name: 'reserved_high', from: 56, to: 63, meaning: 'Reserved.' },
] as const;

/** Host offset in bytes of a cluster of bitmap data (bits 9-55), exact; 0 when there is none. */
export function bitmapPlace(hi: number, lo: number): number {
  return (hi & 0x00ff_ffff) * 0x1_0000_0000 + ((lo & 0xffff_fe00) >>> 0);
}

/** Whether the entry stands for a cluster of ones, without data. */
export function bitmapAllOnes(hi: number, lo: number): boolean {
  return (lo & 1) !== 0 && bitmapPlace(hi, lo) === 0;
}

/** Whether a reserved bit is set (1-8, 56-63; bit 0 with an offset), as QEMU's check_table_entry has it. */
export function bitmapHasReserved(hi: number, lo: number): boolean {
  return (hi & 0xff00_0000) !== 0 || (lo & 0x1fe) !== 0 || ((lo & 1) !== 0 && bitmapPlace(hi, lo) !== 0);
}

/** Whether the data does not start at a cluster. */
export function bitmapUnaligned(lo: number, clusterBits: number): boolean {
  return (lo & 0xffff_fe00 & ((1 << clusterBits) - 1)) !== 0;
}

/** The two words of an entry. `offset`: host offset in bytes of a cluster, or 0 with `allOnes` saying what it is. */
export function encodeBitmapTableEntry(offset: bigint, allOnes: boolean): { hi: number; lo: number } {
  const values = { all_ones: allOnes ? 1n : 0n, reserved_low: 0n, offset, reserved_high: 0n };
  return splitWords(encodeBits(bitmapTableEntryBits, values));
}

/** The bit ranges of a bitmap table entry with what they mean here. */
export function explainBitmapTableEntry(hi: number, lo: number, clusterBits: number): BitRow[] {
  const allocated = bitmapPlace(hi, lo) !== 0;
  return bitRows(bitmapTableEntryBits, joinWords(hi, lo), (name, value) => {
    switch (name) {
      case 'all_ones':
        return allocated
          ? { rules: [{ text: 'zero with an offset', kept: value === 0n }] }
          : { meaning: value === 1n ? 'all ones: everything is dirty' : 'all zeros: nothing is dirty' };
      case 'offset':
        return {
          meaning: allocated ? `cluster ${value >> BigInt(clusterBits)}` : 'no data',
          rules: [{ text: 'aligned to a cluster', kept: !bitmapUnaligned(lo, clusterBits) }],
        };
      default:
        return { rules: [{ text: 'zero', kept: value === 0n }] };
    }
  });
}
