import { type BitField, type BitRow, type BitRule, bitRows, encodeBits, joinWords, splitWords } from './bits.ts';
import {
  compressedBeyond56,
  compressedByte,
  compressedCluster,
  compressedMaxBytes,
  compressedShift,
} from './compressed.ts';
import { type L2Format, l2Compressed, l2HostOffset, l2Kind, l2Kinds, l2Unaligned } from './l2.ts';

const compressedFlag = {
  name: 'compressed',
  from: 62,
  to: 62,
  meaning: '0: the rest is the standard cluster descriptor. 1: it is the compressed clusters descriptor.',
} as const;

const copiedFlag = {
  name: 'copied',
  from: 63,
  to: 63,
  meaning:
    'COPIED: the refcount of the cluster is exactly one, so that it can be written in place. Kept right in the active layer only; never set for compressed clusters.',
} as const;

/** An L2 entry with the standard cluster descriptor (spec, "L2 table entry"). */
export const l2StandardBits = [
  {
    name: 'zero',
    from: 0,
    to: 0,
    meaning:
      'The cluster reads as zeros. Version 3 only; reserved with extended L2 entries, which have a bitmap for it.',
  },
  { name: 'reserved_low', from: 1, to: 8, meaning: 'Reserved.' },
  {
    name: 'host_cluster_offset',
    from: 9,
    to: 55,
    inPlace: true,
    meaning:
      'Host offset of the cluster, aligned to a cluster. 0: unallocated, except with an external data file, where COPIED tells.',
  },
  { name: 'reserved_high', from: 56, to: 61, meaning: 'Reserved.' },
  compressedFlag,
  copiedFlag,
] as const;

/** An L2 entry with the compressed clusters descriptor, whose fields' widths depend on the cluster size. */
export function l2CompressedBits(clusterBits: number) {
  const shift = compressedShift(clusterBits);
  return [
    {
      name: 'host_offset',
      from: 0,
      to: shift - 1,
      meaning: 'Host offset of the compressed data, aligned to nothing. Bits above 55 must be 0.',
    },
    {
      name: 'additional_sectors',
      from: shift,
      to: 61,
      meaning: 'Sectors of 512 bytes that the data takes besides the one it starts in.',
    },
    compressedFlag,
    copiedFlag,
  ] as const satisfies readonly BitField[];
}

/** The second half of an extended L2 entry: the subclusters, least significant bit first. */
export const l2SubclusterBits = [
  {
    name: 'allocated',
    from: 0,
    to: 31,
    meaning: 'The subcluster has data in the host cluster. Must be 0 for compressed clusters.',
  },
  {
    name: 'zero',
    from: 32,
    to: 63,
    meaning: 'The subcluster reads as zeros; not together with allocated. Must be 0 for compressed clusters.',
  },
] as const;

/** An L2 entry with the standard cluster descriptor, to encode it. */
export interface StandardL2Entry {
  /** Host offset of the cluster in bytes: a multiple of 512 below 2^56. */
  readonly offset: bigint;
  readonly copied: boolean;
  readonly zero: boolean;
}

/** The two words of an L2 entry with the standard cluster descriptor. Compressed ones: `encodeCompressedEntry`. */
export function encodeL2Entry({ offset, copied, zero }: StandardL2Entry): { hi: number; lo: number } {
  return splitWords(
    encodeBits(l2StandardBits, {
      zero: zero ? 1n : 0n,
      reserved_low: 0n,
      host_cluster_offset: offset,
      reserved_high: 0n,
      compressed: 0n,
      copied: copied ? 1n : 0n,
    }),
  );
}

/** An L2 entry explained bit by bit. */
export interface L2Explanation {
  readonly descriptor: readonly BitRow[];
  /** The second half of an extended entry. */
  readonly subclusters?: readonly BitRow[];
}

/**
 * The bit ranges of an L2 entry with what they mean here. `alloc` and `zero`: the low and the high word of the second
 * half of an extended entry, else 0.
 */
export function explainL2Entry(hi: number, lo: number, alloc: number, zero: number, format: L2Format): L2Explanation {
  const descriptor = l2Compressed(hi) ? explainCompressed(hi, lo, format) : explainStandard(hi, lo, format);
  return format.extended
    ? { descriptor, subclusters: explainSubclusters(hi, lo, alloc, zero, format) }
    : { descriptor };
}

