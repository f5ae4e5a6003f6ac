import { html, nothing, type TemplateResult } from 'lit';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import type { ChangePlan } from '../../src/protocol/changeApi.ts';
import type { ChangeStage, FromPreview } from '../../src/protocol/changeMessages.ts';
import { icon } from '../widgets/icon.ts';
import { visible } from '../widgets/visible.ts';

type Plain = Extract<FromPreview, { type: 'apply' | 'cancel' | 'close' | 'plan-again' | 'roll-back' }>['type'];

/** A button of the bar: what it says, what it does, the one that fits most, whether it can be clicked. */
interface Action {
  readonly words: string;
  readonly type: Plain;
  readonly primary?: boolean;
  readonly disabled?: boolean;
}

/** What the bar says of a stage. */
interface Said {
  readonly tone: 'note' | 'warning' | 'corruption' | 'kept';
  readonly sign?: string;
  readonly words: string;
  readonly actions: readonly Action[];
  /** A part of 1; undefined while it is not known. */
  readonly progress?: { readonly part: number | undefined };
}

/** The bar below the page: how far the change is, and what can be done now. */
export function bar(
  stage: ChangeStage,
  plan: ChangePlan | undefined,
  tell: (message: FromPreview) => void,
): TemplateResult {
  const { tone, sign, words, actions, progress } = said(stage, plan);
  return html`<footer class="bar edge-${tone}">
    <p class="bar-words" role="status" tabindex="-1">${sign ? icon(sign, `tone-${tone}`) : nothing}${visible(words)}</p>
    ${progress === undefined ? nothing : progressBar(progress.part)}
    <div class="bar-actions">
      ${actions.map(
        ({ words: label, type, primary = false, disabled = false }) => html`<vscode-button
          ?secondary=${!primary}
          ?disabled=${disabled}
          @click=${() => tell({ type })}
          >${label}</vscode-button
        >`,
      )}
    </div>
  </footer>`;
}

function progressBar(part: number | undefined): TemplateResult {
  return html`<vscode-progress-bar
    aria-label="Progress"
    .value=${part === undefined ? undefined : part * 100}
    ?indeterminate=${part === undefined}
  ></vscode-progress-bar>`;
}

const close: Action = { words: 'Close', type: 'close' };

function said(stage: ChangeStage, plan: ChangePlan | undefined): Said {
  switch (stage.stage) {
    case 'planning':
      return {
        tone: 'note',
        words: 'The image is read, and nothing is written.',
        progress: { part: stage.part },
        actions: [{ words: 'Cancel', type: 'cancel' }],
      };
    case 'refused':
      return {
        tone: 'note',
        words: 'Nothing was written.',
        actions: [
          close,
          { words: 'Try Again', type: 'plan-again', primary: !stage.interrupted },
          ...(stage.interrupted ? [{ words: 'Roll Back…', type: 'roll-back', primary: true } as const] : []),
        ],
      };
    case 'planned':
      return planned(plan);
    case 'applying':
      return applying(stage, plan);
    case 'done':
      return {
        tone: 'kept',
        sign: 'pass',
        words: doneWords(stage, plan),
        actions: [
          ...(stage.undo ? [{ words: 'Undo…', type: 'roll-back' } as const] : []),
          ...(stage.again ? [{ words: 'Plan It Again…', type: 'plan-again' } as const] : []),
          { ...close, primary: true },
        ],
      };
    case 'failed':
      return {
        tone: stage.cancelled ? 'warning' : 'corruption',
        sign: stage.cancelled ? 'circle-slash' : 'error',
        words: `${stage.cancelled ? 'Cancelled.' : stage.reason} ${afterFailure(stage, plan)}`,
        actions: [
          close,
          stage.asBefore || plan?.rollsBack
            ? { words: 'Plan It Again', type: 'plan-again', primary: true }
            : { words: 'Roll Back…', type: 'roll-back', primary: true },
        ],
      };
  }
}

function planned(plan: ChangePlan | undefined): Said {
  const blocked = (plan?.obstacles.length ?? 0) > 0;
  return {
    tone: blocked ? 'corruption' : 'note',
    words: blocked ? 'It can’t be applied now. Nothing was written.' : 'Nothing is written before you apply it.',
    actions: [
      { words: 'Cancel', type: 'close' },
      ...(blocked ? [{ words: 'Look Again', type: 'plan-again' } as const] : []),
      { words: plan?.rollsBack ? 'Roll Back' : 'Apply', type: 'apply', primary: true, disabled: blocked },
    ],
  };
}

function applying(stage: Extract<ChangeStage, { stage: 'applying' }>, plan: ChangePlan | undefined): Said {
  const { done, total, cancelling } = stage;
  const part = total > 0 ? done / total : undefined;
  const percent = part === undefined ? '' : ` ${Math.floor(part * 100)} %`;
  const doing = plan?.rollsBack
    ? `Rolling back…${percent}`
    : part === undefined
      ? 'Writing the journal…'
      : `Applying…${percent}`;
  return {
    tone: 'note',
    words: cancelling ? 'Cancelled: what was written is rolled back…' : doing,
    progress: { part: cancelling ? undefined : part },
    actions: plan?.rollsBack ? [] : [{ words: 'Cancel', type: 'cancel', disabled: cancelling }],
  };
}

function doneWords({ undo, again }: Extract<ChangeStage, { stage: 'done' }>, plan: ChangePlan | undefined): string {
  if (plan?.rollsBack) {
    return `The image is as it was before.${again ? ' What was interrupted can be planned again.' : ''}`;
  }
  return undo ? 'Done. It can be undone as long as its journal is there.' : 'Done.';
}

function afterFailure(
  { asBefore, cancelled }: Extract<ChangeStage, { stage: 'failed' }>,
  plan: ChangePlan | undefined,
): string {
  if (asBefore) {
    // A failure says by itself where nothing was written.
    return cancelled
      ? 'What was written has been rolled back: the image is as it was.'
      : 'The image is as it was before.';
  }
  return plan?.rollsBack
    ? 'The journal is still there: it can be rolled back again.'
    : 'The image may hold a part of the change: have it rolled back.';
}
