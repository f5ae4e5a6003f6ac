import { html, type TemplateResult } from 'lit';
import { showOffset } from '../../src/engine/format/show.ts';
import type { Image } from '../description.ts';
import { hostRange, type Selection } from '../selection.ts';
import { link } from './parts.ts';

/** An element of the way to a place. */
export interface Element {
  readonly text: string;
  readonly selection?: Selection;
}

/** The way to a place, each element of which selects itself: `header → L1[3] → L2[17] → host`. */
export function chain(elements: readonly Element[]): TemplateResult {
  return html`<ol class="chain">
    ${elements.map(
      ({ text, selection }) =>
        html`<li>${selection === undefined ? html`<span class="number">${text}</span>` : link(text, selection)}</li>`,
    )}
  </ol>`;
}

/** Where the way to the tables of a layer starts: the header, or the snapshot. */
export function layerElements(snapshot: number | undefined): Element[] {
  const header: Element = {
    text: 'header',
    selection: { kind: 'field', name: snapshot === undefined ? 'l1_table_offset' : 'snapshots_offset' },
  };
  return snapshot === undefined
    ? [header]
    : [header, { text: `snapshot[${snapshot}]`, selection: { kind: 'snapshot', index: snapshot } }];
}

/** An L1 entry as an element. */
export function l1Element(index: number, snapshot: number | undefined): Element {
  return { text: `L1[${index}]`, selection: { kind: 'l1-entry', index, ...layer(snapshot) } };
}

/** An L2 entry as an element. */
export function l2Element(l1: number, index: number, snapshot: number | undefined): Element {
  return { text: `L2[${index}]`, selection: { kind: 'l2-entry', l1, index, ...layer(snapshot) } };
}

/** Bytes that an entry leads to, as an element; with an external data file, data is not in this file. */
export function hostElement(
  { dataFile }: Image,
  what: string,
  offset: bigint,
  length: bigint,
  isData: boolean,
): Element {
  return isData && dataFile !== undefined
    ? { text: `data file ${showOffset(offset)}`, selection: { kind: 'data-file' } }
    : { text: `${what} ${showOffset(offset)}`, selection: hostRange(offset, length) };
}

/** The layer as a part of a selection. */
export function layer(snapshot: number | undefined): { readonly snapshot?: number } {
  return snapshot === undefined ? {} : { snapshot };
}
