import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Finding, Image, Row } from '../description.ts';
import { type Listed, textOf } from '../findings.ts';
import { panesOf } from '../panesOf.ts';
import { type Selection, sameSelection, select } from '../selection.ts';
import type { Session } from '../session.ts';
import type { Pane } from '../state.ts';
import { icon, severityIcon } from '../widgets/icon.ts';
import { paneTitles } from '../widgets/tabs.ts';
import { visible } from '../widgets/visible.ts';
import { wordsOf } from '../words.ts';

/** What the Inspector explains something in. */
export interface Context {
  readonly image: Image;
  readonly session: Session;
  readonly listed: readonly Listed[];
  /** The pane beside it. */
  readonly pane: Pane;
  readonly selection: Selection | undefined;
  /** The finding that is selected, once it is there. */
  readonly found: Finding | undefined;
  /** Path of the image, for commands. */
  readonly path: string;
}

/** The head of the Inspector: what is selected. */
export function head(title: string, kind: string): TemplateResult {
  return html`<h2 class="inspector-title"><bdi>${visible(title)}</bdi></h2><p class="quiet">${kind}</p>`;
}

/** One section; nothing when it has no content. */
export function section(
  title: string,
  content: TemplateResult | string | typeof nothing | undefined,
): TemplateResult | typeof nothing {
  return content === undefined || content === nothing || content === ''
    ? nothing
    : html`<section><h3>${title}</h3>${content}</section>`;
}

/** Names and values, one below the other. */
export function pairs(
  list: readonly (readonly [string, TemplateResult | string | undefined])[],
  style: 'words' | 'names' = 'words',
): TemplateResult {
  return html`<dl class="pairs ${style}">
    ${list.map(([name, value]) => (value === undefined ? nothing : html`<div><dt>${name}</dt><dd>${value}</dd></div>`))}
  </dl>`;
}

/** The decoded fields of a structure. */
export function fieldPairs(rows: readonly Row[]): TemplateResult | undefined {
  if (rows.length === 0) {
    return undefined;
  }
  return pairs(
    rows.map((row) => [
      row.name,
      html`${text(row.shown)}${row.meaning === '' ? nothing : html` <span class="quiet">${visible(row.meaning)}</span>`}`,
    ]),
    'names',
  );
}

/** Rules, and whether they are kept. */
export function rules(list: Row['rules']): TemplateResult | undefined {
  if (list.length === 0) {
    return undefined;
  }
  return html`<ul class="rules">
    ${list.map(
      ({ text, kept }) =>
        html`<li>
          ${kept ? icon('check', 'tone-kept') : icon('close', 'tone-corruption')}<span class="spoken"
            >${kept ? 'kept: ' : 'broken: '}</span
          >${text}
        </li>`,
    )}
  </ul>`;
}

/** The findings at a place, each of which selects itself. */
export function findingLinks(found: readonly Listed[]): TemplateResult | undefined {
  if (found.length === 0) {
    return undefined;
  }
  return html`<ul class="plain">
    ${found.map(({ finding, selection }) => {
      const { severity, title, qemu } = textOf(finding);
      return html`<li>
        <button class="link" @click=${(event: Event) => select(event, selection)}>${severityIcon(severity)}${title}</button>
        ${qemu === undefined ? nothing : html`<p class="quiet">QEMU: <q>${qemu}</q></p>`}
      </li>`;
    })}
  </ul>`;
}

/** Names, numbers and bytes of the image, in the editor's font, each character of them seen. */
export function text(shown: string): TemplateResult {
  return html`<bdi class="number">${visible(shown)}</bdi>`;
}

/** Links that show something in every pane that can, but for the one in which it is selected already. */
export function reveal(
  { pane, selection }: Pick<Context, 'pane' | 'selection'>,
  ...targets: readonly (Selection | undefined)[]
): TemplateResult | typeof nothing {
  const places = targets
    .filter((target) => target !== undefined)
    .flatMap((target) => panesOf(target).map((shown) => ({ target, shown })))
    .filter(({ target, shown }) => shown !== pane || !sameSelection(target, selection));
  const elsewhere = places.filter(
    ({ shown }, index) => places.findIndex((earlier) => earlier.shown === shown) === index,
  );
  return elsewhere.length === 0
    ? nothing
    : section(
        'Reveal in',
        html`<p class="links">
          ${repeat(
            elsewhere,
            // The link that was followed goes, and does not become another one that keeps the focus.
            ({ shown }) => shown,
            ({ target, shown }) =>
              html`<button class="link" @click=${(event: Event) => select(event, target, shown)}>${paneTitles[shown]}</button>`,
          )}
        </p>`,
      );
}

/** Text that selects something. */
export function link(shown: string, target: Selection): TemplateResult {
  return html`<button class="link number" title=${wordsOf(target)} @click=${(event: Event) => select(event, target)}
    ><bdi>${visible(shown)}</bdi></button>`;
}
