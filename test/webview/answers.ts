import { Qcow2Error } from '../../src/engine/error.ts';
import { finding } from '../../src/engine/finding.ts';
import { textsOf } from '../../src/engine/findingTexts.ts';
import type { ImageDescription } from '../../src/engine/image/description.ts';
import type { ScanResult, WithTexts } from '../../src/protocol/imageApi.ts';
import type { ExtentPage, ExtentRequest, ExtentRow, GuestKind } from '../../src/protocol/mapApi.ts';
import type { Handlers } from '../../src/worker/server.ts';
import { type ChainAnswers, chainAnswers } from './chainPictures.ts';
import { type CheckAnswers, checkAnswers, groupsOf } from './checkAnswers.ts';
import { type ListAnswers, listAnswers } from './listAnswers.ts';
import { type MapAnswers, mapAnswers } from './mapAnswers.ts';
import { type PlaceAnswers, placeAnswers } from './placeAnswers.ts';

/** The guest's disk of the fake worker: a long run of kinds, the same for every question. */
const run = 96n << 20n;
const pattern: readonly GuestKind[] = [
  'data',
  'data',
  'compressed',
  'unallocated',
  'zero-plain',
  'data',
  'zero-allocated',
  'unallocated',
  'compressed',
  'data',
  'unallocated',
  'unallocated',
];

function kindAt(at: bigint): GuestKind {
  if (at / run === 29n) {
    return 'wrong';
  }
  return at >= 700n << 30n ? 'unallocated' : (pattern[Number((at / run) % BigInt(pattern.length))] ?? 'data');
}

/** The methods that the fake worker has. */
export type Answers = Pick<Handlers, 'describe' | 'scan' | 'extents'> &
  MapAnswers &
  PlaceAnswers &
  ListAnswers &
  ChainAnswers &
  CheckAnswers;

/** The description as the worker sends it. */
export function described(image: ImageDescription): ImageDescription & WithTexts {
  return { ...image, texts: textsOf(image.findings) };
}

/** Answers of a worker that has `image` open. */
export function answersFor(image: ImageDescription): Answers {
  const size = image.geometry?.virtualSize ?? 0n;
  return {
    describe: async () => described(image),
    scan: async (_, { report }) => {
      report(1, 2);
      return scanOf(image);
    },
    extents: async (request) => page(request, size),
    ...mapAnswers(image, run, kindAt),
    ...listAnswers(image),
    ...placeAnswers(image, kindAt),
    ...chainAnswers(image),
    ...checkAnswers(groupsOf([...image.findings, ...scanOf(image).findings])),
  };
}

function scanOf(image: ImageDescription): ScanResult {
  const wrong = image.qemuRefusal === undefined ? [] : [192n];
  const findings = wrong.map((kib) =>
    finding(
      'tables-overlap',
      'L1[601] -> L2[2560]',
      { a: 'an L2 table', b: 'refcount block 0' },
      { host: { offset: 0x1d_0835_0000n, length: kib << 10n }, guest: { offset: 0x4b_2a00_0000n, length: 65536n } },
    ),
  );
  return {
    texts: textsOf(findings),
    guest: {
      data: 418_759_311_360n,
      compressed: 15_891_234_816n,
      'zero-allocated': 2_147_483_648n,
      'zero-plain': 6_442_450_944n,
      unallocated: (1n << 40n) - 418_759_311_360n - 15_891_234_816n - 2_147_483_648n - 6_442_450_944n,
      wrong: wrong.reduce((sum, kib) => sum + (kib << 10n), 0n),
    },
    host: { metadata: 67_108_864n, data: 420_906_795_008n, compressed: 9_876_543_210n, free: 12_172_715_310n },
    findings,
    findingCount: findings.length,
  };
}

function page({ from, count }: ExtentRequest, size: bigint): ExtentPage {
  const rows: ExtentRow[] = [];
  let at = from;
  while (at < size && rows.length < count) {
    const kind = kindAt(at);
    const end = at / run === (size - 1n) / run ? size : (at / run + 1n) * run;
    const stored = kind === 'data' || kind === 'compressed' || kind === 'zero-allocated';
    const l1 = at >> 29n;
    rows.push({
      start: at,
      length: end - at,
      kind,
      ...(stored ? { host: 0x5_0000n + at } : {}),
      chain: `L1[${l1}] -> L2[${(at >> 16n) & 8191n}…${((end - 1n) >> 16n) & 8191n}]`,
    });
    at = end;
  }
  return at < size ? { rows, next: at } : { rows };
}

/** An answer that does not come before it is let go. */
export function held<T>(): { readonly promise: Promise<T>; readonly release: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, release: resolve };
}

/** The error of a file that may not be read. */
export const forbidden = new Qcow2Error('read-failed', 'web-01.qcow2 can’t be opened: permission denied', {
  system: 'EACCES',
});
