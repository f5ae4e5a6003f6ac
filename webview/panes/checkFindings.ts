import { html, nothing, type TemplateResult } from 'lit';
import type { FindingCode } from '../../src/engine/finding.ts';
import type { CheckGroup, FilteredGroup, FilterSummary, FindingPlace } from '../../src/protocol/checkApi.ts';
import type { CheckState, NumberedFinding } from '../checkState.ts';
import { type CheckFinding, SelectEvent, sameSelection } from '../selection.ts';
import type { Pane } from '../state.ts';
import { PageElement } from '../widgets/element.ts';
import { PagedRows } from '../widgets/pagedRows.ts';
import { failure } from '../widgets/progress.ts';
import type { WindowGrid } from '../widgets/windowGrid.ts';
import { findingsBar, isSlow } from './checkBar.ts';
import { FindingFilter, type ShownFindings } from './checkFilter.ts';
import { groupCard } from './checkGroup.ts';
import { FindingSteps } from './checkSteps.ts';
import { unknownWords } from './checkWords.ts';
import { KeepEvent, type PaneContent } from './pane.ts';

/** The findings of one check by code, all or those that the filter leaves, with the way from one to the next. */
export class CheckFindings extends PageElement {
  static override properties = {
    content: { attribute: false },
    groups: { attribute: false },
    open: { state: true },
  };

