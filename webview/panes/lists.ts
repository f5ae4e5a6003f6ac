import { html, nothing, type TemplateResult } from 'lit';
import { bitmapFlags, dirtyTracking } from '../../src/engine/format/bitmaps.ts';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Bitmap, Image, Section, Snapshot } from '../description.ts';
import { type Selection, select } from '../selection.ts';
import '../widgets/grid.ts';
import type { Column, RowEvent } from '../widgets/grid.ts';
import { visible } from '../widgets/visible.ts';

const snapshotColumns: readonly Column<Snapshot>[] = [
  { title: 'id', cell: (row) => html`<bdi>${visible(row.id)}</bdi>` },
  { title: 'name', cell: (row) => html`<bdi>${visible(row.name)}</bdi>` },
  { title: 'date', cell: (row) => dateWords(row.dateSeconds) },
  { title: 'VM clock', cell: (row) => clockWords(row.vmClockNanoseconds) },
  { title: 'VM state', cell: (row) => (row.vmStateSize === 0n ? 'none' : showSize(row.vmStateSize)) },
  { title: 'disk size', cell: (row) => (row.diskSize === undefined ? 'not stored' : showSize(row.diskSize)) },
  { title: 'L1 table', cell: (row) => showOffset(row.l1Offset) },
];

const bitmapColumns: readonly Column<Bitmap>[] = [
  { title: 'name', cell: (row) => html`<bdi>${visible(row.name)}</bdi>` },
  { title: 'granularity', cell: (row) => showSize(row.granularity) },
  { title: 'flags', cell: (row) => row.flags.join(', ') || 'none' },
  { title: 'table', cell: (row) => showOffset(row.tableOffset) },
  { title: 'entries', cell: (row) => showCount(row.tableEntries) },
];

/** The snapshots, with what could be read of the table; a pane of their own has all and more of each. */
export function snapshotList(image: Image, selection: Selection | undefined): TemplateResult {
  const { items } = image.snapshots;
  const chosen = selection?.kind === 'snapshot' ? selection.index : -1;
  const first: Selection = { kind: 'snapshot', index: Math.max(0, chosen) };
  return html`<h2>Snapshots ${countOf(image.snapshots)} ${items.length === 0 ? nothing : paneLink('Snapshots', first)}</h2>
    ${sectionNote(image.snapshots, 'snapshot table')} ${restNote(image.snapshots)}
    ${
      items.length === 0
        ? nothing
        : html`<qcow2-grid
          id="snapshots"
          class="snapshots lines-${Math.min(items.length, 12)}"
          label="Snapshots"
          .columns=${snapshotColumns}
          .rows=${items}
          .total=${items.length}
          .selected=${chosen}
          @row=${(event: RowEvent) => select(event, { kind: 'snapshot', index: event.index })}
        ></qcow2-grid>`
    }`;
}

/** The bitmaps, with what could be read of the directory; a pane of their own has all and more of each. */
export function bitmapList(image: Image, selection: Selection | undefined): TemplateResult {
  const { items } = image.bitmaps;
  const chosen = selection?.kind === 'bitmap' ? selection.index : -1;
  const first: Selection = { kind: 'bitmap', index: Math.max(0, chosen) };
  return html`<h2>Bitmaps ${countOf(image.bitmaps)} ${items.length === 0 ? nothing : paneLink('Bitmaps', first)}</h2>
    ${sectionNote(image.bitmaps, 'bitmap directory')} ${restNote(image.bitmaps)}
    ${
      items.length === 0
        ? nothing
        : html`<qcow2-grid
          id="bitmaps"
          class="bitmaps lines-${Math.min(items.length, 12)}"
          label="Bitmaps"
          .columns=${bitmapColumns}
          .rows=${items}
          .total=${items.length}
          .selected=${chosen}
          @row=${(event: RowEvent) => select(event, { kind: 'bitmap', index: event.index })}
        ></qcow2-grid>`
    }`;
}

/** Shows the pane that has more of it. */
function paneLink(title: 'Snapshots' | 'Bitmaps', own: Selection): TemplateResult {
  const pane = title === 'Snapshots' ? 'snapshots' : 'bitmaps';
  return html`<button class="link" @click=${(event: Event) => select(event, own, pane)}>Show in ${title}</button>`;
}

/** How many there are. */
export function sectionCount({ items, count = items.length }: Section): number {
  return count;
}

function countOf(section: Section): TemplateResult | typeof nothing {
  const count = sectionCount(section);
  return count === 0 ? nothing : html`<span class="quiet number">${showCount(count)}</span>`;
}

function restNote(section: Section): TemplateResult | typeof nothing {
  return section.count === undefined
    ? nothing
    : html`<p class="quiet">These are the first ${showCount(section.items.length)}; their pane has all of them.</p>`;
}

/** How far a list was read, where it was not read whole. */
export function sectionNote(section: Section, name: string): TemplateResult | typeof nothing {
  switch (section.state) {
    case 'whole':
      return section.items.length === 0 ? html`<p class="quiet">None.</p>` : nothing;
    case 'absent':
      return html`<p class="quiet">None.</p>`;
    case 'partial':
      return html`<p class="tone-warning">Only a part of the ${name} could be read; the findings say why.</p>`;
    case 'unreadable':
      return html`<p class="tone-corruption">The ${name} could not be read; the findings say why.</p>`;
  }
}

/** Seconds since 1970 as a date in UTC. */
export function dateWords(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');
}

/** Nanoseconds as hours, minutes, seconds and milliseconds, as qemu-img shows them. */
export function clockWords(nanoseconds: bigint): string {
  const two = (value: bigint): string => value.toString().padStart(2, '0');
  const seconds = nanoseconds / 1_000_000_000n;
  const milliseconds = ((nanoseconds / 1_000_000n) % 1000n).toString().padStart(3, '0');
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}.${milliseconds}`;
}

/** The flags of a bitmap, each as a sentence; one sentence where none is set. */
export function bitmapFlagWords({ flags }: Bitmap): string[] {
  const words = flags.map((name) => {
    const known = bitmapFlags.find((flag) => flag.name === name);
    return known ? `${name}: ${known.meaning}` : `${name}: not known; QEMU refuses such a bitmap.`;
  });
  return words.length > 0 ? words : ['None: it is kept, but writes to the disk are not recorded in it.'];
}

/** The type of a bitmap in words. */
export function bitmapTypeWords(type: number): string {
  return type === dirtyTracking ? 'dirty tracking (1)' : `${type}, which is not known: only 1, dirty tracking, is`;
}
