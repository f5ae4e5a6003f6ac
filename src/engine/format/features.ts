/** One of the three feature masks. */
export interface FeatureMask {
  readonly name: 'incompatible' | 'compatible' | 'autoclear';
  readonly value: bigint;
  /** Every known bit, and every unknown one that is set. */
  readonly bits: readonly FeatureBit[];
}

/** One bit of a feature mask. */
export interface FeatureBit {
  readonly bit: number;
  readonly set: boolean;
  readonly known: boolean;
  /** Our name for a known bit, else that of the image's feature name table, else empty. */
  readonly name: string;
  /** The image's feature name table's name, where it has one for the bit. */
  readonly imageName?: string;
  readonly meaning: string;
}

/** One of the three masks. */
export type MaskName = FeatureMask['name'];

/** A bit of a mask that the spec defines. */
interface KnownBit {
  readonly bit: number;
  readonly name: string;
  readonly meaning: string;
}

/** The bits that the spec defines. */
export const knownFeatures: Readonly<Record<MaskName, readonly KnownBit[]>> = {
  incompatible: [
    { bit: 0, name: 'dirty bit', meaning: 'The image was not closed properly: refcounts may be stale.' },
    { bit: 1, name: 'corrupt bit', meaning: 'Contradictory metadata was found: no writing before a repair.' },
    { bit: 2, name: 'external data file', meaning: 'The guest’s data is in a file of its own, at its guest offset.' },
    { bit: 3, name: 'compression type', meaning: 'Compressed clusters are not deflate: compression_type says what.' },
    { bit: 4, name: 'extended L2 entries', meaning: 'L2 entries have 16 bytes and a bitmap of 32 subclusters.' },
  ],
  compatible: [
    { bit: 0, name: 'lazy refcounts', meaning: 'Refcounts are written late; the dirty bit says when they are stale.' },
  ],
  autoclear: [
    { bit: 0, name: 'bitmaps', meaning: 'The bitmaps are up to date: no program without bitmap support has written.' },
    { bit: 1, name: 'raw external data', meaning: 'The external data file alone is a valid raw image.' },
  ],
};

/** Bits of a mask that are set and not known. */
export function unknownBits(mask: MaskName, value: bigint): number[] {
  return bitsOf(value).filter((bit) => !knownFeatures[mask].some((known) => known.bit === bit));
}

/** A name of the image's feature name table. */
export interface FeatureName {
  readonly mask: MaskName;
  readonly bit: number;
  readonly name: string;
}

/** The masks of a header, by the spec's names. */
export interface FeatureFields {
  readonly version: number;
  readonly incompatible_features: bigint;
  readonly compatible_features: bigint;
  readonly autoclear_features: bigint;
}

/** The three masks with every known bit and every set unknown one; none in version 2. */
export function featureMasks(header: FeatureFields, names: readonly FeatureName[]): FeatureMask[] {
  if (header.version < 3) {
    return [];
  }
  const mask = (name: MaskName, value: bigint): FeatureMask => ({ name, value, bits: bitRows(name, value, names) });
  return [
    mask('incompatible', header.incompatible_features),
    mask('compatible', header.compatible_features),
    mask('autoclear', header.autoclear_features),
  ];
}

/** The set bits that QEMU does not know, as in its message: names of the image's table, the rest as a mask. */
export function unsupportedFeatures(value: bigint, names: readonly FeatureName[]): string {
  let rest = value;
  for (const { bit } of knownFeatures.incompatible) {
    rest &= ~(1n << BigInt(bit));
  }
  const parts: string[] = [];
  for (const { mask, bit, name } of names) {
    if (mask === 'incompatible' && ((rest >> BigInt(bit)) & 1n) === 1n) {
      parts.push(name);
      rest &= ~(1n << BigInt(bit));
    }
  }
  return [...parts, ...(rest === 0n ? [] : [`Unknown incompatible feature: ${rest.toString(16)}`])].join(', ');
}

function bitRows(mask: MaskName, value: bigint, names: readonly FeatureName[]): FeatureBit[] {
  const known = knownFeatures[mask];
  const all = [...known.map(({ bit }) => bit), ...unknownBits(mask, value)].sort((a, b) => a - b);
  return all.map((bit) => {
    const own = known.find((one) => one.bit === bit);
    const imageName = names.find((one) => one.mask === mask && one.bit === bit)?.name;
    return {
      bit,
      set: ((value >> BigInt(bit)) & 1n) === 1n,
      known: own !== undefined,
      name: own?.name ?? imageName ?? '',
      ...(imageName === undefined ? {} : { imageName }),
      meaning: own?.meaning ?? 'Not known.',
    };
  });
}

function bitsOf(value: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit++) {
    if (((value >> BigInt(bit)) & 1n) === 1n) {
      bits.push(bit);
    }
  }
  return bits;
}
