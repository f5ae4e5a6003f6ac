import { type BitRow, bitRows, decodeBits, encodeBits, joinWords, splitWords } from './bits.ts';

/** Bytes of an L1 table entry. */
export const l1EntryBytes = 8;

/** An L1 table entry (spec, "L1 table entry"). */
export const l1EntryBits = [
  { name: 'reserved_low', from: 0, to: 8, meaning: 'Reserved.' },
  {
    name: 'l2_table_offset',
    from: 9,
    to: 55,
    inPlace: true,
    meaning:
      'Host offset of an L2 table, aligned to a cluster. 0: the L2 table and all clusters that it describes are unallocated.',
  },
  { name: 'reserved_high', from: 56, to: 62, meaning: 'Reserved.' },
  {
    name: 'copied',
    from: 63,
    to: 63,
    meaning: 'COPIED: the refcount of the L2 table is exactly one. Kept right in the active L1 table only.',
  },
] as const;

/** Host offset of the L2 table in bytes (bits 9-55), exact; 0 when there is none. */
export function l1Place(hi: number, lo: number): number {
  return (hi & 0x00ff_ffff) * 0x1_0000_0000 + ((lo & 0xffff_fe00) >>> 0);
}

/** Whether COPIED is set (bit 63, QCOW_OFLAG_COPIED). */
export function l1Copied(hi: number): boolean {
  return hi < 0 || hi >= 0x8000_0000;
}

/** Whether a reserved bit is set (0-8, 56-62; QEMU's L1E_RESERVED_MASK). */
export function l1HasReserved(hi: number, lo: number): boolean {
  return (hi & 0x7f00_0000) !== 0 || (lo & 0x1ff) !== 0;
}

/** Whether the L2 table does not start at a cluster. */
export function l1Unaligned(lo: number, clusterBits: number): boolean {
  return (lo & 0xffff_fe00 & ((1 << clusterBits) - 1)) !== 0;
}

/** The two words of an L1 entry. `offset`: host offset of the L2 table in bytes, a multiple of 512 below 2^56. */
export function encodeL1Entry(offset: bigint, copied: boolean): { hi: number; lo: number } {
  const values = { reserved_low: 0n, l2_table_offset: offset, reserved_high: 0n, copied: copied ? 1n : 0n };
  return splitWords(encodeBits(l1EntryBits, values));
}

/** The bit ranges of an L1 entry with what they mean here. */
export function explainL1Entry(hi: number, lo: number, clusterBits: number): BitRow[] {
  const entry = joinWords(hi, lo);
  const { l2_table_offset: offset, copied } = decodeBits(l1EntryBits, entry);
  return bitRows(l1EntryBits, entry, (name, value) => {
    switch (name) {
      case 'l2_table_offset':
        return {
          meaning: offset === 0n ? 'no L2 table: unallocated' : `cluster ${offset >> BigInt(clusterBits)}`,
          rules: [{ text: 'aligned to a cluster', kept: !l1Unaligned(lo, clusterBits) }],
        };
      case 'copied':
        return {
          meaning: copied === 1n ? 'refcount is 1' : 'refcount is not 1, or not known',
          rules: [{ text: 'clear without an L2 table', kept: copied === 0n || offset !== 0n }],
        };
      default:
        return { rules: [{ text: 'zero', kept: value === 0n }] };
    }
  });
}
