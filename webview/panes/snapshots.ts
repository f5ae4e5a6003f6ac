import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showHex, showOffset, showSize } from '../../src/engine/format/show.ts';
import { changeOf, type Difference, type DifferingRange, type SnapshotClusters } from '../../src/protocol/listApi.ts';
import type { Snapshot } from '../description.ts';
import { SelectEvent, selectionAt } from '../selection.ts';
import '../widgets/asked.ts';
import '../widgets/entryList.ts';
import type { EntryEvent } from '../widgets/entryList.ts';
import type { Column } from '../widgets/grid.ts';
import { guestWords, swatch } from '../widgets/kinds.ts';
import '../widgets/rangeTable.ts';
import type { RangeEvent } from '../widgets/rangeTable.ts';
import { visible } from '../widgets/visible.ts';
import { clockWords, dateWords, sectionCount, sectionNote } from './lists.ts';
import { type PaneContent, PaneElement } from './pane.ts';
import { changeWords, clusterReport, differenceReport } from './snapshotReport.ts';

/** Bytes of unknown extra data that fit into a row; the Inspector shows all of them. */
const bytesInRow = 8;

const columns: readonly Column<Snapshot>[] = [
  { title: 'id', cell: (row) => html`<bdi>${visible(row.id)}</bdi>` },
  { title: 'name', cell: (row) => html`<bdi>${visible(row.name)}</bdi>` },
  { title: 'date', cell: (row) => dateWords(row.dateSeconds) },
  { title: 'VM state', cell: (row) => (row.vmStateSize === 0n ? 'none' : showSize(row.vmStateSize)) },
  { title: 'VM clock', cell: (row) => clockWords(row.vmClockNanoseconds) },
  { title: 'disk size', cell: (row) => (row.diskSize === undefined ? 'not stored' : showSize(row.diskSize)) },
  { title: 'L1 × entries', cell: (row) => `${showOffset(row.l1Offset)} × ${showCount(row.l1Entries)}` },
  { title: 'extra', cell: (row) => extraWords(row) },
];

function extraWords({ extraBytes, unknownExtra }: Snapshot): string {
  const length = extraBytes === 1 ? '1 byte' : `${showCount(extraBytes)} bytes`;
  if (unknownExtra.length === 0) {
    return extraBytes === 0 ? 'none' : length;
  }
  const more = unknownExtra.length > bytesInRow ? ' …' : '';
  return `${length}, unknown: ${showHex(unknownExtra.subarray(0, bytesInRow))}${more}`;
}

const rangeColumns: readonly Column<DifferingRange>[] = [
  { title: 'guest offset', cell: (row) => showOffset(row.start) },
  { title: 'length', cell: (row) => showSize(row.length) },
  { title: 'since then', cell: (row) => changeWords[changeOf(row)].label },
  { title: 'in the snapshot', cell: (row) => kindWords(row.snapshot) },
  { title: 'in the active layer', cell: (row) => kindWords(row.active) },
];

function kindWords(kind: DifferingRange['active']): TemplateResult | string {
  return kind === undefined ? 'past the end' : html`${swatch(kind)}${guestWords[kind].label}`;
}

/** The snapshot table; for one of them, on demand, its clusters and how it differs from the active layer. */
export class SnapshotsPane extends PaneElement {
  static override properties = { ...PaneElement.properties, inSnapshot: { state: true }, wanted: { state: true } };

  /** Whether a range that is picked is selected in the snapshot; else in the active layer. */
  private inSnapshot = false;
  /** What was asked for, of the image that is shown: `clusters 3`, `difference 3`. */
  private wanted: ReadonlySet<string> = new Set();
  #image: PaneContent['image'] | undefined;

  override willUpdate(): void {
    if (this.#image !== this.content.image) {
      this.#image = this.content.image;
      this.wanted = new Set();
    }
  }

  override render(): TemplateResult {
    const { image, session, reveals } = this.content;
    const { snapshots } = image;
    const total = sectionCount(snapshots);
    const current = this.#current(total);
    return html`<h2>Snapshots ${total === 0 ? nothing : html`<span class="quiet number">${showCount(total)}</span>`}</h2>
      ${sectionNote(snapshots, 'snapshot table')}
      ${
        total === 0
          ? nothing
          : html`<qcow2-entries
            name="snapshot-table"
            label="Snapshots"
            words="Reading the snapshot table"
            .of=${image}
            .columns=${columns}
            .known=${snapshots.items}
            .total=${total}
            .selected=${current ?? -1}
            .reveals=${reveals}
            .ask=${(from: number, count: number, signal: AbortSignal) =>
              session.client.call('snapshots', { from, count }, { signal })}
            @entry=${(event: EntryEvent) => this.#select(event.index)}
            @painted=${() => this.settled()}
          ></qcow2-entries>`
      }
      ${current === undefined ? this.#invitation(total) : this.#details(current)}`;
  }

  override updated(): void {
    const { selection, kept } = this.content;
    if (selection?.kind === 'snapshot' && kept !== `snapshot:${selection.index}`) {
      this.keep(`snapshot:${selection.index}`);
    }
    if (sectionCount(this.content.image.snapshots) === 0) {
      this.settled();
    }
  }

  /** The selected snapshot, or the one that was selected last: a range of it may be selected meanwhile. */
  #current(total: number): number | undefined {
    const { selection, kept } = this.content;
    const last = selection?.kind === 'snapshot' ? selection : selectionAt(kept ?? '');
    return last?.kind === 'snapshot' && last.index < total ? last.index : undefined;
  }

