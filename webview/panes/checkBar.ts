import { html, nothing, type TemplateResult } from 'lit';
import type { CheckGroup } from '../../src/protocol/checkApi.ts';
import { icon } from '../widgets/icon.ts';
import { percent } from '../widgets/progress.ts';
import type { FindingFilter } from './checkFilter.ts';
import { filteredWords } from './checkWords.ts';

/** What the bar over the findings does. */
export interface BarActions {
  readonly type: (typed: string) => void;
  /** Empties the filter. */
  readonly clear: () => void;
  readonly step: (by: 1 | -1) => void;
}

/** The bar over the findings: the filter, how many it leaves, and the way from finding to finding. `none`: there is none to go to. */
export function findingsBar(
  filter: FindingFilter,
  groups: readonly CheckGroup[],
  none: boolean,
  { type, clear, step }: BarActions,
): TemplateResult {
  const { typed } = filter;
  const onKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && typed !== '') {
      event.preventDefault();
      clear();
    }
  };
  return html`<div class="toolbar check-bar" role="toolbar" aria-label="Findings">
    <h2>Findings</h2>
    <span class="check-filter-box">
      <input class="chooser check-filter" type="search" aria-label="Filter findings" placeholder="Filter: offset, text, code, severity"
        .value=${typed} @input=${(event: Event) => type((event.target as HTMLInputElement).value)} @keydown=${onKey}>
      ${
        typed === ''
          ? nothing
          : html`<button class="tool" title="Clear filter (Escape)" aria-label="Clear filter" @click=${clear}>${icon('close')}</button>`
      }
    </span>
    <span class="quiet check-filtered"><span aria-live="polite">${filterWords(filter, groups)}</span>
      <span aria-hidden="true">${isSlow(filter) ? percent(filter.state) : nothing}</span></span>
    <span class="grow"></span>
    <span class="tools"><vscode-button secondary ?disabled=${none} aria-keyshortcuts="Shift+F8" title="Previous finding (Shift+F8)" @click=${() => step(-1)}>Previous</vscode-button>
    <vscode-button secondary ?disabled=${none} aria-keyshortcuts="F8" title="Next finding (F8)" @click=${() => step(1)}>Next</vscode-button></span>
  </div>`;
}

/** Whether the filter takes so long that it is to be told. */
export function isSlow({ state }: FindingFilter): boolean {
  return state.state === 'loading' && state.slow;
}

/** What is said of the filter; how far it is changes too often to be read aloud. */
function filterWords(filter: FindingFilter, groups: readonly CheckGroup[]): string {
  const left = filter.shown?.left;
  if (isSlow(filter)) {
    return 'Filtering…';
  }
  return left === undefined || filter.state.state === 'failed' ? '' : filteredWords(groups, left);
}
