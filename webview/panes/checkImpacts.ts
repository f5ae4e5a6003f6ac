import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { GuestImpact, ImpactKind, Partition } from '../../src/protocol/checkApi.ts';
import { SelectEvent, type Selection } from '../selection.ts';
import type { Column, RowEvent } from '../widgets/grid.ts';
import '../widgets/grid.ts';
import { visible } from '../widgets/visible.ts';

const kindWords: Readonly<Record<ImpactKind, string>> = {
  unreadable: 'can’t be read',
  wrong: 'reads wrong data',
  'at-risk': 'may become wrong',
};

const columns: readonly Column<GuestImpact>[] = [
  { title: 'guest offset', cell: ({ guest }) => showOffset(guest.offset) },
  { title: 'length', cell: ({ guest }) => showSize(guest.length) },
  { title: 'what happens', cell: ({ kind }) => kindWords[kind] },
  { title: 'by', cell: ({ code }) => code },
  {
    title: 'partition',
    cell: ({ partition }) => (partition === undefined ? 'not known' : html`<bdi>${partitionWords(partition)}</bdi>`),
  },
];

/** `2, Linux filesystem “root”`. */
function partitionWords({ number, type, name }: Partition): string {
  return `${number}, ${visible(type)}${name === undefined || name === '' ? '' : ` “${visible(name)}”`}`;
}

/** The ranges of the guest's disk that are hurt, each of them a selection. */
export function impactTable(
  impacts: readonly GuestImpact[],
  unlisted: number,
  selection: Selection | undefined,
): TemplateResult | typeof nothing {
  if (impacts.length === 0) {
    return nothing;
  }
  const selected =
    selection?.kind === 'guest'
      ? impacts.findIndex(({ guest }) => guest.offset === selection.start && guest.length === selection.length)
      : -1;
  const onRow = (event: RowEvent): void => {
    const guest = impacts[event.index]?.guest;
    if (guest !== undefined) {
      event.currentTarget?.dispatchEvent(new SelectEvent({ kind: 'guest', start: guest.offset, length: guest.length }));
    }
  };
  return html`<h2>What it means for the guest <span class="quiet number">${showCount(impacts.length)}</span></h2>
    <qcow2-grid
      id="impacts"
      class="impacts lines-${Math.min(impacts.length, 12)}"
      label="Guest ranges that are hurt"
      .columns=${columns}
      .rows=${impacts}
      .total=${impacts.length}
      .selected=${selected}
      @row=${onRow}
    ></qcow2-grid>
    ${unlisted === 0 ? nothing : html`<p class="quiet">${showCount(unlisted)} more ranges are hurt, and not listed.</p>`}`;
}
