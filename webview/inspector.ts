import { html, nothing, type TemplateResult } from 'lit';
import type { Finding } from './description.ts';
import { placeOf, severities, textOf } from './findings.ts';
import { explainBit, explainField, explainUnknownFields } from './inspector/header.ts';
import { type Context, head, reveal, section, text } from './inspector/parts.ts';
import './inspector/range.ts';
import {
  explainBacking,
  explainBitmap,
  explainDataFile,
  explainEncryption,
  explainExtension,
  explainSnapshot,
} from './inspector/structures.ts';
import { type Way, wayBar } from './inspector/way.ts';
import { type Selection, sameSelection } from './selection.ts';
import { copyButtons, toJson } from './widgets/copy.ts';
import { placeWords } from './widgets/findingList.ts';

/** Explains what is selected, whichever pane it was selected in. */
export function inspector(context: Context, way: Way): TemplateResult {
  const { selection } = context;
  const explained = selection && explanation(context, selection);
  return html`${wayBar(way)}
    <div class="inspector-content">
      ${explained ?? html`<p class="quiet">Select a field, a feature, a finding or a range: it is explained here.</p>`}
    </div>`;
}

function explanation(context: Context, selection: Selection): TemplateResult | undefined {
  const { image, session, listed } = context;
  const { header } = image;
  switch (selection.kind) {
    case 'field': {
      const row = header?.fields.find(({ name }) => name === selection.name);
      return header && row && explainField(context, header, row);
    }
    case 'unknown-fields':
      return header?.unknownFields && explainUnknownFields(header.unknownFields);
    case 'bit': {
      const mask = header?.features.find(({ name }) => name === selection.mask);
      const bit = mask?.bits.find((one) => one.bit === selection.bit);
      return mask && bit && explainBit(context, mask, bit);
    }
    case 'extension': {
      const row = image.extensions[selection.index];
      return row && explainExtension(context, row, selection.index);
    }
    case 'snapshot': {
      const row = image.snapshots.items[selection.index];
      return row && explainSnapshot(context, row, selection.index);
    }
    case 'bitmap': {
      const row = image.bitmaps.items[selection.index];
      return row && explainBitmap(context, row, selection.index);
    }
    case 'host':
    case 'l1-entry':
    case 'l2-entry':
    case 'refcount-table-entry':
    case 'refcount-entry':
    case 'key-slot':
      return undefined;
    case 'encryption':
      return image.encryption && explainEncryption(image.encryption);
    case 'backing':
      return image.backing && explainBacking(context, image.backing);
    case 'data-file':
      return image.dataFile && explainDataFile(image.dataFile);
    case 'finding':
    case 'scan-finding': {
      const found = listed.find((one) => sameSelection(one.selection, selection));
      return found && explainFinding(context, found.finding, selection);
    }
    case 'guest':
      return image.geometry === undefined
        ? undefined
        : html`<qcow2-range
            .client=${session.client}
            .range=${selection}
            .pane=${context.pane}
            .clusterSize=${image.geometry.clusterSize}
          ></qcow2-range>`;
  }
}

function explainFinding(context: Context, finding: Finding, selection: Selection): TemplateResult {
  const { severity, verdict, qemu, title, meaning, advice } = textOf(finding);
  return html`
    ${head(title, `${severities[severity].one} · ${finding.code}`)}
    ${section('Where', html`<p>${text(placeWords(finding))}</p>`)} ${section('Meaning', html`<p>${meaning}</p>`)}
    ${section('QEMU', html`<p>${verdictWords[verdict]}</p>${qemu === undefined ? nothing : html`<p><q>${qemu}</q></p>`}`)}
    ${section('What can be done', html`<p>${advice}</p>`)} ${reveal(context, placeOf(context.image, finding), selection)}
    ${section(
      'Copy',
      copyButtons([
        ['Place', placeWords(finding)],
        ['JSON', toJson({ ...finding, ...textOf(finding) })],
      ]),
    )}
  `;
}

const verdictWords = {
  refuses: 'Refuses to open the image.',
  'refuses-io': 'Opens it for qemu-img info, but not for reading or writing.',
  'refuses-write': 'Opens it only for reading.',
  warns: 'Opens it and prints a warning.',
  silent: 'Opens it, and says nothing then.',
} as const;
