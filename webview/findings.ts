import type { ByteRange, FindingCode, FindingTexts } from '../src/engine/finding.ts';
import { fillText } from '../src/engine/findingText.ts';
import { showCount } from '../src/engine/format/show.ts';
import type { ScanResult } from '../src/protocol/imageApi.ts';
import type { Finding, FindingText, Image, Severity } from './description.ts';
import type { Selection } from './selection.ts';
import { message, visible } from './widgets/visible.ts';

/** The severities, worst first, as words for one and for many, with the name of their icon. */
export const severities: Readonly<Record<Severity, { one: string; many: string; icon: string }>> = {
  corruption: { one: 'corruption', many: 'corruptions', icon: 'error' },
  leak: { one: 'leak', many: 'leaks', icon: 'warning' },
  warning: { one: 'warning', many: 'warnings', icon: 'warning' },
  note: { one: 'note', many: 'notes', icon: 'info' },
};

const order = Object.keys(severities) as readonly Severity[];

/** The texts that have come with findings so far. They are the same for every image. */
const texts = new Map<FindingCode, FindingText>();

/** Takes the texts that come with findings; before this they can't be shown. */
export function learnTexts(learnt: FindingTexts): void {
  for (const [code, text] of Object.entries(learnt)) {
    texts.set(code as FindingCode, text);
  }
}

/** Of a code without texts: both ends are built together, so this is a defect, and no reason to show nothing. */
function template({ code }: Finding): FindingText {
  const text = texts.get(code);
  return text ?? { severity: 'note', verdict: 'silent', title: code, meaning: '', advice: '' };
}

/** The texts of a finding, fit to be shown: names in it come from the image. */
export function textOf(finding: Finding): FindingText {
  const text = fillText(template(finding), finding.values);
  return {
    ...text,
    ...(text.qemu === undefined ? {} : { qemu: message(text.qemu) }),
    title: visible(text.title),
    meaning: visible(text.meaning),
    advice: visible(text.advice),
  };
}

/** How bad a finding is. */
export function severityOf(finding: Finding): Severity {
  return template(finding).severity;
}

/** A finding with what selects it. */
export interface Listed {
  readonly finding: Finding;
  readonly selection: Selection;
}

/** Those of opening, then those of the scan as far as it is there. */
export function listFindings(image: Image, scan: ScanResult | undefined): Listed[] {
  const opening = image.findings.map((finding, index) => ({ finding, selection: { kind: 'finding', index } as const }));
  const scanned = (scan?.findings ?? []).map((finding, index) => ({
    finding,
    selection: { kind: 'scan-finding', index } as const,
  }));
  return [...opening, ...scanned];
}

/** How many findings of the scan are not listed, where there are very many. */
export function unlistedCount(scan: ScanResult | undefined): number {
  return scan === undefined ? 0 : scan.findingCount - scan.findings.length;
}

/** The worst severity of which there are any. */
export function worst(counts: ReadonlyMap<Severity, number>): Severity | undefined {
  return order.find((severity) => counts.has(severity));
}

/** How many of some findings there are of each severity. */
export function countFindings(findings: readonly Finding[]): ReadonlyMap<Severity, number> {
  const counts = new Map<Severity, number>();
  for (const finding of findings) {
    const severity = severityOf(finding);
    counts.set(severity, (counts.get(severity) ?? 0) + 1);
  }
  return counts;
}

/** `2 corruptions · 1 note`; empty when there is none. */
export function countWords(counts: ReadonlyMap<Severity, number>): string {
  return order
    .filter((severity) => counts.has(severity))
    .map((severity) => {
      const count = counts.get(severity) ?? 0;
      return `${showCount(count)} ${count === 1 ? severities[severity].one : severities[severity].many}`;
    })
    .join(' · ');
}

/** The findings whose chain starts with `place`: `header.l1_size`, `extension[2]`, `snapshot[0]`. */
export function findingsAt(listed: readonly Listed[], place: string): Listed[] {
  return listed.filter(({ finding }) => {
    const rest = finding.chain.startsWith(place) ? finding.chain.slice(place.length) : undefined;
    return rest !== undefined && !/^[\w]/.test(rest);
  });
}

/** What a finding's chain names, where a pane shows it. */
export function placeOf(image: Image, finding: Finding): Selection | undefined {
  const [, field] = /^header\.(\w+)/.exec(finding.chain) ?? [];
  if (field !== undefined && image.header?.fields.some(({ name }) => name === field)) {
    return { kind: 'field', name: field };
  }
  const [, kind, index] = /^(extension|snapshot|bitmap)\[(\d+)\](?! -> L1)/.exec(finding.chain) ?? [];
  if (kind === 'extension' || kind === 'snapshot' || kind === 'bitmap') {
    return { kind, index: Number(index) };
  }
  return image.geometry && finding.guest && guestOf(finding, finding.guest);
}

/** The guest's bytes that a finding is about, in the layer of its chain. */
export function guestOf({ chain }: Finding, { offset, length }: ByteRange): Selection {
  const [, snapshot] = /^snapshot\[(\d+)\] -> L1/.exec(chain) ?? [];
  return { kind: 'guest', start: offset, length, ...(snapshot === undefined ? {} : { snapshot: Number(snapshot) }) };
}
