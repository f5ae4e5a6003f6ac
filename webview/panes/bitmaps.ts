import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { BitmapUse, DirtyRange } from '../../src/protocol/listApi.ts';
import type { Bitmap } from '../description.ts';
import { SelectEvent, selectionAt } from '../selection.ts';
import '../widgets/asked.ts';
import '../widgets/entryList.ts';
import type { EntryEvent } from '../widgets/entryList.ts';
import type { Column } from '../widgets/grid.ts';
import { icon } from '../widgets/icon.ts';
import '../widgets/rangeTable.ts';
import type { RangeEvent } from '../widgets/rangeTable.ts';
import { visible } from '../widgets/visible.ts';
import { bitmapFlagWords, sectionCount, sectionNote } from './lists.ts';
import { PaneElement } from './pane.ts';

const bytesInRow = 8;

const columns: readonly Column<Bitmap>[] = [
  { title: 'name', cell: (row) => html`<bdi>${visible(row.name)}</bdi>` },
  { title: 'type', cell: (row) => (row.type === 1 ? 'dirty tracking' : `${row.type}, not known`) },
  { title: 'granularity', cell: (row) => showSize(row.granularity) },
  { title: 'flags', cell: (row) => row.flags.map(flagWords).join(', ') || 'none' },
  { title: 'table × entries', cell: (row) => `${showOffset(row.tableOffset)} × ${showCount(row.tableEntries)}` },
  { title: 'extra data', cell: (row) => extraWords(row.extra) },
];

const shortFlags: Readonly<Record<string, string>> = {
  in_use: 'in use: inconsistent',
  extra_data_compatible: 'extra data may be ignored',
};

function flagWords(flag: string): string {
  return shortFlags[flag] ?? flag;
}

function extraWords(extra: Uint8Array): string {
  const more = extra.length > bytesInRow ? ` … ${showCount(extra.length)} bytes` : '';
  return extra.length === 0 ? 'none' : `${showHex(extra.subarray(0, bytesInRow))}${more}`;
}

const rangeColumns: readonly Column<DirtyRange>[] = [
  { title: 'guest offset', cell: (row) => showOffset(row.start) },
  { title: 'length', cell: (row) => showSize(row.length) },
  { title: 'bytes', cell: (row) => showCount(row.length) },
  { title: 'state', cell: (row) => (row.state === 'dirty' ? 'dirty' : html`${icon('question')}not known`) },
];

/** The bitmap directory; for one of them its flags, how much of the disk is dirty, and which ranges. */
export class BitmapsPane extends PaneElement {
  override render(): TemplateResult {
    const { image, session, reveals } = this.content;
    const { bitmaps } = image;
    const total = sectionCount(bitmaps);
    const current = this.#current(total);
    return html`<h2>Bitmaps ${total === 0 ? nothing : html`<span class="quiet number">${showCount(total)}</span>`}</h2>
      ${sectionNote(bitmaps, 'bitmap directory')}
      ${
        total === 0
          ? nothing
          : html`<qcow2-entries
            name="bitmap-directory"
            label="Bitmaps"
            words="Reading the bitmap directory"
            .of=${image}
            .columns=${columns}
            .known=${bitmaps.items}
            .total=${total}
            .selected=${current ?? -1}
            .reveals=${reveals}
            .ask=${(from: number, count: number, signal: AbortSignal) =>
              session.client.call('bitmaps', { from, count }, { signal })}
            @entry=${(event: EntryEvent) => this.dispatchEvent(new SelectEvent({ kind: 'bitmap', index: event.index }))}
            @painted=${() => current === undefined && this.settled()}
          ></qcow2-entries>`
      }
      ${current === undefined ? this.#invitation(total) : this.#details(current)}`;
  }

  override updated(): void {
    const { selection, kept, image } = this.content;
    if (selection?.kind === 'bitmap' && kept !== `bitmap:${selection.index}`) {
      this.keep(`bitmap:${selection.index}`);
    }
    if (sectionCount(image.bitmaps) === 0) {
      this.settled();
    }
  }

  /** The selected bitmap, or the one that was selected last: a range of it may be selected meanwhile. */
  #current(total: number): number | undefined {
    const { selection, kept } = this.content;
    const last = selection?.kind === 'bitmap' ? selection : selectionAt(kept ?? '');
    return last?.kind === 'bitmap' && last.index < total ? last.index : undefined;
  }

  #invitation(total: number): TemplateResult | typeof nothing {
    return total === 0
      ? nothing
      : html`<p class="quiet">Select a bitmap to see which ranges of the disk are dirty.</p>`;
  }

  #details(index: number): TemplateResult {
    const { image, session } = this.content;
    return html`<qcow2-asked
      .of=${image}
      name=${`bitmap ${index}`}
      words="Reading the bitmap"
      .ask=${async (signal: AbortSignal, onProgress: (done: number, total: number) => void) =>
        Promise.all([
          session.client.call('bitmap', { index }, { signal }),
          session.client.call('bitmapUse', { index }, { signal, onProgress }),
        ])}
      .show=${([row, use]: readonly [
        Bitmap,
        BitmapUse,
      ]) => html`<h2>Bitmap <bdi class="name">${visible(row.name)}</bdi></h2>
        <ul class="plain">${bitmapFlagWords(row).map((words) => html`<li>${words}</li>`)}</ul>
        ${this.#use(use, index, row.flags.includes('in_use'))}`}
      @painted=${() => this.settled()}
    ></qcow2-asked>`;
  }

  #use(use: BitmapUse, index: number, inUse: boolean): TemplateResult {
    const { image, session, selection } = this.content;
    if (use.unreadable !== undefined) {
      return html`<p class="tone-corruption">${icon('error')}Its content can’t be read. ${use.unreadable}</p>`;
    }
    const count = use.ranges === 1 ? '1 range' : `${showCount(use.ranges)} ranges`;
    return html`<p class="statement">
        ${use.dirty === 0n ? 'Nothing is dirty' : html`${showSize(use.dirty)} are dirty`}
        ${use.dirty === 0n ? nothing : html`<span class="quiet number">${showCount(use.dirty)} bytes in ${count}</span>`}
      </p>
      ${inUse ? html`<p class="tone-warning">${icon('warning')}It was not saved properly: more may be dirty than it says.</p>` : nothing}
      ${
        use.unknown === 0n
          ? nothing
          : html`<p class="tone-corruption">${icon('error')}Of ${showSize(use.unknown)} it is not known: their bits can’t be read, or their table entries are wrong.</p>`
      }
      ${
        use.ranges === 0
          ? nothing
          : html`<qcow2-ranges
            kind="dirty"
            label="Dirty ranges"
            words="Reading the bitmap"
            name=${`dirty ${index}`}
            .of=${image}
            .columns=${rangeColumns}
            .selected=${selection?.kind === 'guest' ? selection : undefined}
            .ask=${(
              from: bigint,
              most: number,
              signal: AbortSignal,
              onProgress: (done: number, total: number) => void,
            ) => session.client.call('dirtyRanges', { index, from, count: most }, { signal, onProgress })}
            @range=${({ row: { start, length } }: RangeEvent) =>
              this.dispatchEvent(new SelectEvent({ kind: 'guest', start, length }))}
          ></qcow2-ranges>`
      }`;
  }
}

customElements.define('qcow2-bitmaps', BitmapsPane);
