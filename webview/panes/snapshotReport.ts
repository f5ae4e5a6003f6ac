import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showSize } from '../../src/engine/format/show.ts';
import { type Change, changes, type Difference, type SnapshotClusters } from '../../src/protocol/listApi.ts';
import { icon } from '../widgets/icon.ts';

/** What can have become of a range since a snapshot was taken. */
export const changeWords: Readonly<Record<Change, { readonly label: string; readonly meaning: string }>> = {
  written: { label: 'written', meaning: 'data now; zeros or not allocated in the snapshot' },
  overwritten: { label: 'overwritten', meaning: 'data in both, in other clusters: the bytes may still be equal' },
  removed: { label: 'removed', meaning: 'zeros or not allocated now; data, or the other of the two, in the snapshot' },
  resized: { label: 'resized', meaning: 'past the end of one of the two disks' },
  unknown: { label: 'not known', meaning: 'the tables can’t be read there, or are wrong' },
};

type Used = SnapshotClusters['exclusive'];

/** Which clusters a snapshot has, and what deleting it frees. `refused`: QEMU does not open the image. */
export function clusterReport(use: SnapshotClusters, refused: boolean): TemplateResult {
  const { exclusive, freed, snapshotTable, freedBytes } = use;
  const rows: readonly (readonly [string, Used])[] = [
    ['its own: no other layer has them', exclusive],
    ['shared with the active layer', use.withActive],
    ['shared with other snapshots', use.withSnapshots],
    ['shared with both', use.withBoth],
  ];
  const sum = sumOf(rows.map(([, used]) => used));
  return html`
    <p class="statement">Deleting it frees ${showSize(freedBytes)} <span class="quiet number">${showCount(freedBytes)} bytes</span></p>
    <p class="quiet">
      ${clusters(freed.data)} of data and ${clusters(freed.tables)} of tables get free;
      ${tableWords(snapshotTable)}
    </p>
    ${refused ? warning('warning', 'QEMU refuses the image as it is: that has to be put right before a snapshot can be deleted.') : nothing}
    ${warnings(use)}
    <table class="counts" aria-label="Clusters of the snapshot">
      <thead>
        <tr><th>clusters</th><th>data</th><th>L1 and L2 tables</th><th>in all</th><th>size</th></tr>
      </thead>
      <tbody>
        ${rows.map(([title, used]) => countRow(title, used, use.clusterSize))}
        ${countRow('all', sum, use.clusterSize)}
      </tbody>
    </table>
  `;
}

function countRow(title: string, { data, tables }: Used, clusterSize: number): TemplateResult {
  return html`<tr>
    <th scope="row">${title}</th>
    <td>${showCount(data)}</td>
    <td>${showCount(tables)}</td>
    <td>${showCount(data + tables)}</td>
    <td>${showSize(BigInt(data + tables) * BigInt(clusterSize))}</td>
  </tr>`;
}

function sumOf(list: readonly Used[]): Used {
  return list.reduce((sum, used) => ({ data: sum.data + used.data, tables: sum.tables + used.tables }), {
    data: 0,
    tables: 0,
  });
}

function clusters(count: number): string {
  return count === 1 ? '1 cluster' : `${showCount(count)} clusters`;
}

function tableWords({ before, after }: SnapshotClusters['snapshotTable']): string {
  return before === after
    ? `the snapshot table keeps its ${clusters(before)}.`
    : `the snapshot table takes ${clusters(after)} instead of ${showCount(before)}.`;
}

/** What is not as it should be. */
function warnings(use: SnapshotClusters): (TemplateResult | typeof nothing)[] {
  const { refcountTooLow, flawed, pastEnd, exclusive, freed } = use;
  const kept = exclusive.data + exclusive.tables - freed.data - freed.tables;
  const failing = refcountTooLow + flawed > 0;
  return [
    failing
      ? warning(
          'corruption',
          `QEMU would stop on the way and leave clusters allocated: ${[
            ...(refcountTooLow > 0 ? [`the refcount of ${clusters(refcountTooLow)} is too low`] : []),
            ...(flawed > 0 ? [`${showCount(flawed)} table entries can’t be followed`] : []),
          ].join(', ')}. Check the image first.`,
        )
      : nothing,
    !failing && kept !== 0
      ? warning(
          'warning',
          kept > 0
            ? `${clusters(kept)} of its own would stay allocated: their refcounts are higher than the number of references.`
            : `${clusters(-kept)} would get free although others refer to them: their refcounts are too low. Check the image first.`,
        )
      : nothing,
    pastEnd > 0
      ? warning('warning', `${showCount(pastEnd)} references lead past the end of the file; they are not counted here.`)
      : nothing,
  ];
}

function warning(tone: 'corruption' | 'warning', words: string): TemplateResult {
  return html`<p class="tone-${tone}">${icon(tone === 'corruption' ? 'error' : 'warning')}${words}</p>`;
}

/** How much of the guest's disk differs, by what became of it. */
export function differenceReport({ ranges, bytes, changes: sums }: Difference): TemplateResult {
  if (ranges === 0) {
    return html`<p class="statement">The disk reads the same as in the snapshot.</p>`;
  }
  const count = ranges === 1 ? '1 range' : `${showCount(ranges)} ranges`;
  return html`<p class="statement">
      ${showSize(bytes)} in ${count} differ <span class="quiet number">${showCount(bytes)} bytes</span>
    </p>
    <ul class="plain">
      ${changes
        .filter((change) => sums[change] > 0n)
        .map(
          (change) => html`<li>
            ${changeWords[change].label} <span class="number">${showSize(sums[change])}</span>
            <span class="quiet">${changeWords[change].meaning}</span>
          </li>`,
        )}
    </ul>`;
}
