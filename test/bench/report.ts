import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { BigImage } from '../support/bigImages.ts';
import type { Measured, MeasuredVerb } from './measure.ts';
import { shownTime } from './statistics.ts';

const readme = fileURLToPath(new URL('../../README.md', import.meta.url));

/** The measurements as a table in Markdown. */
export function table(measured: readonly (readonly [BigImage, Measured])[]): string {
  const rows = measured.flatMap(([image, { verbs, opening, firstOpening }]) => [
    ...verbs.map((one) => row(image, one)),
    [`(${image.key})`, 'open in-process', shownTime(opening), '', '', `first time ${firstOpening.toFixed(1)} ms`, ''],
  ]);
  return inMarkdown(rows);
}

/** The measurements of one verb on each image, as a table in Markdown. */
export function verbTable(measured: readonly (readonly [BigImage, MeasuredVerb])[]): string {
  return inMarkdown(measured.map(([image, one]) => row(image, one)));
}

function row(image: BigImage, { verb, ours, theirs, same, memory }: MeasuredVerb): string[] {
  const ratio = ours.median / theirs.median;
  return [
    `(${image.key}) ${image.name}`,
    `\`${verb}\``,
    shownTime(ours),
    shownTime(theirs),
    `${ratio < 0.1 ? ratio.toPrecision(2) : ratio.toFixed(2)} : 1`,
    `${Math.round(memory / 2 ** 20)} MiB`,
    same ? 'the same' : '**different**',
  ];
}

function inMarkdown(rows: readonly (readonly string[])[]): string {
  const head = ['Image', 'Verb', 'Ours', 'qemu-img', 'Ours : qemu-img', 'Peak memory', 'Output'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A part of the README that a benchmark writes. */
export type BenchPart = 'bench' | 'check bench' | 'changes bench' | 'map bench';

/** Puts a report between its markers in README.md: `<!-- bench: begin -->` and `<!-- bench: end -->`. */
export async function writeReadme(name: BenchPart, report: string): Promise<void> {
  const begin = `<!-- ${name}: begin -->`;
  const end = `<!-- ${name}: end -->`;
  const text = await readFile(readme, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`README.md has no lines "${begin}" and "${end}"`);
  }
  await writeFile(readme, `${before}${begin}\n${report}\n${end}${after}`);
}
