import { html, nothing, type TemplateResult } from 'lit';
import type { FindingCode } from '../../src/engine/finding.ts';
import type { CheckGroup, CheckSummary } from '../../src/protocol/checkApi.ts';
import type { Finding } from '../description.ts';
import { textOf } from '../findings.ts';
import { linkedText } from '../inspector/linkedText.ts';
import { readyValue, settled } from '../loaded.ts';
import { type CheckFinding, SelectEvent } from '../selection.ts';
import { placeWords } from '../widgets/findingList.ts';
import { severityIcon } from '../widgets/icon.ts';
import { PagedRows } from '../widgets/pagedRows.ts';
import { failure, progress } from '../widgets/progress.ts';
import { visible } from '../widgets/visible.ts';
import type { WindowGrid } from '../widgets/windowGrid.ts';
import { causeLinks, groupCard } from './checkGroup.ts';
import { impactTable } from './checkImpacts.ts';
import { extentWords, matches, summaryWords } from './checkWords.ts';
import { type PaneContent, PaneElement } from './pane.ts';

/**
 * What is wrong with the image, and whom it hurts: a sentence, what explains much at once, the findings by code, the
 * guest's ranges. F8 and Shift+F8 go from finding to finding.
 */
export class CheckPane extends PaneElement {
  static override properties = { ...PaneElement.properties, typed: { state: true }, open: { state: true } };

