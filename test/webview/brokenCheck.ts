import type { Page } from 'playwright-core';
import { type Finding, finding } from '../../src/engine/finding.ts';
import { answersFor } from './answers.ts';
import { checkAnswers, type FindingsOfCode } from './checkAnswers.ts';
import { plain } from './images.ts';

/** Bytes of a cluster. */
export const cluster = 65536n;

/** Two kinds of corruptions, and a million leaks. */
export const found: readonly FindingsOfCode[] = [
  [
    'tables-overlap',
    2,
    (index) =>
      finding(
        'tables-overlap',
        `L1[${601 + index}] -> L2[${2560 + index}]`,
        { first: 'an L2 table', second: `refcount block ${index}`, start: '0x20000', end: '0x30000' },
        {
          host: { offset: 0x2_0000n + BigInt(index) * cluster, length: cluster },
          guest: { offset: 0x4b_2a00_0000n, length: cluster },
        },
      ),
  ],
  ['l1-entry-reserved', 1, () => finding('l1-entry-reserved', 'L1[3]', { raw: '0x1' })],
  ['cluster-leaked', 1_000_000, leakAt],
];

/** A leaked cluster that is told apart by its index. */
export function leakAt(index: number): Finding {
  const number = index + 100;
  const host = { offset: BigInt(number) * cluster, length: cluster };
  const start = `0x${host.offset.toString(16)}`;
  const values = { cluster: number, clusters: 1, start, refcount: index % 2 === 0 ? 2 : 1, references: 0 };
  return finding('cluster-leaked', `cluster ${number}`, values, { host });
}

/** What a check of it says. */
export const result = {
  checkErrors: 0,
  corruptions: 3,
  leaks: 1_000_000,
  totalClusters: 16_777_216n,
  use: { allocated: 0, compressed: 0, fragmented: 0 },
  rebuild: false,
};

/** Whom it hurts. */
export const impacts = [
  {
    kind: 'wrong',
    guest: { offset: 0x4b_2a00_0000n, length: cluster },
    code: 'tables-overlap',
    partition: {
      scheme: 'GPT',
      number: 2,
      type: 'Linux filesystem',
      name: 'root',
      guest: { offset: 0n, length: 1n << 40n },
    },
  },
  { kind: 'at-risk', guest: { offset: 0n, length: cluster }, code: 'tables-overlap' },
] as const;

/** An image with all of that. */
export const broken = {
  ...answersFor(plain),
  ...checkAnswers(found, {
    result,
    impacts,
    causes: [
      finding(
        'l2-table-past-end',
        'L1[602]',
        { target: '0x2_0000' },
        { host: { offset: 0x2_0000n, length: cluster }, guest: { offset: 602n << 29n, length: 1n << 29n } },
      ),
    ],
  }),
};

/** The same with so few leaks that each can be looked at in no time. */
export const few = {
  ...answersFor(plain),
  ...checkAnswers(
    found.map(([code, count, at]) => [code, Math.min(count, 2000), at]),
    { result, impacts },
  ),
};

/** What an element says, with single spaces. */
export const words = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, ' ').trim();

/** Waits until the Inspector says something. */
export const explained = (page: Page, what: RegExp): Promise<void> =>
  page.locator('.inspector', { hasText: what }).waitFor();
