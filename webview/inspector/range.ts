import { html, type PropertyValues, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Client } from '../../src/protocol/client.ts';
import type { ExtentPage, ExtentRow } from '../../src/protocol/mapApi.ts';
import type { GuestView } from '../guestView.ts';
import { type Loaded, load } from '../loaded.ts';
import type { Pane } from '../state.ts';
import { copyButtons } from '../widgets/copy.ts';
import { PageElement } from '../widgets/element.ts';
import { guestWords, swatch } from '../widgets/kinds.ts';
import { failure, progress } from '../widgets/progress.ts';
import { head, pairs, reveal, section } from './parts.ts';

/** Extents listed here; the table of the map has all of them. */
const extentsHere = 12;

/** Explains a range of the guest's disk: where it is and what is there. */
export class RangeExplanation extends PageElement {
  static override properties = {
    client: { attribute: false },
    range: { attribute: false },
    clusterSize: { type: Number },
    pane: {},
    page: { state: true },
  };

  declare client: Client;
  declare range: GuestView;
  clusterSize = 65536;
  pane: Pane = 'map';
  private page: Loaded<ExtentPage> = { state: 'waiting' };
  #cancel: () => void = () => undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#cancel();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('range');
    const moved = before === undefined || before.start !== this.range.start || before.length !== this.range.length;
    if (changed.has('client') || (changed.has('range') && moved)) {
      this.#ask();
    }
  }

  override render(): TemplateResult {
    const { start, length } = this.range;
    const here = { kind: 'guest', start, length } as const;
    const inside = this.#inside;
    const only = inside?.length === 1 ? inside[0] : undefined;
    return html`
      ${head(only ? guestWords[only.kind].label : 'Guest range', only ? guestWords[only.kind].meaning : 'a part of the guest’s disk')}
      ${section(
        'Where',
        pairs([
          ['guest', html`<span class="number">${showOffset(start)}</span>`],
          ['length', html`<span class="number">${showSize(length)}</span>`],
          ['cluster', html`<span class="number">${showCount(start / BigInt(this.clusterSize))}</span>`],
          ['host', only?.host === undefined ? undefined : html`<span class="number">${showOffset(only.host)}</span>`],
        ]),
      )}
      ${progress(this.page, 'Reading the tables')} ${failure(this.page, 'Reading the tables', () => this.#ask())}
      ${only ? section('How it is found', html`<code>${only.chain.replaceAll('->', '→')}</code>`) : section('What is there', this.#list(inside))}
      ${reveal({ pane: this.pane, selection: here }, here)}
      ${section(
        'Copy',
        copyButtons([
          ['Guest offset', String(start)],
          ['Length', String(length)],
          ...(only?.host === undefined ? [] : [['Host offset', String(only.host)] as const]),
        ]),
      )}
    `;
  }

  get #inside(): readonly ExtentRow[] | undefined {
    const end = this.range.start + this.range.length;
    return this.page.state === 'ready' ? this.page.value.rows.filter((row) => row.start < end) : undefined;
  }

  #list(inside: readonly ExtentRow[] | undefined): TemplateResult | undefined {
    if (inside === undefined) {
      return undefined;
    }
    const more = inside.length > extentsHere;
    return html`<ul class="plain">
        ${inside.slice(0, extentsHere).map(
          (row) => html`<li>
            ${swatch(row.kind)}<span class="number">${showOffset(row.start)}</span> + ${showSize(row.length)}
            <span class="quiet">${guestWords[row.kind].label}${row.host === undefined ? '' : ` at host ${showOffset(row.host)}`}</span>
          </li>`,
        )}
      </ul>
      ${more ? html`<p class="quiet">and more: the table of the map lists all extents.</p>` : ''}`;
  }

  #ask(): void {
    this.#cancel();
    this.#cancel = load(
      (signal, onProgress) =>
        this.client.call('extents', { from: this.range.start, count: extentsHere + 1 }, { signal, onProgress }),
      (page) => {
        if (page.state !== 'cancelled') {
          this.page = page;
        }
      },
    );
  }
}

customElements.define('qcow2-range', RangeExplanation);
