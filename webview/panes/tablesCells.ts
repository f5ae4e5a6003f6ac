import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { TableChanges } from '../../src/protocol/liveApi.ts';
import type { EntryKind, TableId, TableRow } from '../../src/protocol/tableApi.ts';
import { tableChangeWords } from '../changes.ts';
import type { Image } from '../description.ts';
import { type Listed, textOf } from '../findings.ts';
import { hostRange, type Selection, select } from '../selection.ts';
import type { Column } from '../widgets/grid.ts';
import { icon, severityIcon } from '../widgets/icon.ts';
import { swatch } from '../widgets/kinds.ts';
import { subclusterMap } from '../widgets/subclusters.ts';
import { kindWords } from './tablesWords.ts';

/** What the cells of a table are made from. */
export interface CellContext {
  readonly image: Image;
  readonly table: TableId;
  readonly listed: readonly Listed[];
  /** Bytes of an entry, at least 1. */
  readonly entryBytes: number;
  /** Bytes of the layer's disk, of L1 and L2 tables. */
  readonly diskSize: bigint | undefined;
  /** The L2 tables that are others than before. */
  readonly tables: TableChanges | undefined;
  /** Opens the table that an entry leads to. */
  readonly open: (index: number) => void;
}

/** The columns of a table. */
export function columnsOf(context: CellContext): readonly Column<TableRow>[] {
  const { kind } = context.table;
  const index: Column<TableRow> = { title: 'entry', cell: (row) => indexCell(row, context) };
  const at: Column<TableRow> = {
    title: 'entry at',
    cell: (row) => hostLink(row.at, BigInt(context.entryBytes), `Select the bytes of entry ${row.index}`),
  };
  const raw: Column<TableRow> = { title: 'raw', cell: ({ raw }) => (raw === undefined ? '–' : grouped(raw)) };
  const wrong: Column<TableRow> = { title: 'wrong', cell: (row) => wrongCell(row, context) };
  const guest: Column<TableRow> = { title: 'guest', cell: (row) => guestCell(row, context) };
  const host: Column<TableRow> = { title: 'host', cell: (row) => hostCell(row, context) };
  const leads: Column<TableRow> = { title: 'leads to', cell: (row) => leadsCell(row, context) };
  const decoded: Column<TableRow> = { title: 'decoded', cell: (row) => decodedCell(row, context) };
  switch (kind) {
    case 'l1':
      return [index, at, raw, leads, host, guest, decoded, wrong];
    case 'l2':
      return [index, at, raw, { title: 'kind', cell: (row) => kindCell(row) }, guest, host, decoded, wrong];
    case 'refcount-table':
      return [
        index,
        at,
        raw,
        leads,
        host,
        { title: 'counts clusters', cell: (row) => countedCell(row, context) },
        wrong,
      ];
    case 'refcount-block':
      return [
        index,
        at,
        raw,
        { title: 'refcount', cell: ({ refcount }) => (refcount === undefined ? '–' : showCount(refcount)) },
        { title: 'meaning', cell: (row) => refcountMeaning(row, context) },
        { title: 'cluster', cell: ({ host }) => clusterNumber(host, context) },
        { title: 'at host', cell: (row) => hostCell(row, context) },
        wrong,
      ];
  }
}

/** The index, with marks so that what is wrong or has changed can be seen without scrolling to another column. */
function indexCell({ index, wrong }: TableRow, { table, tables }: CellContext): TemplateResult {
  const change = table.kind === 'l1' && table.snapshot === undefined ? tableChangeWords(tables, index) : undefined;
  return html`${showCount(index)}${mark(wrong && `wrong: ${wrong}`, 'wrong', 'error', 'tone-corruption')}${mark(change, change, 'diff-modified', 'changed')}`;
}

/** A sign that says what it stands for. */
function mark(title: string | undefined, spoken: string | undefined, name: string, style: string) {
  return title === undefined
    ? nothing
    : html` <span title=${title}>${icon(name, style)}<span class="spoken">${spoken}</span></span>`;
}

/** Digits in groups of four: `8000 0000 0005 0000`. */
function grouped(digits: string): string {
  return digits.replaceAll(/(.{4})(?=.)/g, '$1 ');
}

/** A place that selects itself; the row it is in is not selected with it. */
function link(words: string, target: Selection, label: string): TemplateResult {
  const pick = (event: Event): void => {
    event.stopPropagation();
    select(event, target);
  };
  return html`<button class="link" tabindex="-1" title=${label} @click=${pick}>${words}</button>`;
}

function hostLink(start: bigint, length: bigint, label: string): TemplateResult {
  return link(showOffset(start), hostRange(start, length), label);
}

function leadsCell(row: TableRow, { open }: CellContext): TemplateResult | string {
  if (row.kind !== 'table' && row.kind !== 'block') {
    return quiet(kindWords[row.kind]);
  }
  const enter = (event: Event): void => {
    event.stopPropagation();
    open(row.index);
  };
  return html`<button class="link" tabindex="-1" title="Open it (Enter)" @click=${enter}>${kindWords[row.kind]}${icon('chevron-right')}</button>`;
}

function kindCell({ kind }: TableRow): TemplateResult {
  const drawn = drawnAs[kind];
  return html`${drawn === undefined ? nothing : swatch(drawn)}${kindWords[kind]}`;
}

