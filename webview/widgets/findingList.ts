import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Finding } from '../description.ts';
import { type Listed, textOf } from '../findings.ts';
import { type Selection, sameSelection, select } from '../selection.ts';
import { PageElement } from './element.ts';
import { severityIcon } from './icon.ts';
import { visible } from './visible.ts';

/** Findings put into the page at a time; more follow as the end comes into view. */
const step = 100;

/** What is wrong or remarkable: severity, title, where, what it means, what QEMU says. */
export class FindingList extends PageElement {
  static override properties = {
    listed: { attribute: false },
    selection: { attribute: false },
    count: { state: true },
  };

  listed: readonly Listed[] = [];
  declare selection: Selection | undefined;
  private count = step;
  #end = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && this.count < this.listed.length) {
      this.count += step;
    }
  });

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end.disconnect();
  }

  override willUpdate(changed: PropertyValues): void {
    const index = changed.has('selection')
      ? this.listed.findIndex((one) => sameSelection(one.selection, this.selection))
      : -1;
    this.count = Math.max(this.count, index + 1);
  }

  override render(): TemplateResult {
    return html`<ul class="findings" aria-label="Findings">
        ${this.listed.slice(0, this.count).map((one) => card(one, sameSelection(one.selection, this.selection)))}
      </ul>
      <div class="findings-end"></div>`;
  }

  override updated(): void {
    const end = this.querySelector('.findings-end');
    if (end !== null) {
      // Observing anew reports again, should the end still be in view.
      this.#end.unobserve(end);
      this.#end.observe(end);
    }
  }
}

function card({ finding, selection }: Listed, chosen: boolean): TemplateResult {
  const text = textOf(finding);
  return html`<li>
    <button
      class="finding edge-${text.severity}"
      aria-current=${chosen ? 'true' : nothing}
      @click=${(event: Event) => select(event, selection)}
    >
      <span class="finding-title">${severityIcon(text.severity)}${text.title}</span>
      <span class="finding-where">${placeWords(finding)}</span>
      <span class="finding-meaning">${text.meaning}</span>
      <span class="quiet">${text.qemu === undefined ? 'QEMU says nothing of it.' : html`QEMU: <q>${text.qemu}</q>`}</span>
    </button>
  </li>`;
}

/** Where a finding is: `L1[3] → L2[17], host 0x3_0000 + 64 KiB`. */
export function placeWords(finding: Finding): string {
  const { chain, host, guest } = finding;
  return [
    visible(chain.replaceAll('->', '→')),
    host && `host ${showOffset(host.offset)} + ${showSize(host.length)}`,
    guest && `guest ${showOffset(guest.offset)} + ${showSize(guest.length)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

customElements.define('qcow2-findings', FindingList);
