import type { Finding, FindingTexts } from '../engine/finding.ts';

/** The texts of what was found, which are loaded with the first finding that is told. */
export async function textsOf(findings: readonly Finding[]): Promise<FindingTexts> {
  const texts = await import('../engine/findingTexts.ts');
  return texts.textsOf(findings);
}