  declare content: PaneContent;
  /** All of the check. */
  declare groups: readonly CheckGroup[];
  /** The groups whose lists are open. */
  private open: ReadonlySet<FindingCode> = new Set();
  readonly #filter = new FindingFilter(
    (words) => (signal, onProgress) => this.#check.filter(words, { signal, onProgress }),
    () => this.requestUpdate(),
  );
  readonly #steps = new FindingSteps(
    (request) => this.#check.step(request),
    () => this.requestUpdate(),
  );
  /** The lists that are open, of the findings that are shown. */
  readonly #rows = new Map<FindingCode, PagedRows<NumberedFinding>>();
  #listed: ShownFindings | undefined;
  #revealed = -1;
  /** The finding that is to be brought into view. */
  #bring: CheckFinding | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#closeLists();
    this.#filter.close();
  }

  override willUpdate(): void {
    const { kept, reveals } = this.content;
    if (!this.hasUpdated) {
      this.#restore(kept);
    }
    if (this.#filter.shown !== this.#listed) {
      this.#listed = this.#filter.shown;
      this.#closeLists();
    }
    const selected = this.#selected;
    if (this.#steps.follow(selected) && !sameSelection(selected, this.#bring)) {
      this.#bring = undefined;
    }
    if (reveals !== this.#revealed) {
      this.#bring = selected;
    }
    this.#revealed = reveals;
    this.#openList();
  }

  override render(): TemplateResult {
    const { groups } = this;
    const filter = this.#filter;
    const { left } = filter.shown ?? {};
    const shown = filter.shown && left === undefined ? groups : groups.filter((group) => leftOf(left, group));
    return html`${findingsBar(filter, groups, filter.settled && shown.length === 0, {
      type: (typed) => this.#type(typed),
      clear: () => this.#clear(),
      step: (by) => this.step(by),
    })}
      ${failure(filter.state, 'Filtering', () => filter.retry())}
      ${failure(this.#steps.state, 'Finding the next one', () => this.step(1))}
      <div class="check-groups ${isSlow(filter) ? 'is-old' : ''}" aria-busy=${!filter.settled}>
        ${left && left.groups.length === 0 ? noMatch : nothing}
        ${left && left.unknown > 0 ? html`<p class="note-line">${unknownWords(left.unknown)}</p>` : nothing}
        ${shown.map((group) => this.#group(group, leftOf(left, group)))}
      </div>`;
  }

  override updated(): void {
    this.#bringIntoView();
  }

  get #check(): CheckState {
    return this.content.session.check;
  }

  /** The finding that is selected. */
  get #selected(): CheckFinding | undefined {
    const { selection } = this.content;
    return selection?.kind === 'check-finding' ? selection : undefined;
  }

  /** Where a finding is among those that are shown; -1 where it is none of them, undefined until that is known. */
  #placeOf(finding: CheckFinding): number | undefined {
    const words = this.#filter.shown?.words;
    return words === undefined ? undefined : this.#steps.placeOf(words, finding);
  }

  /** The finding that can be brought into view now: it is selected, and what the filter leaves is shown. */
  get #wanted(): CheckFinding | undefined {
    return this.#filter.settled && sameSelection(this.#bring, this.#selected) ? this.#bring : undefined;
  }

  /** The finding that is to be brought into view may be in a list that is closed. */
  #openList(): void {
    const bring = this.#wanted;
    if (bring !== undefined && (this.#placeOf(bring) ?? 0) > 0 && !this.open.has(bring.code)) {
      this.open = new Set([...this.open, bring.code]);
      this.#keepView();
    }
  }

  #bringIntoView(): void {
    const bring = this.#wanted;
    const place = bring && this.#placeOf(bring);
    if (bring === undefined || place === undefined) {
      return;
    }
    this.#bring = undefined;
    if (place < 0) {
      return;
    }
    this.querySelector(`#group-${bring.code}`)?.scrollIntoView({ block: 'nearest' });
    const grid = this.querySelector<WindowGrid<NumberedFinding>>(`#findings-${bring.code}`);
    void grid?.updateComplete.then(() => grid.reveal(place));
  }

  #group(group: CheckGroup, left: FilteredGroup | undefined): TemplateResult {
    const { image, session } = this.content;
    const selected = this.#selected?.code === group.code ? this.#selected : undefined;
    const { count, listed = count } = left ?? group;
    return groupCard(group, {
      image,
      left,
      chosen: (selected && this.#placeOf(selected)) ?? -1,
      rows: this.open.has(group.code) && count > 1 ? this.#rowsOf(group.code, listed) : undefined,
      pick: (place, pane) => this.#pick(this.#filter.shown?.words ?? '', place, pane),
      toggle: () => this.#toggle(group.code),
      repair: () => session.repair({ codes: [group.code] }),
    });
  }

  #rowsOf(code: FindingCode, listed: number): PagedRows<NumberedFinding> {
    const words = this.#filter.shown?.words ?? '';
    const check = this.#check;
    const rows =
      this.#rows.get(code) ??
      new PagedRows(listed, (from, count, signal) => check.findings({ code, from, count, words }, signal));
    this.#rows.set(code, rows);
    return rows;
  }

  #type(typed: string): void {
    this.#filter.type(typed);
    if (this.#filter.words === '') {
      // What was selected among a few is to be found again among all.
      this.#bring = this.#selected;
    }
    this.#keepView();
  }

  #clear(): void {
    this.#type('');
    this.querySelector<HTMLElement>('.check-filter')?.focus({ preventScroll: true });
  }

  #toggle(code: FindingCode): void {
    const open = new Set(this.open);
    if (!open.delete(code)) {
      open.add(code);
    } else {
      this.#rows.get(code)?.close();
      this.#rows.delete(code);
    }
    this.open = open;
    this.#keepView();
  }

  /** Selects a finding by its place among those that words leave. */
  #pick(words: string, { code, index, position }: FindingPlace, pane?: Pane): CheckFinding {
    const picked: CheckFinding = { kind: 'check-finding', code, index };
    this.#steps.know(words, picked, position);
    this.dispatchEvent(new SelectEvent(picked, pane));
    return picked;
  }

  /** Selects the next finding, or the one before, of those that the filter leaves, over both ends. */
  step(by: 1 | -1): void {
    this.#filter.apply();
    const { words } = this.#filter;
    void this.#steps.step(words, by, (place) => {
      this.#bring = this.#pick(words, place);
    });
  }

  #closeLists(): void {
    for (const rows of this.#rows.values()) {
      rows.close();
    }
    this.#rows.clear();
  }

  #keepView(): void {
    const view = { typed: this.#filter.typed, open: [...this.open] };
    this.dispatchEvent(new KeepEvent(view.typed === '' && view.open.length === 0 ? undefined : JSON.stringify(view)));
  }

  /** What was kept by `#keepView`, perhaps by another version. */
  #restore(kept: PaneContent['kept']): void {
    const view: unknown = kept === undefined ? {} : JSON.parse(kept);
    if (typeof view === 'object' && view !== null) {
      this.#filter.restore('typed' in view && typeof view.typed === 'string' ? view.typed : '');
      const open = 'open' in view && Array.isArray(view.open) ? view.open : [];
      this.open = new Set(open.map((code) => String(code) as FindingCode));
    }
  }
}

function leftOf(left: FilterSummary | undefined, { code }: CheckGroup): FilteredGroup | undefined {
  return left?.groups.find((one) => one.code === code);
}

const noMatch = html`<p class="quiet">No finding has all of these words: a word is in its text, its place, its code or its
  severity; a number, hex or decimal, also in its range of the file or of the disk.</p>`;

customElements.define('qcow2-check-findings', CheckFindings);
