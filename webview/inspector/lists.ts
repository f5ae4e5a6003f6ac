import { html, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { BitmapDetails, SnapshotDetails } from '../../src/protocol/listApi.ts';
import { findingsAt } from '../findings.ts';
import { bitmapFlagWords, bitmapTypeWords, clockWords, dateWords } from '../panes/lists.ts';
import { hostBytesCommand, infoCommand, snapshotsCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import '../widgets/asked.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { visible } from '../widgets/visible.ts';
import { type Context, fieldPairs, findingLinks, head, link, pairs, reveal, section, text } from './parts.ts';
import { bytes } from './structures.ts';

/** A snapshot, asked for: the list of the image has only the first ones, and not all of them. */
export function explainSnapshot(context: Context, index: number): TemplateResult {
  const { image, session } = context;
  return html`<qcow2-asked
    .of=${image}
    name=${`snapshot ${index}`}
    words="Reading the snapshot table"
    .ask=${(signal: AbortSignal) => session.client.call('snapshot', { index }, { signal })}
    .show=${(row: SnapshotDetails) => snapshotExplained(context, row, index)}
  ></qcow2-asked>`;
}

function snapshotExplained(context: Context, row: SnapshotDetails, index: number): TemplateResult {
  const own: Selection = { kind: 'snapshot', index };
  return html`
    ${head(row.name === '' ? 'Snapshot without a name' : row.name, `snapshot ${visible(row.id)}, ${dateWords(row.dateSeconds)}`)}
    ${section(
      'Where',
      pairs([
        ['entry', link(showOffset(row.offset), hostRange(row.offset, BigInt(row.length)))],
        ['L1 table', l1Place(row.l1Offset, row.l1Entries)],
        [
          'first entry',
          row.l1Entries === 0 ? undefined : link('L1[0]', { kind: 'l1-entry', index: 0, snapshot: index }),
        ],
      ]),
    )}
    ${section(
      'Guest',
      pairs([
        ['disk size', row.diskSize === undefined ? 'not stored: as the disk is now' : showSize(row.diskSize)],
        ['VM state', row.vmStateSize === 0n ? 'none: the disk alone' : showSize(row.vmStateSize)],
        ['VM clock', clockWords(row.vmClockNanoseconds)],
        ['instructions', row.icount === undefined ? undefined : instructions(row.icount)],
      ]),
    )}
    ${section('Fields', fieldPairs([...row.fields, ...row.extraFields]))}
    ${bytes('Unknown extra data', row.unknownExtra)}
    ${section('Findings', findingLinks(findingsAt(context.listed, `snapshot[${index}]`)))} ${reveal(context, own)}
    ${section(
      'Copy',
      copyButtons([
        ['Name', row.name],
        ['ID', row.id],
        ['Offset', String(row.offset)],
        ['Place', `snapshot[${index}]`],
        ['JSON', toJson(row)],
        hostBytesCommand(context.path, row.offset, BigInt(row.length)),
        snapshotsCommand(context.path),
      ]),
    )}
  `;
}

function instructions(icount: bigint): string {
  return icount === 2n ** 64n - 1n ? 'not counted' : showCount(icount);
}

/** A bitmap, asked for as a snapshot is. */
export function explainBitmap(context: Context, index: number): TemplateResult {
  const { image, session } = context;
  return html`<qcow2-asked
    .of=${image}
    name=${`bitmap ${index}`}
    words="Reading the bitmap directory"
    .ask=${(signal: AbortSignal) => session.client.call('bitmap', { index }, { signal })}
    .show=${(row: BitmapDetails) => bitmapExplained(context, row, index)}
  ></qcow2-asked>`;
}

function bitmapExplained(context: Context, row: BitmapDetails, index: number): TemplateResult {
  return html`
    ${head(row.name === '' ? 'Bitmap without a name' : row.name, `bitmap, one bit for ${showSize(row.granularity)}`)}
    ${section(
      'Where',
      pairs([
        ['entry', link(showOffset(row.offset), hostRange(row.offset, BigInt(row.length)))],
        ['table', l1Place(row.tableOffset, row.tableEntries)],
      ]),
    )}
    ${section('Type', bitmapTypeWords(row.type))}
    ${section('Flags', html`<ul class="plain">${bitmapFlagWords(row).map((words) => html`<li>${words}</li>`)}</ul>`)}
    ${section('Fields', fieldPairs(row.fields))} ${bytes('Extra data', row.extra)}
    ${section('Findings', findingLinks(findingsAt(context.listed, `bitmap[${index}]`)))}
    ${reveal(context, { kind: 'bitmap', index })}
    ${section(
      'Copy',
      copyButtons([
        ['Name', row.name],
        ['Offset', String(row.offset)],
        ['Place', `bitmap[${index}]`],
        ['JSON', toJson(row)],
        hostBytesCommand(context.path, row.offset, BigInt(row.length)),
        infoCommand(context.path),
      ]),
    )}
  `;
}

/** Where a table of 8-byte entries is, as a link to it. */
function l1Place(offset: bigint, entries: number): TemplateResult {
  const place =
    entries === 0 ? text(showOffset(offset)) : link(showOffset(offset), hostRange(offset, BigInt(entries) * 8n));
  return html`${place}, ${showCount(entries)} ${entries === 1 ? 'entry' : 'entries'}`;
}
