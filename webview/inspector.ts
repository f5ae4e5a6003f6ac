import { html, type TemplateResult } from 'lit';
import { explainEncryption, explainKeySlot } from './inspector/encryption.ts';
import { explainEntry } from './inspector/entry.ts';
import { explainFinding } from './inspector/finding.ts';
import { explainGuest } from './inspector/guest.ts';
import { explainBit, explainField, explainUnknownFields } from './inspector/header.ts';
import { explainHost } from './inspector/host.ts';
import { explainBitmap, explainSnapshot } from './inspector/lists.ts';
import type { Context } from './inspector/parts.ts';
import { explainRefcountEntry } from './inspector/refcount.ts';
import { explainBacking, explainDataFile, explainExtension } from './inspector/structures.ts';
import { type Way, wayBar } from './inspector/way.ts';
import { settled } from './loaded.ts';
import type { Selection } from './selection.ts';
import { visible } from './widgets/visible.ts';
import { wordsOf } from './words.ts';

/** Explains what is selected, whichever pane it was selected in. */
export function inspector(context: Context, way: Way): TemplateResult {
  const { selection } = context;
  const explained = selection && explanation(context, selection);
  return html`${wayBar(way)}
    <div class="inspector-content">
      ${explained ?? html`<p class="quiet">${selection ? absence(context, selection) : invitation}</p>`}
    </div>`;
}

const invitation = 'Select a field, a feature, a finding or a range: it is explained here.';

/**
 * Why something that is selected can't be explained: it was selected when the image was another, or is not known yet. Empty
 * where that will be known in a moment.
 */
function absence({ session }: Context, selection: Selection): string {
  const words = visible(wordsOf(selection));
  if (selection.kind === 'check-finding') {
    if (session.check.isComing(selection)) {
      return '';
    }
    return settled(session.check.summary)
      ? `${words} is not there.`
      : `${words} is not known before the check has ended.`;
  }
  return selection.kind === 'scan-finding' && session.scan.state !== 'ready'
    ? `${words} is not known until all tables are read.`
    : `There is no ${words} in this image.`;
}

function explanation(context: Context, selection: Selection): TemplateResult | undefined {
  const { image, found } = context;
  const { header } = image;
  switch (selection.kind) {
    case 'field': {
      const row = header?.fields.find(({ name }) => name === selection.name);
      return header && row && explainField(context, header, row);
    }
    case 'unknown-fields':
      return header?.unknownFields && explainUnknownFields(context, header.unknownFields);
    case 'bit': {
      const mask = header?.features.find(({ name }) => name === selection.mask);
      const bit = mask?.bits.find((one) => one.bit === selection.bit);
      return mask && bit && explainBit(context, mask, bit);
    }
    case 'extension': {
      const row = image.extensions[selection.index];
      return row && explainExtension(context, row, selection.index);
    }
    case 'snapshot':
      return explainSnapshot(context, selection.index);
    case 'bitmap':
      return explainBitmap(context, selection.index);
    case 'host':
      return explainHost(context, selection);
    case 'l1-entry':
    case 'l2-entry':
    case 'refcount-table-entry':
      return image.geometry && explainEntry(context, selection);
    case 'refcount-entry':
      return explainRefcountEntry(context, selection);
    case 'key-slot':
      return image.encryption && explainKeySlot(context, image.encryption, selection.index);
    case 'encryption':
      return image.encryption && explainEncryption(context, image.encryption);
    case 'backing':
      return image.backing && explainBacking(context, image.backing);
    case 'data-file':
      return image.dataFile && explainDataFile(context, image.dataFile);
    case 'finding':
    case 'scan-finding':
    case 'check-finding':
      return found && explainFinding(context, found, selection);
    case 'guest':
      return explainGuest(context, selection);
  }
}