/** The kinds that have a colour and a pattern on the map. */
const drawnAs: { readonly [kind in EntryKind]?: Parameters<typeof swatch>[0] } = {
  normal: 'data',
  compressed: 'compressed',
  'zero-plain': 'zero-plain',
  'zero-allocated': 'zero-allocated',
  unallocated: 'unallocated',
  invalid: 'wrong',
  unreadable: 'wrong',
};

/** The guest's bytes that the way through the entry leads to, cut at the end of the disk. */
function guestCell(row: TableRow, { image, table, diskSize = 0n }: CellContext): TemplateResult | string {
  const { geometry } = image;
  if (row.guest === undefined || geometry === undefined) {
    return '–';
  }
  const start = BigInt(row.guest);
  if (start >= diskSize) {
    return quiet('past the disk’s end');
  }
  const clusters = table.kind === 'l1' ? geometry.l2Entries : 1;
  const whole = BigInt(clusters) * BigInt(geometry.clusterSize);
  const length = start + whole < diskSize ? whole : diskSize - start;
  const layer = 'snapshot' in table && table.snapshot !== undefined ? { snapshot: table.snapshot } : {};
  return link(
    showOffset(start),
    { kind: 'guest', start, length, ...layer },
    `Select ${showSize(length)} of the guest’s disk from ${showOffset(start)} on`,
  );
}

/** The host bytes that the entry leads to, or counts. */
function hostCell(row: TableRow, { image, table }: CellContext): TemplateResult | string {
  const { geometry, dataFile } = image;
  if (row.host === undefined || geometry === undefined) {
    return '–';
  }
  const start = BigInt(row.host);
  if (dataFile !== undefined && table.kind === 'l2') {
    return html`${showOffset(start)} ${quiet('in the data file')}`;
  }
  const length = BigInt(row.length ?? geometry.clusterSize);
  return hostLink(start, length, `Select ${showSize(length)} of the file from ${showOffset(start)} on`);
}

function clusterNumber(host: number | bigint | undefined, { image }: CellContext): string {
  return host === undefined || !image.geometry ? '–' : showCount(BigInt(host) / BigInt(image.geometry.clusterSize));
}

/** The host clusters whose refcounts are in the block of an entry. */
function countedCell(row: TableRow, { image }: CellContext): TemplateResult | string {
  const { geometry } = image;
  if (geometry === undefined) {
    return '–';
  }
  const size = BigInt(geometry.clusterSize);
  const entries = (size * 8n) / BigInt(geometry.refcountBits);
  const first = BigInt(row.index) * entries;
  const words = `${showCount(first)}…${showCount(first + entries - 1n)}`;
  const inFile = first * size < image.file.size;
  return inFile
    ? link(words, hostRange(first * size, entries * size), 'Select these clusters of the file')
    : quiet(words);
}

/** What an entry says besides its address. */
function decodedCell(row: TableRow, { image }: CellContext): TemplateResult | string {
  const parts: (TemplateResult | string)[] = [];
  if (row.copied === true) {
    parts.push(html`<span title="COPIED: the refcount is exactly one">COPIED</span>`);
  }
  if (row.length !== undefined && row.host !== undefined) {
    const size = BigInt(image.geometry?.clusterSize ?? 1);
    const byte = BigInt(row.host) % size;
    parts.push(
      `byte ${showCount(byte)} of cluster ${showCount(BigInt(row.host) / size)}, at most ${showCount(row.length)} bytes`,
    );
  }
  if (row.subclusters !== undefined && row.kind !== 'compressed') {
    parts.push(subclusterMap(row.subclusters));
  }
  return parts.length === 0 ? '' : html`<span class="entry-decoded">${parts}</span>`;
}

function refcountMeaning(row: TableRow, { image }: CellContext): TemplateResult | string {
  const past = row.host !== undefined && BigInt(row.host) >= image.file.size;
  const words = kindWords[row.kind];
  return past ? html`${words} ${quiet('past the end of the file')}` : words;
}

/** What is wrong, with the finding that says more; it is a link once the scan has listed it. */
function wrongCell({ wrong, findings }: TableRow, { listed }: CellContext): TemplateResult | typeof nothing {
  if (wrong === undefined) {
    return nothing;
  }
  const [finding] = findings;
  if (finding === undefined) {
    return html`<span class="entry-wrong">${icon('error', 'tone-corruption')}<span class="spoken">wrong: </span>${wrong}</span>`;
  }
  const { severity, title, meaning } = textOf(finding);
  const words = `${title}. ${meaning}`;
  // That of a scan may be of several entries in a row.
  const at = finding.host?.offset;
  const known = listed.find(
    ({ finding: { code, host } }) =>
      at !== undefined && code === finding.code && host && host.offset <= at && at < host.offset + host.length,
  );
  const shown = html`${severityIcon(severity)}${wrong}`;
  if (known === undefined) {
    return html`<span class="entry-wrong" title=${words}>${shown}</span>`;
  }
  const pick = (event: Event): void => {
    event.stopPropagation();
    select(event, known.selection);
  };
  return html`<button class="link entry-wrong" tabindex="-1" title=${words} @click=${pick}>${shown}</button>`;
}

function quiet(words: string): TemplateResult {
  return html`<span class="quiet">${words}</span>`;
}
