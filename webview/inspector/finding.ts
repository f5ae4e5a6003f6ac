import { html, nothing, type TemplateResult } from 'lit';
import { showOffset, showSize } from '../../src/engine/format/show.ts';
import type { Finding } from '../description.ts';
import { guestOf, placeOf, severities, textOf } from '../findings.ts';
import { checkCommand, hostBytesCommand } from '../qemuCommands.ts';
import { hostRange, type Selection } from '../selection.ts';
import { copyButtons, toJson } from '../widgets/copy.ts';
import { placeWords } from '../widgets/findingList.ts';
import { linkedText } from './linkedText.ts';
import { type Context, link, pairs, reveal, section } from './parts.ts';

/** A finding: where it is, what it means, what QEMU says, what can be done. */
export function explainFinding(context: Context, finding: Finding, selection: Selection): TemplateResult {
  const { image, path } = context;
  const { severity, verdict, qemu, title, meaning, advice } = textOf(finding);
  const { host, guest } = finding;
  const own = host && hostRange(host.offset, host.length);
  return html`
    <h2 class="inspector-title">${linkedText(title, image)}</h2>
    <p class="quiet">${severities[severity].one} · ${finding.code}</p>
    ${section(
      'Where',
      pairs([
        ['place', linkedText(finding.chain.replaceAll('->', '→'), image)],
        ['host', host && own && html`${link(showOffset(host.offset), own)} + ${showSize(host.length)}`],
        [
          'guest',
          guest && html`${link(showOffset(guest.offset), guestOf(finding, guest))} + ${showSize(guest.length)}`,
        ],
      ]),
    )}
    ${section('Meaning', html`<p>${linkedText(meaning, image)}</p>`)}
    ${section('QEMU', html`<p>${verdictWords[verdict]}</p>${qemu === undefined ? nothing : html`<p>${verdict === 'silent' ? 'Once it comes across it: ' : nothing}<q>${qemu}</q></p>`}`)}
    ${section('What can be done', html`<p>${linkedText(advice, image)}</p>${repairLink(context, finding, selection)}`)}
    ${reveal(context, placeOf(image, finding), own, selection)}
    ${section(
      'Copy',
      copyButtons([
        ['Place', placeWords(finding)],
        ...(host ? [['Offset', String(host.offset)] as const, hostBytesCommand(path, host.offset, host.length)] : []),
        ['JSON', toJson({ ...finding, ...textOf(finding) })],
        checkCommand(path),
      ]),
    )}
  `;
}

/** Leads to the repair of this finding alone. */
function repairLink(
  { image, session }: Context,
  { code, host }: Finding,
  { kind }: Selection,
): TemplateResult | typeof nothing {
  return kind !== 'check-finding' || host === undefined || image.noRepair !== undefined
    ? nothing
    : html`<p><button class="link" @click=${() => session.repair({ findings: [{ code, host }] })}>Repair this one…</button></p>`;
}

const verdictWords = {
  refuses: 'Refuses to open the image.',
  'refuses-io': 'Opens it for qemu-img info, but not for reading or writing.',
  'refuses-write': 'Opens it only for reading.',
  warns: 'Opens it and prints a warning.',
  silent: 'Opens it, and says nothing then.',
} as const;
