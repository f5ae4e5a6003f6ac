import type { Finding, FindingTexts } from './finding.ts';
import { type FindingText, fillText } from './findingText.ts';
import { causeTexts } from './texts/causes.ts';
import { checkTexts } from './texts/check.ts';
import { openingTexts } from './texts/opening.ts';
import { tableTexts } from './texts/tables.ts';

/** All texts by code: the one table. */
export const findingTexts = { ...openingTexts, ...tableTexts, ...checkTexts, ...causeTexts } as const;

/** The texts of a finding, with its values filled in. */
export function explain(found: Finding): FindingText {
  return fillText(findingTexts[found.code], found.values);
}

/** The texts of all codes among some findings, to be filled with the values of each. */
export function textsOf(findings: readonly Finding[]): FindingTexts {
  const codes = new Set(findings.map(({ code }) => code));
  return Object.fromEntries([...codes].map((code) => [code, findingTexts[code]]));
}

/** The message with which QEMU refuses to open the image: that of the first finding that it refuses. */
export function qemuRefusal(findings: readonly Finding[]): string | undefined {
  const refused = findings.find((found) => findingTexts[found.code].verdict === 'refuses');
  return refused && explain(refused).qemu;
}
