import { html, nothing, type TemplateResult } from 'lit';
import { showCount, showOffset, showSize } from '../../src/engine/format/show.ts';
import type { OwnerRow, Owners } from '../../src/protocol/mapApi.ts';
import type { ExplainedRefcount } from '../../src/protocol/placeApi.ts';
import { ask } from './ask.ts';
import { linkedText } from './linkedText.ts';
import { type Context, link, pairs, rules, section, text } from './parts.ts';

/** Clusters whose owners are asked for at a time, at most. */
const mostClusters = 1024n;

/** An entry that leads to a cluster, and says whether it is the only one. */
export interface Leading {
  /** Undefined in snapshots, where COPIED is not kept right. */
  readonly copied: boolean | undefined;
}

/**
 * The refcount of a host cluster, stored and counted, and what it belongs to. Who owns it may take long: that comes
 * after the rest, with progress, and can be cancelled.
 */
export function clusterUse(context: Context, host: bigint, leading?: Leading): TemplateResult {
  const size = BigInt(context.image.geometry?.clusterSize ?? 1);
  const start = host - (host % size);
  return ask(
    context,
    'explainRefcount',
    { host: start },
    'Reading the refcount',
    (stored) =>
      html`${section('Refcount', storedRefcount(stored, leading))}
    ${ask(
      context,
      'ownersAt',
      { start, length: size },
      'Looking for what refers to it',
      (owners) => section('Belongs to', ownerList(context, owners, stored)) as TemplateResult,
    )}`,
  );
}

/** What the clusters of a longer range of the file belong to. */
export function rangeOwners(context: Context, start: bigint, length: bigint): TemplateResult {
  const size = BigInt(context.image.geometry?.clusterSize ?? 1);
  const most = mostClusters * size;
  const asked = length > most ? most : length;
  const note = asked < length ? html`<p class="quiet">Of the first ${showSize(asked)}:</p>` : nothing;
  return ask(
    context,
    'ownersAt',
    { start, length: asked },
    'Looking for what refers to it',
    (owners) => html`${section('Belongs to', html`${note}${ownerList(context, owners)}`)}`,
  );
}

function storedRefcount(stored: ExplainedRefcount, leading: Leading | undefined): TemplateResult {
  const { block, index, refcount, note, place } = stored;
  const words = `refcount_table[${block}] → refcount[${index}]`;
  return html`${pairs([
    ['stored', refcount === undefined ? 'not known' : text(showCount(refcount))],
    ['in', place && link(words, { kind: 'refcount-entry', block, index })],
  ])}
  ${note === undefined ? nothing : html`<p class="quiet">${note}</p>`}
  ${leading?.copied === undefined || refcount === undefined ? nothing : rules([copiedRule(leading.copied, refcount)])}`;
}

/** QEMU's check has it both ways (check_oflag_copied). */
function copiedRule(copied: boolean, refcount: number | bigint): { text: string; kept: boolean } {
  return { text: 'COPIED is set if the refcount is 1, and only then', kept: copied === (BigInt(refcount) === 1n) };
}

function ownerList(context: Context, { owners, count }: Owners, stored?: ExplainedRefcount): TemplateResult {
  return html`${owners.length === 0 ? html`<p>Nothing refers to it.</p>` : nothing}
    <ul class="plain">${owners.map((row) => html`<li>${owner(context, row)}</li>`)}</ul>
    ${count > owners.length ? html`<p class="quiet">These are the first ${showCount(owners.length)} of ${showCount(count)}.</p>` : nothing}
    ${stored?.refcount === undefined ? nothing : rules([countedRule(count, stored.refcount)])}`;
}

function countedRule(count: number, refcount: number | bigint): { text: string; kept: boolean } {
  const counted = count === 1 ? '1 reference' : `${showCount(count)} references`;
  return { text: `${counted} counted, refcount ${showCount(refcount)}`, kept: BigInt(refcount) === BigInt(count) };
}

function owner({ image }: Context, { owner: what, chain, guest, snapshot }: OwnerRow): TemplateResult {
  // An L2 table may map more than the disk has.
  const size = snapshot === undefined ? (image.geometry?.virtualSize ?? 0n) : 2n ** 64n;
  const end = guest === undefined || guest.offset + guest.length > size ? size : guest.offset + guest.length;
  const place =
    guest === undefined || guest.offset >= size
      ? nothing
      : html` <span class="quiet">guest</span> ${link(showOffset(guest.offset), {
          kind: 'guest',
          start: guest.offset,
          length: end - guest.offset,
          ...(snapshot === undefined ? {} : { snapshot }),
        })} <span class="quiet">+ ${showSize(end - guest.offset)}</span>`;
  return html`${what}: ${linkedText(chain.replaceAll('->', '→'), image)}${place}`;
}
