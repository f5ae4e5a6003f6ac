import type { FindingCode } from '../../../src/engine/finding.ts';
import type { openingTexts } from '../../../src/engine/texts/opening.ts';
import type { ImageBuilder } from '../builder.ts';
import type { BadSectors } from '../memoryStorage.ts';

/** A finding of opening: an image that has it, and one that is as near to having it as can be. */
export interface FindingCase {
  readonly code: keyof typeof openingTexts;
  /** What the one has and the other just not. */
  readonly what: string;
  readonly has: () => ImageBuilder;
  readonly nearly: () => ImageBuilder;
  /** Sectors of `has` that can't be read; `nearlyBad` those of `nearly`. */
  readonly bad?: readonly BadSectors[];
  readonly nearlyBad?: readonly BadSectors[];
  /** qemu-img 7.2 does not say it of this image; the reason. */
  readonly unsaid?: string;
  /** What is found instead in the image which nearly has it, each code once; nothing when left out. */
  readonly instead?: readonly FindingCode[];
}

/** A big endian number: its bytes, and its value. */
export type NumberField = readonly [width: 1 | 2 | 4 | 8, value: number | bigint];

/** Bytes of big endian numbers. */
export function numbers(...fields: readonly NumberField[]): number[] {
  return fields.flatMap(([width, value]) =>
    Array.from({ length: width }, (_, index) => Number((BigInt(value) >> BigInt(8 * (width - 1 - index))) & 0xffn)),
  );
}

/** The bytes of a text, with zeros up to `length`. */
export function padded(text: string, length = text.length): number[] {
  return Array.from({ length }, (_, index) => text.charCodeAt(index) || 0);
}
