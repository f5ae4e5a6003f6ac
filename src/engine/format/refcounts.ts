import { type BitRow, bitRows, encodeBits, joinWords, splitWords } from './bits.ts';

/** Bytes of a refcount table entry. */
export const refcountTableEntryBytes = 8;

/** A refcount table entry (spec, "Refcount table entry"). */
export const refcountTableEntryBits = [
  { name: 'reserved', from: 0, to: 8, meaning: 'Reserved.' },
  {
    name: 'refcount_block_offset',
    from: 9,
    to: 63,
    inPlace: true,
    meaning: 'Host offset of a refcount block, aligned to a cluster. 0: all refcounts of the block are 0.',
  },
] as const;

/** Log2 of the widest refcount: 64 bits. */
export const maxRefcountOrder = 6;

/** Clusters that one refcount block counts: a block is one cluster of refcounts of 2^order bits. */
export function refcountBlockEntries(clusterBits: number, order: number): number {
  return 2 ** (clusterBits + 3 - order);
}

/** The highest refcount of a width of 2^order bits. */
export function maxRefcount(order: number): bigint {
  return (1n << BigInt(2 ** order)) - 1n;
}

/**
 * Host offset of the refcount block in bytes (bits 9-63, REFT_OFFSET_MASK): all of them, not 56. Exact: a double has
 * room for the 55 bits above the 512-byte grid only up to 2^62; above, it is rounded, and far past the end of any file.
 */
export function refcountTableEntry(hi: number, lo: number): number {
  return (hi >>> 0) * 0x1_0000_0000 + ((lo & 0xffff_fe00) >>> 0);
}

/** The reserved bits of a refcount table entry (0-8). */
export const refcountTableReservedBits = 0x1ffn;

/** Whether a reserved bit of a refcount table entry is set (0-8). */
export function refcountTableReserved(lo: number): boolean {
  return (lo & 0x1ff) !== 0;
}

/** Whether the refcount block does not start at a cluster. */
export function refcountTableUnaligned(lo: number, clusterBits: number): boolean {
  return (lo & 0xffff_fe00 & ((1 << clusterBits) - 1)) !== 0;
}

/** The two words of a refcount table entry. `offset`: host offset of the block in bytes, a multiple of 512. */
export function encodeRefcountTableEntry(offset: bigint): { hi: number; lo: number } {
  return splitWords(encodeBits(refcountTableEntryBits, { reserved: 0n, refcount_block_offset: offset }));
}

/** The bit ranges of a refcount table entry with what they mean here. */
export function explainRefcountTableEntry(hi: number, lo: number, clusterBits: number): BitRow[] {
  return bitRows(refcountTableEntryBits, joinWords(hi, lo), (name, value) =>
    name === 'reserved'
      ? { rules: [{ text: 'zero', kept: value === 0n }] }
      : {
          meaning:
            value === 0n ? 'no refcount block: all clusters are free' : `cluster ${value >> BigInt(clusterBits)}`,
          rules: [{ text: 'aligned to a cluster', kept: !refcountTableUnaligned(lo, clusterBits) }],
        },
  );
}

/**
 * The refcount at `index` of a block (spec, "Refcount block entry"): bits of sub-byte widths start at the least
 * significant one. Up to order 5 a number; order 6 a bigint, exact. The index must lie within the block.
 */
export function readRefcount(block: Uint8Array, index: number, order: number): number | bigint {
  if (order < maxRefcountOrder) {
    return readSmallRefcount(block, index, order);
  }
  const at = index * 8;
  return (BigInt(word(block, at)) << 32n) | BigInt(word(block, at + 4));
}

/** As `readRefcount`, for the hot loops: a number for every order, of which 64-bit ones above 2^53 are rounded. */
export function readSmallRefcount(block: Uint8Array, index: number, order: number): number {
  switch (order) {
    case 0:
      return (byte(block, index >>> 3) >>> (index & 7)) & 1;
    case 1:
      return (byte(block, index >>> 2) >>> ((index & 3) * 2)) & 3;
    case 2:
      return (byte(block, index >>> 1) >>> ((index & 1) * 4)) & 15;
    case 3:
      return byte(block, index);
    case 4:
      return byte(block, index * 2) * 256 + byte(block, index * 2 + 1);
    case 5:
      return word(block, index * 4);
    default:
      return word(block, index * 8) * 0x1_0000_0000 + word(block, index * 8 + 4);
  }
}

/** Writes a refcount, which must fit its width; the index must lie within the block. */
export function writeRefcount(block: Uint8Array, index: number, order: number, value: number | bigint): void {
  const bits = 2 ** order;
  if (bits < 8) {
    const perByte = 8 / bits;
    const at = Math.floor(index / perByte);
    const shift = (index % perByte) * bits;
    const mask = ((1 << bits) - 1) << shift;
    block[at] = (byte(block, at) & ~mask) | ((Number(value) << shift) & mask);
    return;
  }
  // Numbers are the rule, most often of 16 bits, and there may be millions of them.
  if (bits === 16 && typeof value === 'number') {
    block[index * 2] = value >>> 8;
    block[index * 2 + 1] = value & 0xff;
    return;
  }
  const bytes = bits / 8;
  if (typeof value === 'number') {
    let rest = value;
    for (let at = (index + 1) * bytes - 1; at >= index * bytes; at--) {
      block[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return;
  }
  let rest = value;
  for (let at = (index + 1) * bytes - 1; at >= index * bytes; at--) {
    block[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function byte(block: Uint8Array, at: number): number {
  return block[at] ?? 0;
}

function word(block: Uint8Array, at: number): number {
  return (
    ((byte(block, at) << 24) | (byte(block, at + 1) << 16) | (byte(block, at + 2) << 8) | byte(block, at + 3)) >>> 0
  );
}
