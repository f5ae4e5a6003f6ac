import { joinWords } from '../../src/engine/format/bits.ts';
import { explainL1Entry } from '../../src/engine/format/l1.ts';
import { explainL2Entry } from '../../src/engine/format/l2Entry.ts';
import type { ImageDescription } from '../../src/engine/image/description.ts';
import type { GuestKind } from '../../src/protocol/mapApi.ts';
import type { ExplainedEntry, PlaceApi } from '../../src/protocol/placeApi.ts';
import type { Handlers } from '../../src/worker/server.ts';

/** The methods on places that the fake worker has. */
export type PlaceAnswers = Pick<Handlers, keyof PlaceApi | 'ownersAt' | 'bytes' | 'structures' | 'tableStructures'>;

/** Clusters of 64 KiB; data lies in the file 0x5_0000 bytes after its guest offset, as in `extents`. */
const clusterSize = 65536n;
const shift = 0x5_0000n;

/** Places of a guest's disk whose kinds are those of `kindAt`; every refcount is 1. */
export function placeAnswers({ geometry }: ImageDescription, kindAt: (at: bigint) => GuestKind): PlaceAnswers {
  const size = geometry?.virtualSize ?? 0n;
  return {
    explainGuest: async ({ guest }) => {
      const kind = kindAt(guest);
      const offset = guest - (guest % clusterSize);
      const stored = kind === 'data' || kind === 'compressed' || kind === 'zero-allocated';
      return {
        kind,
        unit: { offset, length: clusterSize },
        beyondDisk: guest >= size,
        ...(stored ? { host: guest + shift } : {}),
        ...(kind === 'compressed' ? { compressedBytes: 1948 } : {}),
        l1: l1Entry(Number(guest >> 29n)),
        l2: l2Entry(Number((guest >> 16n) & 8191n), stored ? offset + shift : 0n),
      };
    },
    explainEntry: async (request) =>
      request.table === 'l2'
        ? l2Entry(request.index, BigInt(request.index) * clusterSize + shift)
        : l1Entry(request.index),
    explainRefcount: async ({ host }) => ({
      cluster: Number(host / clusterSize),
      block: Number(host / clusterSize) >> 15,
      index: Number(host / clusterSize) & 32767,
      bits: 16,
      refcount: 1,
      place: { offset: 0x2_0000n + (host / clusterSize) * 2n, length: 2n },
      bytes: Uint8Array.from([0, 1]),
    }),
    bytes: async ({ start, length }) => ({
      start,
      bytes: Uint8Array.from({ length: Number(length) }, (_, index) => index),
      runs: [{ from: 0, to: Number(length), kind: 'data', host: start }],
      size,
    }),
    structures: async () => [],
    tableStructures: async ({ start, length }) => [
      { start, length, kind: 'l2-table', name: 'L1[0] -> L2', part: { part: 'l2-entry', l1: 0 }, entryBits: 64 },
    ],
    ownersAt: async ({ start, length }) => ({
      owners: [
        {
          start,
          length,
          kind: 'data',
          owner: 'data',
          guest: { offset: start - shift, length },
          entry: { l1: 0, l2: 5 },
          chain: 'L1[0] -> L2[5]',
        },
      ],
      count: 1,
      tables: 1,
    }),
    findNames: async () => ({ snapshots: [], bitmaps: [] }),
  };
}

function l1Entry(index: number): ExplainedEntry {
  const [hi, lo] = [0x8000_0000, 0x4_0000];
  return {
    ...place(0x3_0000n + BigInt(index) * 8n, hi, lo),
    decoded: { index, count: 1, kind: 'table', raw: '8000000000040000', host: 0x4_0000, copied: true },
    rows: explainL1Entry(hi, lo, 16),
    target: { offset: 0x4_0000n, length: clusterSize },
    guest: { offset: BigInt(index) << 29n, length: 1n << 29n },
  };
}

function l2Entry(index: number, host: bigint): ExplainedEntry {
  const entry = host === 0n ? 0n : (1n << 63n) | host;
  const [hi, lo] = [Number(entry >> 32n), Number(entry & 0xffff_ffffn)];
  const format = { clusterBits: 16, version: 3, extended: false, dataFile: false };
  const raw = entry.toString(16).padStart(16, '0');
  const kind = host === 0n ? 'unallocated' : 'normal';
  return {
    ...place(0x4_0000n + BigInt(index) * 8n, hi, lo),
    decoded: { index, count: 1, kind, raw, ...(host === 0n ? {} : { host, copied: true }) },
    rows: explainL2Entry(hi, lo, 0, 0, format).descriptor,
    ...(host === 0n ? {} : { target: { offset: host, length: clusterSize } }),
    guest: { offset: BigInt(index) * clusterSize, length: clusterSize },
  };
}

function place(offset: bigint, hi: number, lo: number): Pick<ExplainedEntry, 'offset' | 'bytes' | 'subclusters'> {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, joinWords(hi, lo));
  return { offset, bytes, subclusters: [] };
}
