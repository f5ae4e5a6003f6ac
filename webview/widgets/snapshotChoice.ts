import { html, nothing, type TemplateResult } from 'lit';
import type { Image } from '../description.ts';
import { visible } from './visible.ts';

/** A snapshot as it is offered: `Snapshot 0: before the upgrade`; the number alone of one that is not listed. */
export function snapshotWords({ snapshots }: Image, index: number): string {
  const { name, id } = snapshots.items[index] ?? { name: undefined, id: '' };
  return `Snapshot ${index}${name === undefined ? '' : `: ${visible(name === '' ? `id ${id}` : name)}`}`;
}

/** The snapshots that are offered by name, and the one that is shown. */
export function namedSnapshots({ snapshots }: Image, shown: number | undefined): number[] {
  const listed = snapshots.items.map((_, index) => index);
  return shown === undefined || shown < listed.length ? listed : [...listed, shown];
}

/** Of very many snapshots only the first are listed by name: any other is chosen by its number. Else nothing. */
export function snapshotNumber(
  { snapshots: { items, count = items.length } }: Image,
  shown: number | undefined,
  choose: (snapshot: number) => void,
): TemplateResult | typeof nothing {
  if (count <= items.length) {
    return nothing;
  }
  const pick = ({ target }: Event): void => {
    const { value, validity } = target as HTMLInputElement;
    if (validity.valid && value !== '') {
      choose(Number(value));
    }
  };
  return html`<label class="quiet">or snapshot number (0 to ${count - 1}) <input class="chooser" type="number" min="0" max=${count - 1}
    .value=${shown === undefined ? '' : String(shown)} @change=${pick} /></label>`;
}
