import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { NoBytes, PlanStep, PlanWrite, WriteBytes } from '../../src/protocol/changeApi.ts';
import { PageElement } from '../widgets/element.ts';
import { icon } from '../widgets/icon.ts';
import { visible } from '../widgets/visible.ts';
import { changedLines, oldAndNew } from './bytes.ts';

/** Writes that are shown at first, and with each click more. */
const firstRows = 20;
const moreRows = 100;

/** A step of a change: its writes, each with the bytes that change, and all of them on demand. */
export class StepView extends PageElement {
  static override properties = {
    step: { attribute: false },
    number: { type: Number },
    ask: { attribute: false },
    bytes: { attribute: false },
    rows: { state: true },
    open: { state: true },
  };

  declare step: PlanStep;
  /** Its place among the steps, from 0. */
  number = 0;
  /** Asks for the bytes of a write of this step. */
  declare ask: (write: number) => void;
  /** Those that have come, by write. */
  bytes: ReadonlyMap<number, WriteBytes | NoBytes> = new Map();
  private rows = firstRows;
  private open: ReadonlySet<number> = new Set();

  override willUpdate(changed: PropertyValues): void {
    if (changed.has('step')) {
      this.rows = firstRows;
      this.open = new Set();
    }
  }

  override render(): TemplateResult {
    const { says, writes, writeCount, bytes, fileSize, allocation } = this.step;
    const shown = writes.slice(0, this.rows);
    return html`<section class="step" aria-labelledby="step-${this.number}">
      <h2 id="step-${this.number}">
        ${this.number + 1}. ${visible(says)}
        <span class="quiet">${writeWords(writeCount)}${writeCount === 0 ? nothing : ` · ${showSize(bytes)}`}</span>
      </h2>
      ${shown.length === 0 ? nothing : html`<ul class="writes">${shown.map((write, index) => this.#write(write, index))}</ul>`}
      ${this.#more(shown.length)}
      ${
        allocation === undefined
          ? nothing
          : html`<p>${showSize(allocation.length)} at <span class="number">${showOffset(allocation.at)}</span>
            ${allocation.written ? 'are written with zeros' : 'get blocks on the disk'}.</p>`
      }
      ${fileSize === undefined ? nothing : html`<p>The file then has ${showCount(fileSize)} bytes.</p>`}
    </section>`;
  }

  #write(write: PlanWrite, index: number): TemplateResult {
    const { structure, at, length, fields, line } = write;
    const open = this.open.has(index);
    return html`<li class="write">
      <div class="write-row">
        <button class="write-name" aria-expanded=${open} @click=${() => this.#toggle(index)}>
          ${icon(open ? 'chevron-down' : 'chevron-right')}<bdi>${visible(structure)}</bdi>
        </button>
        <span class="write-place"><span class="number">${showOffset(at)}</span> <span class="quiet">${showSize(length)}</span></span>
        <code class="write-bytes">${oldAndNew(line.before, line.after)}</code>
      </div>
      ${
        fields.length === 0
          ? nothing
          : html`<dl class="fields">${fields.map(
              ({ name, before, after }) => html`<div>
                <dt class="name">${name}</dt>
                <dd><del>${visible(before)}</del> <span aria-hidden="true">→</span> <ins>${visible(after)}</ins></dd>
              </div>`,
            )}</dl>`
      }
      ${open ? this.#all(write, index) : nothing}
    </li>`;
  }

  #all({ at, length }: PlanWrite, index: number): TemplateResult {
    const found = this.bytes.get(index);
    if (found === undefined) {
      return html`<p class="quiet">Reading the bytes…</p>`;
    }
    if ('error' in found) {
      return html`<p role="alert">${icon('error', 'tone-corruption')}${found.error}</p>`;
    }
    const { before, after } = found;
    const more = length - after.length;
    return html`${changedLines(at, before, after)}
    ${more > 0 ? html`<p class="quiet">${showCount(more)} more bytes are written here.</p>` : nothing}`;
  }

  #more(shown: number): TemplateResult | typeof nothing {
    const { writes, writeCount } = this.step;
    const left = writes.length - shown;
    if (left > 0) {
      const next = Math.min(left, moreRows);
      return html`<p><button class="link" @click=${() => this.#show(next)}>Show ${showCount(next)} more</button>
        <span class="quiet">of ${writeWords(writeCount)}</span></p>`;
    }
    return writeCount > shown && shown > 0
      ? html`<p class="quiet">${showCount(writeCount - shown)} more writes of the same kind are not listed.</p>`
      : nothing;
  }

  #show(more: number): void {
    this.rows += more;
  }

  #toggle(index: number): void {
    const open = new Set(this.open);
    if (!open.delete(index)) {
      open.add(index);
      if (!this.bytes.has(index)) {
        this.ask(index);
      }
    }
    this.open = open;
  }
}

function writeWords(count: number): string {
  return count === 0 ? '' : `${showCount(count)} ${count === 1 ? 'write' : 'writes'}`;
}

customElements.define('qcow2-step', StepView);
