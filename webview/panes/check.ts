import { html, nothing, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { CheckSummary } from '../../src/protocol/checkApi.ts';
import type { Finding } from '../description.ts';
import { textOf } from '../findings.ts';
import { linkedText } from '../inspector/linkedText.ts';
import { readyValue, settled } from '../loaded.ts';
import { placeWords } from '../widgets/findingList.ts';
import { severityIcon } from '../widgets/icon.ts';
import { failure, progress } from '../widgets/progress.ts';
import { visible } from '../widgets/visible.ts';
import type { CheckFindings } from './checkFindings.ts';
import './checkFindings.ts';
import { causeLinks } from './checkGroup.ts';
import { impactTable } from './checkImpacts.ts';
import { extentWords, summaryWords } from './checkWords.ts';
import { PaneElement } from './pane.ts';

/**
 * What is wrong with the image, and whom it hurts: a sentence, what explains much at once, the findings by code, the
 * guest's ranges. F8 and Shift+F8 go from finding to finding, of all or of those that the filter leaves.
 */
export class CheckPane extends PaneElement {
  constructor() {
    super();
    this.addEventListener('keydown', (event) => this.#onKey(event));
  }

  override render(): TemplateResult {
    const { session, image } = this.content;
    const { check } = session;
    const summary = readyValue(check.summary);
    if (!session.canCheck) {
      return html`<p class="statement">There is nothing to check: ${visible(image.file.says)}.</p>`;
    }
    return html`<div class="check-head">
        <p class="statement" role="status">${this.#statement(summary)}</p>
        ${
          check.summary.state === 'loading'
            ? nothing
            : html`<span class="check-done"><span class="quiet">${summary && extentWords(summary)}</span>
              <vscode-button secondary @click=${() => (summary?.complete ? session.checkAgain() : check.start(true))}>${summary?.complete ? 'Check again' : 'Check'}</vscode-button></span>`
        }
      </div>
      ${summary === undefined ? nothing : this.#staleness()}
      ${progress(check.summary, check.whole ? 'Checking the image' : 'Looking for errors', () => check.cancel())}
      ${failure(check.summary, 'The check', () => check.start(check.whole))}
      ${summary === undefined || image.noRepair === undefined ? nothing : html`<p class="note-line">${visible(image.noRepair)}</p>`}
      ${summary === undefined ? nothing : this.#findings(summary)}`;
  }

  override updated(): void {
    const { session } = this.content;
    const { summary } = session.check;
    if (!session.canCheck || settled(summary) || (summary.state === 'waiting' && !session.wantsCheck)) {
      this.settled();
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
    return state === 'changed' || state === 'changing' || state === 'lost'
      ? html`<p class="note-line">The file has changed since: what is said here is of the image as it was read.</p>`
      : nothing;
  }

  #findings(summary: CheckSummary): TemplateResult {
    const { content } = this;
    const { groups, causes, impacts, unlistedImpacts = 0 } = summary;
    return html`${causes.length === 0 ? nothing : html`<h2>What explains it</h2>${causes.map((cause) => this.#cause(cause))}`}
      ${
        groups.length === 0
          ? nothing
          : keyed(summary, html`<qcow2-check-findings .groups=${groups} .content=${content}></qcow2-check-findings>`)
      }
      ${impactTable(impacts, unlistedImpacts, content.selection)}`;
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

  #onKey(event: KeyboardEvent): void {
    if (event.key === 'F8' && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.querySelector<CheckFindings>('qcow2-check-findings')?.step(event.shiftKey ? -1 : 1);
    }
  }
}

customElements.define('qcow2-check', CheckPane);
