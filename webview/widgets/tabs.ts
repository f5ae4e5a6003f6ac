import { html, nothing, type TemplateResult } from 'lit';
import { showCount } from '../../src/engine/format/show.ts';
import { type Pane, panes } from '../state.ts';

/** The names of the panes for people. */
export const paneTitles: Readonly<Record<Pane, string>> = {
  overview: 'Overview',
  header: 'Header',
  map: 'Map',
  tables: 'Tables',
  snapshots: 'Snapshots',
  bitmaps: 'Bitmaps',
  check: 'Check',
  encryption: 'Encryption',
  chain: 'Chain',
  hex: 'Hex',
};

/**
 * The panes as tabs (ARIA Authoring Practices, "Tabs with automatic activation"): arrows, Home and End move and show.
 * `corruptions`: as far as they are known, for the tab of the check.
 */
export function tabs(current: Pane, pick: (pane: Pane) => void, corruptions: number): TemplateResult {
  const onKey = (event: KeyboardEvent): void => {
    const next = paneAfterKey(event.key, panes.indexOf(current));
    if (next !== undefined) {
      event.preventDefault();
      pick(next);
      document.getElementById(`tab-${next}`)?.focus();
    }
  };
  return html`<nav aria-label="Panes">
    <div class="tabs" role="tablist" aria-label="Panes" @keydown=${onKey}>
    ${panes.map(
      (pane) => html`<button
        class="tab"
        role="tab"
        id="tab-${pane}"
        aria-selected=${pane === current}
        aria-controls="pane"
        tabindex=${pane === current ? 0 : -1}
        @click=${() => pick(pane)}
      >
        ${paneTitles[pane]}${
          pane === 'check' && corruptions > 0
            ? html` <span class="tab-count">${showCount(corruptions)}<span class="spoken"> ${corruptions === 1 ? 'corruption' : 'corruptions'}</span></span>`
            : nothing
        }
      </button>`,
    )}
    </div>
  </nav>`;
}

function paneAfterKey(key: string, at: number): Pane | undefined {
  const last = panes.length - 1;
  switch (key) {
    case 'ArrowRight':
      return panes[at === last ? 0 : at + 1];
    case 'ArrowLeft':
      return panes[at === 0 ? last : at - 1];
    case 'Home':
      return panes[0];
    case 'End':
      return panes[last];
    default:
      return undefined;
  }
}
