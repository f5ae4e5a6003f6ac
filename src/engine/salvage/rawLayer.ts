import type { Storage } from '../ports.ts';
import { mostPieces, type Piece, type SalvageLayer } from './piece.ts';

/** A raw file at the end of a backing chain. */
export function rawLayer(data: Storage, file: string, depth: number): SalvageLayer {
  const size = Number(data.size);
  const layer: SalvageLayer = {
    depth,
    file,
    size,
    data,
    clusterSize: 512,
    pieces: async (from, to) => {
      const pieces: Piece[] = [];
      let at = from;
      for (const { offset, length, data: stored } of data.extents?.(BigInt(from), BigInt(to)) ?? []) {
        const end = Math.min(to, Number(offset + length));
        if (end > at) {
          pieces.push(
            stored
              ? { from: at, to: end, kind: 'stored', layer, host: BigInt(at) }
              : { from: at, to: end, kind: 'zero' },
          );
          at = end;
        }
        if (pieces.length >= mostPieces) {
          return pieces;
        }
      }
      return at < to ? [...pieces, { from: at, to, kind: 'stored', layer, host: BigInt(at) }] : pieces;
    },
    decompress: async () => ({ missing: { reason: 'compressed-broken' } }),
    place: () => '',
  };
  return layer;
}
