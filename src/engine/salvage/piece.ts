import type { Progress, Storage } from '../ports.ts';
import type { Missing } from './missing.ts';

/** A piece of a guest's disk, as the tables tell of it. Guest offsets in bytes. */
export type Piece = { readonly from: number; readonly to: number } & (
  | { readonly kind: 'zero' }
  /** Stored as it is: the first byte is at host offset `host` of the layer's data file. */
  | { readonly kind: 'stored'; readonly layer: SalvageLayer; readonly host: bigint }
  /** Stored in compressed clusters. */
  | { readonly kind: 'compressed'; readonly layer: SalvageLayer }
  | { readonly kind: 'missing'; readonly layer: SalvageLayer; readonly why: Missing }
);

/** A cluster that was stored compressed, or why it is not to be had. */
export type Decompressed = { readonly bytes: Uint8Array; readonly missing?: undefined } | { readonly missing: Missing };

/** A file of a backing chain, as far as guest data can be had from it. */
export interface SalvageLayer {
  /** In the backing chain; 0 is the image. */
  readonly depth: number;
  /** As the user knows it. */
  readonly file: string;
  /** Bytes of its disk. */
  readonly size: number;
  /** Holds what is stored as it is. */
  readonly data: Storage;
  /** Bytes of a compressed cluster, which starts at a multiple of it. */
  readonly clusterSize: number;
  /**
   * The pieces from `from` on, in order and without a gap, up to `to` (at most the size) or as many as are found in one
   * go: at least one. Reads tables only. Never throws for what is in the file.
   */
  pieces(from: number, to: number, progress: Progress): Promise<Piece[]>;
  /** The compressed cluster that starts at a guest offset. */
  decompress(at: number): Promise<Decompressed>;
  /** The way from the tables to a range that is missing. */
  place(from: number, to: number, why: Missing): string;
}

/** Pieces that are gathered in one go. */
export const mostPieces = 16384;
