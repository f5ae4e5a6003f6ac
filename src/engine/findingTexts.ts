import type { Finding, FindingCode, FindingTexts } from './finding.ts';
import { type FindingText, fillText } from './findingText.ts';
import { causeTexts } from './texts/causes.ts';
import { chainTexts } from './texts/chain.ts';
import { checkTexts } from './texts/check.ts';
import { openingTexts } from './texts/opening.ts';
import { tableTexts } from './texts/tables.ts';

/**
 * All texts by code: the one table. What the worker and the thread of changes begin with does not import it, it loads it
 * when there is something to tell: the texts are a fifth of their code.
 */
export const findingTexts = { ...openingTexts, ...tableTexts, ...checkTexts, ...causeTexts, ...chainTexts } as const;

/** The texts of a finding, with its values filled in. */
export function explain(found: Finding): FindingText {
  return fillText(findingTexts[found.code], found.values);
}

/** Whether QEMU does not open an image that has such a finding. */
export function isRefused(code: FindingCode): boolean {
  return findingTexts[code].verdict === 'refuses';
}

/** The texts of all codes among some findings, to be filled with the values of each. */
export function textsOf(findings: readonly Finding[]): FindingTexts {
  const codes = new Set(findings.map(({ code }) => code));
  return Object.fromEntries([...codes].map((code) => [code, findingTexts[code]]));
}

/** The message with which QEMU refuses to open the image: that of the first finding that it refuses. */
export function qemuRefusal(findings: readonly Finding[]): string | undefined {
  const refused = findings.find(({ code }) => isRefused(code));
  return refused && explain(refused).qemu;
}
