import { limits } from '../limits.ts';
import { knownFeatures, type MaskName, unknownBits } from './features.ts';
import { type Header, headerFields, headerMagic } from './header.ts';
import { type Explanation, type FieldRow, fieldRows } from './rows.ts';
import { showSize } from './show.ts';

/** The header's fields as rows; those that the header is too short for are not present. */
export function headerRows(header: Header): FieldRow[] {
  return fieldRows(headerFields, {
    bytes: header.bytes,
    length: header.headerLength,
    assumed: header.version < 3 ? { refcount_order: 4, header_length: header.headerLength } : {},
    explain: (name, value) => explain(header, name, value),
  });
}

function explain(header: Header, name: string, value: number | bigint): Explanation {
  const bits = BigInt(Math.min(header.cluster_bits, 63));
  const aligned = (what: string): Explanation => ({
    meaning: value === 0n ? what : `cluster ${BigInt(value) >> bits}`,
    rules: [{ text: 'aligned to a cluster', kept: BigInt(value) % (1n << bits) === 0n }],
  });
  const rule = (text: string, kept: boolean, meaning?: string): Explanation => ({
    ...(meaning === undefined ? {} : { meaning }),
    rules: [{ text, kept }],
  });
  switch (name) {
    case 'magic':
      return rule('0x5146_49fb', value === headerMagic, 'QFI\\xfb');
    case 'version':
      return rule(
        '2 or 3',
        value === 2 || value === 3,
        `compat ${value === 2 ? '0.10' : value === 3 ? '1.1' : 'unknown'}`,
      );
    case 'backing_file_offset':
      return rule('in the first cluster', BigInt(value) <= 1n << bits, value === 0n ? 'no backing file' : undefined);
    case 'backing_file_size':
      return rule('at most 1023', value <= limits.backingNameBytes);
    case 'cluster_bits': {
      const kept = value >= limits.minClusterBits && value <= limits.maxClusterBits;
      return rule('9 to 21', kept, kept ? `clusters of ${showSize(1n << bits)}` : 'not supported');
    }
    case 'size':
      return rule('a multiple of 512', BigInt(value) % 512n === 0n);
    case 'crypt_method':
      return rule('0, 1 or 2', value <= 2, ['not encrypted', 'AES', 'LUKS'][Number(value)] ?? 'unknown');
    case 'l1_size':
      return rule('at most 32 MiB', BigInt(value) * 8n <= limits.l1TableBytes, showSize(BigInt(value) * 8n));
    case 'refcount_table_clusters':
      return rule('at least one', value !== 0, showSize(BigInt(value) << bits));
    case 'nb_snapshots':
      return rule('at most 65536', value <= limits.snapshots);
    case 'l1_table_offset':
    case 'refcount_table_offset':
      return aligned('');
    case 'snapshots_offset':
      return aligned('no snapshots');
    case 'incompatible_features': {
      const unknown = unknownBits('incompatible', BigInt(value));
      return rule('no unknown bits', unknown.length === 0, bitNames('incompatible', BigInt(value)));
    }
    case 'compatible_features':
      return { meaning: bitNames('compatible', BigInt(value)) };
    case 'autoclear_features':
      return { meaning: bitNames('autoclear', BigInt(value)) };
    case 'refcount_order':
      return rule('at most 6', value <= 6, value <= 6 ? `refcounts of ${2 ** Number(value)} bits` : 'not supported');
    case 'header_length':
      return rule('104 or more, a multiple of 8', header.version < 3 || (value >= 104 && Number(value) % 8 === 0));
    case 'compression_type':
      return rule('0 or 1', value <= 1, ['deflate (zlib)', 'zstd'][Number(value)] ?? 'unknown');
    default:
      return {};
  }
}

/** The set bits in words: `dirty bit, bit 17 (not known)`. */
function bitNames(mask: MaskName, value: bigint): string {
  const known = knownFeatures[mask].filter(({ bit }) => ((value >> BigInt(bit)) & 1n) === 1n).map(({ name }) => name);
  const unknown = unknownBits(mask, value).map((bit) => `bit ${bit} (not known)`);
  return [...known, ...unknown].join(', ');
}
