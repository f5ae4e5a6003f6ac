import type { ImageDescription } from '../../src/engine/image/description.ts';
import {
  type HostExtentRow,
  type HostMapKind,
  type OverlayPicture,
  type SpaceCounts,
  type SpacePicture,
  spaceKinds,
} from '../../src/protocol/mapApi.ts';
import type { Handlers } from '../../src/worker/server.ts';
import type { MapKind, SpaceName } from '../../webview/widgets/kinds.ts';

/** Runs of a space, all of the same length: the same for every question. */
interface FakeSpace {
  readonly space: SpaceName;
  readonly size: bigint;
  readonly run: bigint;
  readonly kindAt: (offset: bigint) => MapKind;
}

/** The methods of the maps that the fake worker has. */
export type MapAnswers = Pick<
  Handlers,
  'picture' | 'counts' | 'step' | 'overlay' | 'counterpart' | 'hostExtents' | 'countReferences'
>;

/** Kinds of the file of the fake worker, run after run. */
const filePattern: readonly HostMapKind[] = [
  'l2-table',
  'data',
  'data',
  'data',
  'compressed',
  'free',
  'leaked',
  'shared',
];

/** Answers about the two maps of an image; `kindAt` tells the guest's. */
export function mapAnswers(image: ImageDescription, run: bigint, kindAt: (offset: bigint) => MapKind): MapAnswers {
  const cluster = BigInt(image.geometry?.clusterSize ?? 65536);
  let counted = false;
  const spaces = (): Readonly<Record<SpaceName, FakeSpace>> => ({
    guest: { space: 'guest', size: image.geometry?.virtualSize ?? 0n, run, kindAt },
    host: { space: 'host', size: image.file.size, run: 64n << 20n, kindAt: (at) => fileKindAt(at, counted) },
  });
  return {
    picture: async (request) => ({ ...picture(spaces()[request.space], request, cluster), counted }),
    counts: async (request) => counts(spaces()[request.space], request, cluster, counted),
    step: async ({ space, kind, from, direction }) => {
      const { size, run: length, kindAt: at } = spaces()[space];
      const one = direction === 'next' ? 1n : -1n;
      const first = direction === 'next' ? (from < 0n ? 0n : from / length + 1n) : from / length - 1n;
      for (let index = first; index >= 0n && index * length < size; index += one) {
        if (at(index * length) === kind) {
          return { offset: index * length, length };
        }
      }
      return undefined;
    },
    overlay: async (request) => overlay(spaces()[request.space], request, cluster),
    counterpart: async ({ start, length }) => ({ ranges: [{ offset: start / 2n, length }], complete: true }),
    hostExtents: async ({ from, count }) => {
      const { size, run: step, kindAt: at } = spaces().host;
      const rows: HostExtentRow[] = [];
      let next = from;
      while (next < size && rows.length < count) {
        const end = least((next / step + 1n) * step, size);
        rows.push({ start: next, length: end - next, kind: at(next) as HostMapKind });
        next = end;
      }
      return next < size ? { rows, next } : { rows };
    },
    countReferences: async (_, { report }) => {
      report(1, 2);
      counted = true;
      return counts(spaces().host, { start: 0n, length: image.file.size }, cluster, true);
    },
  };
}

function fileKindAt(at: bigint, counted: boolean): HostMapKind {
  if (at < 64n << 20n) {
    return 'header';
  }
  const kind = filePattern[Number((at >> 26n) % BigInt(filePattern.length))] ?? 'free';
  const known = counted || kind === 'l2-table' || kind === 'free';
  return known ? kind : 'refcounted';
}

interface Range {
  readonly start: bigint;
  readonly length: bigint;
}

function picture(
  from: FakeSpace,
  { start, length, cells }: Range & { readonly cells: number },
  cluster: bigint,
): Omit<SpacePicture, 'counted'> {
  let cellSize = cluster;
  while (cellSize * BigInt(cells) < length) {
    cellSize *= 2n;
  }
  const { space, size } = from;
  const end = least(start + length, size);
  const count = Number((end - start + cellSize - 1n) / cellSize);
  const kinds: readonly MapKind[] = spaceKinds[space];
  const parts = new Float32Array(count * kinds.length);
  for (let cell = 0; cell < count; cell++) {
    const at = start + cellSize * BigInt(cell);
    const within = { start: at, length: least(cellSize, size - at) };
    for (const [kind, bytes] of bytesByKind(from, within)) {
      parts[cell * kinds.length + kinds.indexOf(kind)] = Number(bytes) / Number(within.length);
    }
  }
  return { start, cellSize, cells: count, parts, size };
}

function counts(from: FakeSpace, { start, length }: Range, cluster: bigint, counted: boolean): SpaceCounts {
  const byKind = bytesByKind(from, { start, length: least(length, from.size - start) });
  const kinds: readonly MapKind[] = spaceKinds[from.space];
  return {
    kinds: kinds.map((kind) => {
      const bytes = byKind.get(kind) ?? 0n;
      return { bytes, clusters: Math.ceil(Number(bytes) / Number(cluster)) };
    }),
    size: from.size,
    counted,
  };
}

function bytesByKind({ run, kindAt }: FakeSpace, { start, length }: Range): Map<MapKind, bigint> {
  const byKind = new Map<MapKind, bigint>();
  for (let at = start; at < start + length; ) {
    const end = least((at / run + 1n) * run, start + length);
    const kind = kindAt(at);
    byKind.set(kind, (byKind.get(kind) ?? 0n) + end - at);
    at = end;
  }
  return byKind;
}

/** Every eleventh cell has something of every overlay. */
function overlay(from: FakeSpace, request: Range & { readonly cells: number }, cluster: bigint): OverlayPicture {
  const { start, cellSize, cells } = picture(from, request, cluster);
  const values = Float32Array.from({ length: cells }, (_, cell) => (cell % 11 === 3 ? 0.5 : 0));
  return { start, cellSize, cells, values };
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
