import type { Finding, FindingTexts, Severity } from '../engine/finding.ts';
import { fillText } from '../engine/findingText.ts';

/** A finding as it is told outside of the page. */
export interface FindingWords {
  readonly severity: Severity;
  /** What is wrong, in a sentence. */
  readonly title: string;
  /** Where, and what it means. */
  readonly detail: string;
}

/** A finding in words, by the texts that came with it; undefined where they did not. */
export function findingWords({ code, chain, values }: Finding, texts: FindingTexts): FindingWords | undefined {
  const template = texts[code];
  if (template === undefined) {
    return undefined;
  }
  const { severity, title, meaning } = fillText(template, values);
  return { severity, title, detail: `${chain.replaceAll('->', '→')}: ${meaning}` };
}
