import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showExactSize, showSize } from '../../src/engine/format/show.ts';
import type { ChangePlan } from '../../src/protocol/changeApi.ts';
import { icon } from '../widgets/icon.ts';
import { visible } from '../widgets/visible.ts';

const protections: Readonly<Record<NonNullable<ChangePlan['protection']>, string>> = {
  'corrupt-bit':
    'The format allows no safe order of writes here: the corrupt bit is set meanwhile, so that QEMU does not write to the image, and the journal protects it.',
  journal:
    'The format allows no safe order of writes here: only the journal protects the image meanwhile. If the power fails, have it rolled back before a VM uses the image.',
};

/** What should be read before the change is applied: what is in the way, what is lost, what is not protected. */
export function warnings({ obstacles, cautions, protection, locks }: ChangePlan): TemplateResult | typeof nothing {
  const list = [
    ...obstacles.map((words) => ['corruption', 'error', words] as const),
    ...cautions.map((words) => ['warning', 'warning', words] as const),
    ...(protection === undefined ? [] : [['warning', 'shield', protections[protection]] as const]),
    ...(locks ? [] : [['warning', 'unlock', noLocks] as const]),
  ];
  if (list.length === 0) {
    return nothing;
  }
  return html`<ul class="warnings" aria-label="Read this first">
    ${list.map(
      ([tone, sign, words]) =>
        html`<li class="warning edge-${tone}">${icon(sign, `tone-${tone}`)}<span>${visible(words)}</span></li>`,
    )}
  </ul>`;
}

const noLocks =
  'QEMU’s locks can’t be taken here (this system, or this build, has none): nothing keeps a VM from starting on the image while it is changed. Make sure that none does.';

/** The change in numbers, and where its journal lies. `chooseJournal`: has the user choose another place for it. */
export function numbers(plan: ChangePlan, chooseJournal: (() => void) | undefined): TemplateResult {
  const { bytes, sizeBefore, sizeAfter, seconds, journal, rollsBack, locks, dataFile } = plan;
  const choose = chooseJournal ? html`<button class="link" @click=${chooseJournal}>Another place…</button>` : nothing;
  const list: readonly (readonly [name: string, value: TemplateResult | string])[] = [
    ['Written', html`<span class="number">${showSize(bytes)}</span> ${note(stepsWords(plan))}`],
    ['File', html`<span class="number">${sizeWords(sizeBefore, sizeAfter)}</span>`],
    ...(dataFile === undefined
      ? []
      : [
          [
            'Data file',
            html`<span class="number">${showSize(dataFile.size)}</span> ${note(dataFile.cut ? 'after it' : 'at least')}`,
          ] as const,
        ]),
    ['Duration', html`${durationWords(seconds)} ${note('by estimate')}`],
    ['Locks', locks ? html`QEMU’s ${note('taken while it is applied: no VM starts on the image')}` : 'none'],
    [
      'Journal',
      html`<bdi class="name">${visible(journal)}</bdi>
        ${note(rollsBack ? 'removed when it is done' : 'the old bytes, on the disk before the first one changes')} ${choose}`,
    ],
  ];
  return html`<dl class="facts">
    ${list.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

function note(words: string): TemplateResult {
  return html`<span class="quiet">${words}</span>`;
}

function stepsWords({ steps }: ChangePlan): string {
  return steps.length === 1 ? 'in 1 step' : `in ${showCount(steps.length)} steps, each on the disk before the next`;
}

function sizeWords(before: bigint, after: bigint): string {
  if (before === after) {
    return `${showSize(before)}, as before`;
  }
  const show = showSize(before) === showSize(after) ? showExactSize : showSize;
  return `${show(before)} → ${show(after)}`;
}

/** A time in words of the right size. */
export function durationWords(seconds: number): string {
  if (seconds < 1) {
    return 'less than a second';
  }
  if (seconds < 90) {
    return `about ${Math.ceil(seconds)} s`;
  }
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} min` : `about ${Math.round(seconds / 3600)} h`;
}
