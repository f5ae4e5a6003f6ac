import { html, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import { type ChainPlace, fileAt, type GuestSource } from '../../src/protocol/chainApi.ts';
import { readyValue } from '../loaded.ts';
import { stateWords } from '../panes/chainFiles.ts';
import { type Selection, select } from '../selection.ts';
import type { Session } from '../session.ts';
import { guestMapWords, swatch } from '../widgets/kinds.ts';
import { ask } from './ask.ts';
import { type Context, pairs, section, text } from './parts.ts';

/** Whether a file that the image names is open, and how large it is; undefined until that is known. */
export function chainFileState(session: Session, place: ChainPlace): string | undefined {
  const picture = readyValue(session.chain.picture);
  const file = picture && fileAt(picture, place);
  if (file === undefined) {
    return undefined;
  }
  const { words } = stateWords[file.state];
  return file.fileSize === undefined ? words : `${words}, ${showSize(file.fileSize)}`;
}

/** Where a byte comes from that the image has not got. */
export function fromBelow(
  context: Context,
  { start: guest, snapshot }: Extract<Selection, { kind: 'guest' }>,
): TemplateResult {
  const request = { guest, ...(snapshot === undefined ? {} : { snapshot }) };
  return ask(
    context,
    'guestSource',
    request,
    'Looking into the backing chain',
    ({ source }) => html`${section('In the backing chain', source === undefined ? notOpened() : sourceWords(source))}`,
  );
}

function notOpened(): TemplateResult {
  const show = (event: Event): void => select(event, { kind: 'backing' }, 'chain');
  return html`<p>
    The backing file is not opened, so this is not known.
    <button class="link" @click=${show}>Show the chain</button>
  </p>`;
}

function sourceWords({ kind, depth, path, host }: GuestSource): TemplateResult {
  const { label, meaning } = guestMapWords[kind];
  return html`<p>${swatch(kind)}${label}: <span class="quiet">${meaning}</span></p>
    ${pairs([
      ['told by', text(path)],
      ['depth', String(depth)],
      ['offset', host === undefined ? undefined : text(showOffset(host))],
    ])}`;
}
