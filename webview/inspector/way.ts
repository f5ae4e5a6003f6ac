import { html, type TemplateResult } from 'lit';
import type { PageCommand } from '../../src/protocol/pageCommand.ts';
import type { Visit } from '../history.ts';
import { icon } from '../widgets/icon.ts';
import { paneTitles } from '../widgets/tabs.ts';
import { visible } from '../widgets/visible.ts';
import { wordsOf } from '../words.ts';

/** Where one can go from here. */
export interface Way {
  /** The selections before and after this one. */
  readonly back: Visit | undefined;
  readonly forward: Visit | undefined;
  readonly run: (command: PageCommand) => void;
}

/** The buttons above what is explained: back, forward, `Go to…`. Their keys are VS Code's keybindings. */
export function wayBar({ back, forward, run }: Way): TemplateResult {
  return html`<div class="way" role="toolbar" aria-label="Selections">
    ${stepButton('arrow-left', 'Back', 'Alt+ArrowLeft', back, () => run('back'))}
    ${stepButton('arrow-right', 'Forward', 'Alt+ArrowRight', forward, () => run('forward'))}
    <span class="grow"></span>
    <button class="link" aria-keyshortcuts="Control+G" title="Go to an offset, a cluster, an entry or a name" @click=${() => run('go-to')}>
      Go to… <kbd class="quiet">Ctrl+G</kbd>
    </button>
  </div>`;
}

function stepButton(
  name: string,
  label: string,
  keys: string,
  visit: Visit | undefined,
  act: () => void,
): TemplateResult {
  const where = visit && `${label} to ${visible(wordsOf(visit.selection))}, in ${paneTitles[visit.pane]}`;
  return html`<button
    class="tool"
    aria-label=${label}
    aria-keyshortcuts=${keys}
    title=${where ?? `${label}: nothing was selected there`}
    ?disabled=${visit === undefined}
    @click=${act}
  >
    ${icon(name)}
  </button>`;
}