  #select(index: number): void {
    this.dispatchEvent(new SelectEvent({ kind: 'snapshot', index }));
  }

  #invitation(total: number): TemplateResult | typeof nothing {
    return total === 0
      ? nothing
      : html`<p class="quiet">Select a snapshot to count its clusters and to compare it with the active layer.</p>`;
  }

  #details(index: number): TemplateResult {
    return html`<h2>Clusters of snapshot ${this.#title(index)}</h2>
      ${this.#onDemand(
        `clusters ${index}`,
        'Count its clusters',
        'Tells which ones no other layer has, and what deleting the snapshot would free. Reads the L2 tables of all layers.',
        'Counting the clusters of the snapshot',
        (signal, onProgress) => this.content.session.client.call('snapshotUse', { index }, { signal, onProgress }),
        (use: SnapshotClusters) => clusterReport(use, this.content.image.qemuRefusal !== undefined),
      )}
      <h2>Difference from the active layer</h2>
      ${this.#onDemand(
        `difference ${index}`,
        'Compare it with the active layer',
        'Tells which ranges of the guest’s disk do not read the same. Reads the L2 tables of both.',
        'Comparing the snapshot with the active layer',
        (signal, onProgress) =>
          this.content.session.client.call('snapshotDifference', { index }, { signal, onProgress }),
        (difference: Difference) => html`${differenceReport(difference)} ${this.#ranges(index, difference)}`,
      )}`;
  }

  #title(index: number): TemplateResult | string {
    const row = this.content.image.snapshots.items[index];
    return row === undefined
      ? `number ${showCount(index)}`
      : html`<bdi class="name">${visible(row.name || row.id)}</bdi>`;
  }

  #onDemand<T>(
    name: string,
    button: string,
    note: string,
    words: string,
    ask: (signal: AbortSignal, report: (done: number, total: number) => void) => Promise<T>,
    show: (value: T) => TemplateResult,
  ): TemplateResult {
    if (!this.wanted.has(name)) {
      return html`<p class="on-demand">
        <vscode-button secondary @click=${() => this.#want(name)}>${button}</vscode-button>
        <span class="quiet">${note}</span>
      </p>`;
    }
    return html`<qcow2-asked .of=${this.content.image} name=${name} words=${words} .ask=${ask} .show=${show}></qcow2-asked>`;
  }

  #want(name: string): void {
    this.wanted = new Set([...this.wanted, name]);
  }

  #ranges(index: number, { ranges }: Difference): TemplateResult | typeof nothing {
    const { image, session, selection } = this.content;
    if (ranges === 0) {
      return nothing;
    }
    return html`<fieldset class="choice">
        <legend>A range is selected in</legend>
        ${[false, true].map(
          (inSnapshot) => html`<label>
            <input
              type="radio"
              name="layer"
              .checked=${this.inSnapshot === inSnapshot}
              @change=${() => {
                this.inSnapshot = inSnapshot;
              }}
            />${inSnapshot ? 'the snapshot' : 'the active layer'}
          </label>`,
        )}
      </fieldset>
      <qcow2-ranges
        kind="differences"
        label="Ranges that differ"
        words="Comparing the tables"
        name=${`difference ${index}`}
        .of=${image}
        .columns=${rangeColumns}
        .selected=${selection?.kind === 'guest' ? selection : undefined}
        .ask=${(from: bigint, count: number, signal: AbortSignal, onProgress: (done: number, total: number) => void) =>
          session.client.call('differingRanges', { index, from, count }, { signal, onProgress })}
        @range=${(event: RangeEvent) => this.#pick(index, event.row as DifferingRange)}
      ></qcow2-ranges>`;
  }

  /** What one of the layers does not have can only be selected in the other. */
  #pick(index: number, { start, length, snapshot, active }: DifferingRange): void {
    const there = active === undefined || (this.inSnapshot && snapshot !== undefined);
    this.dispatchEvent(new SelectEvent({ kind: 'guest', start, length, ...(there ? { snapshot: index } : {}) }));
  }
}

customElements.define('qcow2-snapshots', SnapshotsPane);
