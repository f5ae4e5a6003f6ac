import type { ByteRange, Finding, Severity } from '../engine/finding.ts';
import { explain } from '../engine/findingTexts.ts';
import type { ImageDescription } from '../engine/image/description.ts';
import type { Scan } from '../engine/image/scan.ts';
import { hexOffset, writeWrapped } from './textLayout.ts';
import { message, type TextStream, visible } from './textStream.ts';

const severities: readonly Severity[] = ['corruption', 'leak', 'warning', 'note'];

/** How many there are: `1 corruption, 1 note`. */
export function findingSummary(description: ImageDescription, scan: Scan | undefined): string {
  const listed = listedFindings(description, scan);
  const counts = severities
    .map((severity) => ({ severity, count: listed.filter((found) => explain(found).severity === severity).length }))
    .filter(({ count }) => count > 0)
    .map(({ severity, count }) => `${count} ${severity}`);
  const all = findingCount(description, scan);
  const unlisted = all > listed.length ? [`${all - listed.length} more that are not listed`] : [];
  const summary = all === 0 ? 'none' : [...counts, ...unlisted].join(', ');
  return scan || !description.geometry ? summary : `${summary} (those of table entries: --tables)`;
}

/** Writes all findings, with QEMU's words and ours. */
export function writeFindings(to: TextStream, description: ImageDescription, scan: Scan | undefined): void {
  const listed = listedFindings(description, scan);
  if (listed.length > 0) {
    to.line();
    to.line(`Findings: ${findingCount(description, scan)}`);
  }
  for (const found of listed) {
    writeFinding(to, found);
  }
}

function writeFinding(to: TextStream, found: Finding): void {
  const { severity, verdict, title, qemu, meaning, advice } = explain(found);
  const places = [range('file', found.host), range('guest', found.guest)].filter((place) => place !== '');
  to.line();
  writeWrapped(to, `  ${severity}: `, visible(title));
  writeWrapped(to, '    where    ', visible([`${found.chain} [${found.code}]`, ...places].join(', ')));
  writeWrapped(to, '    QEMU     ', `${verdicts[verdict]}${qemu === undefined ? '' : `: ${message(qemu)}`}`);
  writeWrapped(to, '    meaning  ', visible(meaning));
  writeWrapped(to, '    advice   ', visible(advice));
}

const verdicts = {
  refuses: 'refuses the image',
  'refuses-io': 'refuses reading and writing',
  'refuses-write': 'refuses writing',
  warns: 'warns',
  silent: 'says nothing when it opens the image',
} as const;

function range(what: string, place: ByteRange | undefined): string {
  return place ? `${what} ${hexOffset(place.offset)} + ${hexOffset(place.length)}` : '';
}

function listedFindings({ findings }: ImageDescription, scan: Scan | undefined): readonly Finding[] {
  return scan ? [...findings, ...scan.findings] : findings;
}

function findingCount({ findings, findingCount: all }: ImageDescription, scan: Scan | undefined): number {
  return (all ?? findings.length) + (scan?.findingCount ?? 0);
}
