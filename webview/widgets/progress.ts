import { html, nothing, type TemplateResult } from 'lit';
import '@vscode-elements/elements/dist/vscode-button/index.js';
import '@vscode-elements/elements/dist/vscode-progress-bar/index.js';
import type { Loaded } from '../loaded.ts';
import { icon } from './icon.ts';

/** How far a request is: `42 %`, or empty when that is not known. */
export function percent(loaded: Loaded<unknown>): string {
  return loaded.state === 'loading' && loaded.part !== undefined ? `${Math.floor(loaded.part * 100)} %` : '';
}

/** A request under way: nothing in its first 200 ms, then a bar with words and, where it can be stopped, a button. */
export function progress(loaded: Loaded<unknown>, words: string, cancel?: () => void): TemplateResult | typeof nothing {
  if (loaded.state !== 'loading' || !loaded.slow) {
    return nothing;
  }
  return html`<div class="progress">
    <span class="progress-words">${words} ${percent(loaded)}</span>
    <vscode-progress-bar
      aria-label=${words}
      .value=${loaded.part === undefined ? undefined : loaded.part * 100}
      ?indeterminate=${loaded.part === undefined}
    ></vscode-progress-bar>
    ${cancel === undefined ? nothing : html`<vscode-button secondary @click=${cancel}>Cancel</vscode-button>`}
  </div>`;
}

/** A request that failed, with the way to repeat it. */
export function failure(loaded: Loaded<unknown>, what: string, retry: () => void): TemplateResult | typeof nothing {
  if (loaded.state === 'cancelled') {
    return html`<p class="failure">
      <span>${what} was cancelled; what it would tell is not known.</span>
      <vscode-button secondary @click=${retry}>Start again</vscode-button>
    </p>`;
  }
  if (loaded.state !== 'failed') {
    return nothing;
  }
  return html`<p class="failure" role="alert">
    <span>${icon('error', 'tone-corruption')}${what} failed: ${loaded.error.message} <code>${loaded.error.code}</code></span>
    <vscode-button secondary @click=${retry}>Retry</vscode-button>
  </p>`;
}
