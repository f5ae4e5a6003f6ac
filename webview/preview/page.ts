import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import type { ChangePlan, NoBytes, WriteBytes } from '../../src/protocol/changeApi.ts';
import type { ChangeStage, FromPreview } from '../../src/protocol/changeMessages.ts';
import { PageElement } from '../widgets/element.ts';
import { visible } from '../widgets/visible.ts';
import { bar } from './bar.ts';
import './step.ts';
import { numbers, warnings } from './summary.ts';

const noBytes: ReadonlyMap<number, WriteBytes | NoBytes> = new Map();

/**
 * The page of a change: what it would do, byte by byte, and then what becomes of it. It only shows what the host tells,
 * and tells the host what is clicked. On the body, `data-stage` names the stage that is painted.
 */
export class PreviewPage extends PageElement {
  static override properties = {
    path: {},
    plan: { attribute: false },
    stage: { attribute: false },
    bytes: { state: true },
  };

  /** Of the image. */
  path = '';
  plan: ChangePlan | undefined;
  stage: ChangeStage = { stage: 'planning' };
  /** Tells the host. */
  declare tell: (message: FromPreview) => void;
  /** The bytes that have come, by step and write. */
  private bytes: ReadonlyMap<number, ReadonlyMap<number, WriteBytes | NoBytes>> = new Map();

  #focusedBar = false;

  /** Takes the bytes of a write that were asked for. */
  take(bytes: WriteBytes | NoBytes): void {
    const ofStep = new Map(this.bytes.get(bytes.step)).set(bytes.write, bytes);
    this.bytes = new Map(this.bytes).set(bytes.step, ofStep);
  }

  override willUpdate(changed: PropertyValues): void {
    this.#focusedBar = this.querySelector('.bar')?.contains(document.activeElement) === true;
    if (changed.has('plan')) {
      this.bytes = new Map();
    }
  }

  override render(): TemplateResult {
    const { plan, stage, path } = this;
    return html`<header class="preview-head">
        <h1>${plan === undefined ? headings[stage.stage] : visible(plan.title)}</h1>
        <p class="quiet"><bdi>${visible(path)}</bdi></p>
      </header>
      <main class="preview-body" tabindex="0" aria-label="What would be written" aria-busy=${stage.stage === 'planning'}>
        ${plan === undefined ? nothing : this.#content(plan)}
        ${stage.stage === 'refused' ? reasons(stage.reasons) : nothing}
      </main>
      ${bar(stage, plan, this.tell)}`;
  }

  override updated(): void {
    document.body.dataset.stage = this.stage.stage;
    if (this.#focusedBar && !this.querySelector('.bar')?.contains(document.activeElement)) {
      // The button that had the focus is gone: what became of it takes the focus.
      this.querySelector<HTMLElement>('.bar-words')?.focus();
    }
  }

  #content(plan: ChangePlan): TemplateResult {
    const movable = this.stage.stage === 'planned' && !plan.rollsBack;
    return html`${warnings(plan)}
    ${numbers(plan, movable ? () => this.tell({ type: 'choose-journal' }) : undefined)}
    ${plan.steps.map(
      (step, number) => html`<qcow2-step
        .step=${step}
        .number=${number}
        .bytes=${this.bytes.get(number) ?? noBytes}
        .ask=${(write: number) => this.tell({ type: 'bytes', step: number, write })}
      ></qcow2-step>`,
    )}`;
  }
}

const headings: Readonly<Record<ChangeStage['stage'], string>> = {
  planning: 'Planning a change',
  refused: 'The image can’t be changed like that',
  planned: 'Change',
  applying: 'Change',
  done: 'Change',
  failed: 'Change',
};

function reasons(list: readonly string[]): TemplateResult {
  return html`<ul class="warnings" aria-label="What is in the way">
    ${list.map((words) => html`<li class="warning edge-corruption"><span>${visible(words)}</span></li>`)}
  </ul>`;
}

customElements.define('qcow2-preview', PreviewPage);