type Explained = { meaning?: string; rules?: readonly BitRule[] };

function explainStandard(hi: number, lo: number, format: L2Format): BitRow[] {
  const offset = l2HostOffset(hi, lo);
  const cluster = offset / 2 ** format.clusterBits;
  const explain: Record<string, (value: bigint) => Explained> = {
    zero: (value) => (format.extended ? reserved(value) : explainZero(value, offset, format)),
    host_cluster_offset: () => ({
      meaning: offset !== 0 || l2Kind(hi, lo, format) === l2Kinds.normal ? `cluster ${cluster}` : 'no cluster',
      rules: [{ text: 'aligned to a cluster', kept: !l2Unaligned(lo, format.clusterBits) }],
    }),
    compressed: () => ({ meaning: 'a standard cluster' }),
    copied: (value) => ({
      meaning: value === 1n ? 'refcount is 1' : 'refcount is not 1, or not known',
      rules: [{ text: 'clear without a cluster', kept: value === 0n || offset !== 0 || format.dataFile }],
    }),
  };
  return bitRows(l2StandardBits, joinWords(hi, lo), (name, value) => explain[name]?.(value) ?? reserved(value));
}

function reserved(value: bigint): Explained {
  return { rules: [{ text: 'zero', kept: value === 0n }] };
}

function explainZero(value: bigint, offset: number, { version }: L2Format): Explained {
  const set = offset === 0 ? 'reads as zeros' : 'reads as zeros; the host cluster is kept for later writes';
  return {
    meaning: value === 1n ? set : 'reads as what the rest says',
    rules: [{ text: 'clear in version 2', kept: version >= 3 || value === 0n }],
  };
}

function explainCompressed(hi: number, lo: number, { clusterBits, dataFile }: L2Format): BitRow[] {
  const cluster = compressedCluster(hi, lo, clusterBits);
  const byte = compressedByte(lo, clusterBits);
  return bitRows(l2CompressedBits(clusterBits), joinWords(hi, lo), (name, value) => {
    switch (name) {
      case 'host_offset':
        return {
          meaning: `byte ${byte} of cluster ${cluster}`,
          rules: [{ text: 'below 2^56', kept: !compressedBeyond56(hi, clusterBits) }],
        };
      case 'additional_sectors':
        return { meaning: `at most ${compressedMaxBytes(hi, lo, clusterBits)} bytes of compressed data` };
      case 'compressed':
        return {
          meaning: 'a compressed cluster',
          rules: [{ text: 'clear with an external data file', kept: !dataFile }],
        };
      default:
        return { rules: [{ text: 'clear for compressed clusters', kept: value === 0n }] };
    }
  });
}

function explainSubclusters(hi: number, lo: number, alloc: number, zero: number, format: L2Format): BitRow[] {
  const kind = l2Kind(hi, lo, format);
  return bitRows(l2SubclusterBits, joinWords(zero, alloc), (name, value) => {
    const rules: BitRule[] = [];
    if (kind === l2Kinds.compressed) {
      rules.push({ text: 'zero for compressed clusters', kept: value === 0n });
    } else {
      rules.push({ text: 'no subcluster both allocated and zero', kept: (alloc & zero) === 0 });
      if (name === 'allocated') {
        rules.push({ text: 'zero without a host cluster', kept: value === 0n || kind === l2Kinds.normal });
      }
    }
    return { meaning: showSubclusters(Number(value)), rules };
  });
}

/** Which bits are set: `none`, `all`, `0-3, 7`. */
function showSubclusters(word: number): string {
  const runs: string[] = [];
  for (let index = 0; index < 32; ) {
    const first = index;
    while (index < 32 && ((word >>> index) & 1) === 1) {
      index++;
    }
    if (index > first) {
      runs.push(index - first === 1 ? `${first}` : `${first}-${index - 1}`);
    } else {
      index++;
    }
  }
  return runs.length === 0 ? 'none' : runs[0] === '0-31' ? 'all' : runs.join(', ');
}