  /** What the groups are filtered by. */
  private typed = '';
  /** The groups whose lists are open. */
  private open: ReadonlySet<FindingCode> = new Set();
  /** The lists that are open, of the check that is shown. */
  readonly #rows = new Map<FindingCode, PagedRows<Finding>>();
  #shown: CheckSummary | undefined;
  #revealed = -1;
  /** The finding that is to be brought into view. */
  #bring: CheckFinding | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#closeLists();
  }

  override willUpdate(): void {
    const { session, kept, selection, reveals } = this.content;
    if (!this.hasUpdated) {
      this.#restore(kept);
    }
    const summary = readyValue(session.check.summary);
    if (summary !== this.#shown) {
      this.#shown = summary;
      this.#closeLists();
    }
    if (reveals !== this.#revealed && selection?.kind === 'check-finding') {
      this.#show(selection);
    }
    this.#revealed = reveals;
  }

  override render(): TemplateResult {
    const { session, image } = this.content;
    const { check } = session;
    const summary = readyValue(check.summary);
    if (!session.canCheck) {
      return html`<p class="statement">There is nothing to check: ${visible(image.file.says)}.</p>`;
    }
    return html`<div class="check-head" @keydown=${this.#onKey}>
        <p class="statement" role="status">${this.#statement(summary)}</p>
        ${
          check.summary.state === 'loading'
            ? nothing
            : html`<span class="check-done"><span class="quiet">${summary && extentWords(summary)}</span>
              <vscode-button secondary @click=${() => (summary?.complete ? session.checkAgain() : check.start(true))}>${summary?.complete ? 'Check again' : 'Check'}</vscode-button></span>`
        }
      </div>
      ${this.#staleness()}
      ${progress(check.summary, check.whole ? 'Checking the image' : 'Looking for errors', () => check.cancel())}
      ${failure(check.summary, 'The check', () => check.start(check.whole))}
      ${summary === undefined ? nothing : this.#findings(summary)}`;
  }

  override updated(): void {
    const { session } = this.content;
    const { summary } = session.check;
    if (!session.canCheck || settled(summary) || (summary.state === 'waiting' && !session.wantsCheck)) {
      this.settled();
    }
    const bring = this.#bring;
    if (bring !== undefined) {
      this.#bring = undefined;
      this.querySelector(`#group-${bring.code}`)?.scrollIntoView({ block: 'nearest' });
      const grid = this.querySelector<WindowGrid<Finding>>(`#findings-${bring.code}`);
      void grid?.updateComplete.then(() => grid.reveal(bring.index));
    }
  }

  #statement(summary: CheckSummary | undefined): string {
    const { session } = this.content;
    if (summary !== undefined) {
      return summaryWords(summary);
    }
    switch (session.check.summary.state) {
      case 'loading':
        return 'The image is being checked…';
      case 'waiting':
        return session.wantsCheck ? 'The image will be checked once its tables are read.' : 'Not checked yet.';
      default:
        return 'Not checked.';
    }
  }

  #staleness(): TemplateResult | typeof nothing {
    const state = this.content.session.news?.file.state;
    return this.#shown !== undefined && (state === 'changed' || state === 'changing' || state === 'lost')
      ? html`<p class="note-line">The file has changed since: what is said here is of the image as it was read.</p>`
      : nothing;
  }

  #findings(summary: CheckSummary): TemplateResult {
    const { selection } = this.content;
    const { groups, causes, impacts, unlistedImpacts = 0 } = summary;
    const shown = this.#matching(groups);
    return html`<div class="check-findings-all" @keydown=${this.#onKey}>
      ${causes.length === 0 ? nothing : html`<h2>What explains it</h2>${causes.map((cause) => this.#cause(cause))}`}
      ${groups.length === 0 ? nothing : this.#toolbar(groups, shown)}
      ${shown.map((group) => this.#group(group))}
      ${impactTable(impacts, unlistedImpacts, selection)}
    </div>`;
  }

  #cause(cause: Finding): TemplateResult {
    const { severity, title, meaning, advice } = textOf(cause);
    return html`<article class="check-group check-cause edge-${severity}">
      <p class="finding-title">${severityIcon(severity)}${title}</p>
      <p class="finding-where">${linkedText(placeWords(cause), this.content.image)}</p>
      <p>${meaning} <b>${advice}</b></p>
      ${causeLinks(this.content.image, cause)}
    </article>`;
  }

  #toolbar(groups: readonly CheckGroup[], shown: readonly CheckGroup[]): TemplateResult {
    const none = shown.length === 0;
    return html`<div class="toolbar" role="toolbar" aria-label="Findings">
      <h2>Findings</h2>
      <input class="chooser check-filter" type="search" aria-label="Filter findings" placeholder="Filter: text, severity, structure"
        .value=${this.typed} @input=${(event: Event) => this.#filter((event.target as HTMLInputElement).value)}>
      <span class="quiet" aria-live="polite">${this.typed === '' ? nothing : `${shown.length} of ${groups.length} kinds`}</span>
      <span class="grow"></span>
      <vscode-button secondary ?disabled=${none} aria-keyshortcuts="Shift+F8" title="Previous finding (Shift+F8)" @click=${() => this.#step(-1)}>Previous</vscode-button>
      <vscode-button secondary ?disabled=${none} aria-keyshortcuts="F8" title="Next finding (F8)" @click=${() => this.#step(1)}>Next</vscode-button>
    </div>`;
  }

  #group(group: CheckGroup): TemplateResult {
    const { image, selection, session } = this.content;
    return groupCard(group, {
      image,
      selection,
      rows: this.open.has(group.code) && group.count > 1 ? this.#rowsOf(group) : undefined,
      toggle: () => this.#toggle(group.code),
      repair: () => session.repair({ codes: [group.code] }),
    });
  }

  #rowsOf({ code, count, listed = count }: CheckGroup): PagedRows<Finding> {
    const { check } = this.content.session;
    const rows =
      this.#rows.get(code) ?? new PagedRows(listed, (from, most, signal) => check.findings(code, from, most, signal));
    this.#rows.set(code, rows);
    return rows;
  }

  #matching(groups: readonly CheckGroup[]): readonly CheckGroup[] {
    return this.typed.trim() === '' ? groups : groups.filter((group) => matches(group, this.typed.trim()));
  }

  #filter(typed: string): void {
    this.typed = typed;
    this.#keepView();
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

  /** Opens the list that a finding is in, and brings it into view. */
  #show(selection: CheckFinding): void {
    this.#bring = selection;
    if (selection.index > 0 && !this.open.has(selection.code)) {
      this.open = new Set([...this.open, selection.code]);
      this.#keepView();
    }
  }

  /** Selects the next finding, or the one before, of the groups that are shown, over both ends. */
  #step(by: 1 | -1): void {
    const { selection } = this.content;
    const current = selection?.kind === 'check-finding' ? selection : undefined;
    const reached = stepFrom(this.#matching(this.#shown?.groups ?? []), current, by);
    if (reached !== undefined) {
      this.#show(reached);
      this.dispatchEvent(new SelectEvent(reached));
    }
  }

  readonly #onKey = (event: KeyboardEvent): void => {
    if (event.key === 'F8' && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.#step(event.shiftKey ? -1 : 1);
    }
  };

  #closeLists(): void {
    for (const rows of this.#rows.values()) {
      rows.close();
    }
    this.#rows.clear();
  }

  #keepView(): void {
    const view = { typed: this.typed, open: [...this.open] };
    this.keep(view.typed === '' && view.open.length === 0 ? undefined : JSON.stringify(view));
  }

  /** What was kept by `#keepView`, perhaps by another version. */
  #restore(kept: PaneContent['kept']): void {
    const view: unknown = kept === undefined ? {} : JSON.parse(kept);
    if (typeof view === 'object' && view !== null) {
      this.typed = 'typed' in view && typeof view.typed === 'string' ? view.typed : '';
      const open = 'open' in view && Array.isArray(view.open) ? view.open : [];
      this.open = new Set(open.map((code) => String(code) as FindingCode));
    }
  }
}

/** The finding one after another one, or before it, over both ends of the groups; the first or last where there is none. */
function stepFrom(
  groups: readonly CheckGroup[],
  current: CheckFinding | undefined,
  by: 1 | -1,
): CheckFinding | undefined {
  const at = groups.findIndex(({ code }) => code === current?.code);
  const index = (current?.index ?? 0) + by;
  const within = groups[at];
  if (within !== undefined && index >= 0 && index < (within.listed ?? within.count)) {
    return { kind: 'check-finding', code: within.code, index };
  }
  const before = at < 0 && by < 0 ? groups.length : at;
  const next = groups[(before + by + groups.length) % groups.length];
  return next && { kind: 'check-finding', code: next.code, index: by > 0 ? 0 : (next.listed ?? next.count) - 1 };
}

customElements.define('qcow2-check', CheckPane);
