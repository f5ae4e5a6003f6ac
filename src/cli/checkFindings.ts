import type { Diagnosis, FindingGroup, GuestImpact } from '../engine/check/diagnosis.ts';
import { JsonStream, type Members, type Value } from '../engine/dump/jsonStream.ts';
import type { ByteRange, Finding, Severity } from '../engine/finding.ts';
import { explain, findingTexts } from '../engine/findingTexts.ts';
import type { JsonObject } from './json.ts';
import { hexOffset, writeWrapped } from './textLayout.ts';
import { message, type TextStream, visible } from './textStream.ts';

/** Findings that are made at a time. */
const page = 1000;

/** All findings that can be listed, group by group. */
export function* findingsOf(
  diagnosis: Diagnosis,
): Generator<{ readonly group: FindingGroup; readonly found: Finding }> {
  for (const group of diagnosis.groups) {
    for (let from = 0, some = diagnosis.findings(group.code, 0, page); some.length > 0; ) {
      for (const found of some) {
        yield { group, found };
      }
      from += some.length;
      some = diagnosis.findings(group.code, from, page);
    }
  }
}

/** Findings that qemu-img check does not count. Notes are none: nothing is wrong with what they are about. */
export function additionalCount({ groups }: Diagnosis): number {
  return additional(groups).reduce((sum, { count }) => sum + count, 0);
}

/** The worst of what qemu-img check does not count; undefined where that is nothing of matter. */
export function worstAdditional({ groups }: Diagnosis): Severity | undefined {
  const found = new Set(additional(groups).map(({ code }) => findingTexts[code].severity));
  return (['corruption', 'leak', 'warning'] as const).find((severity) => found.has(severity));
}

function additional(groups: readonly FindingGroup[]): readonly FindingGroup[] {
  return groups.filter((group) => group.additional && findingTexts[group.code].severity !== 'note');
}

/**
 * Writes a diagnosis as JSON: qemu-img's members as they are, and after them
 *
 * - `additional-findings`: how many there are that qemu-img check does not count
 * - `qemu-refuses`: QEMU's message, where it does not open the image
 * - `findings`: `code`, `severity`, `additional`, `chain`, `host` and `guest` range (`offset`, `length` in bytes), `title`,
 *   `meaning`, `qemu` (its message), `advice`
 * - `unlisted-findings`: how many more there are than are listed, by code
 * - `causes`: findings that explain others
 * - `impacts`: `kind`, `guest` range, `code`, `partition`; `unlisted-impacts`: how many more there are
 */
export function writeFindingsJson(
  to: TextStream,
  counts: JsonObject,
  filename: string,
  refusal: string | undefined,
  diagnosis: Diagnosis,
): void {
  const json = new JsonStream(to);
  json.begin('{');
  for (const [name, value] of Object.entries({ ...counts, filename })) {
    json.member(name, value as Value | undefined);
  }
  json.member('additional-findings', additionalCount(diagnosis));
  json.member('qemu-refuses', refusal);
  json.begin('[', 'findings');
  for (const { group, found } of findingsOf(diagnosis)) {
    json.item(asMembers(found, group.additional));
  }
  json.end(']');
  const unlisted = diagnosis.groups.flatMap(({ code, count, listed }): [string, number][] =>
    listed === undefined ? [] : [[code, count - listed]],
  );
  json.member('unlisted-findings', unlisted.length > 0 ? Object.fromEntries(unlisted) : undefined);
  json.begin('[', 'causes');
  for (const cause of diagnosis.causes) {
    json.item(asMembers(cause));
  }
  json.end(']');
  json.begin('[', 'impacts');
  for (const impact of diagnosis.impacts) {
    json.item(impactMembers(impact));
  }
  json.end(']');
  json.member('unlisted-impacts', diagnosis.unlistedImpacts);
  json.end('}');
  to.write('\n');
}

function asMembers(found: Finding, isAdditional?: boolean): Members {
  const { severity, title, meaning, qemu, advice } = explain(found);
  return {
    code: found.code,
    severity,
    additional: isAdditional,
    chain: found.chain,
    host: rangeMembers(found.host),
    guest: rangeMembers(found.guest),
    title,
    meaning,
    qemu,
    advice,
  };
}

function impactMembers({ kind, guest, code, partition }: GuestImpact): Members {
  return {
    kind,
    guest: rangeMembers(guest),
    code,
    partition: partition && { ...partition, guest: rangeMembers(partition.guest) },
  };
}

/** A range of bytes as JSON has it. */
export function rangeMembers(range: ByteRange | undefined): Members | undefined {
  return range && { offset: range.offset, length: range.length };
}

/** Writes a diagnosis for people: the causes, then the findings group by group, then whom they hurt. */
export function writeFindingsText(to: TextStream, refusal: string | undefined, diagnosis: Diagnosis): void {
  if (refusal !== undefined) {
    to.line();
    writeWrapped(to, 'QEMU does not open the image: ', message(refusal));
  }
  for (const cause of diagnosis.causes) {
    to.line();
    writeCause(to, cause);
  }
  let last: FindingGroup | undefined;
  for (const { group, found } of findingsOf(diagnosis)) {
    if (group !== last) {
      to.line();
      writeGroup(to, group, found);
      last = group;
    }
    const places = [place('file', found.host), place('guest', found.guest)].filter((one) => one !== '');
    to.line(`    ${visible([found.chain, ...places].join(', '))}: ${visible(explain(found).title)}`);
  }
  writeImpacts(to, diagnosis);
  to.line();
  const all = diagnosis.groups.reduce((sum, { count }) => sum + count, 0);
  to.line(`Findings: ${all}, of which qemu-img check does not count ${additionalCount(diagnosis)} that matter`);
}

function writeCause(to: TextStream, cause: Finding): void {
  const { title, meaning, advice } = explain(cause);
  writeWrapped(to, 'cause: ', visible(title));
  writeWrapped(to, '  meaning  ', visible(meaning));
  writeWrapped(to, '  advice   ', visible(advice));
}

function writeGroup(
  to: TextStream,
  { code, count, listed, additional: isAdditional }: FindingGroup,
  first: Finding,
): void {
  const { severity, meaning, advice, qemu } = explain(first);
  const unlisted = listed === undefined ? '' : ` (${listed} listed)`;
  to.line(`${severity} [${code}]: ${count}${unlisted}${isAdditional ? ', not counted by qemu-img check' : ''}`);
  writeWrapped(to, '  meaning  ', visible(meaning));
  if (qemu !== undefined) {
    writeWrapped(to, '  QEMU     ', message(qemu));
  }
  writeWrapped(to, '  advice   ', visible(advice));
}

function writeImpacts(to: TextStream, { impacts, unlistedImpacts = 0 }: Diagnosis): void {
  if (impacts.length > 0) {
    to.line();
    to.line('What the guest has of it:');
  }
  for (const { kind, guest, code, partition } of impacts) {
    const where = partition
      ? `, partition ${partition.number} (${partition.scheme}, ${[partition.type, partition.name].filter(Boolean).join(', ')})`
      : '';
    to.line(`  ${kind} [${code}]: ${place('guest', guest)}${visible(where)}`);
  }
  if (unlistedImpacts > 0) {
    to.line(`  and ${unlistedImpacts} more ranges`);
  }
}

function place(what: string, range: ByteRange | undefined): string {
  return range ? `${what} ${hexOffset(range.offset)} + ${hexOffset(range.length)}` : '';
}
