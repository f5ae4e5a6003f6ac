import assert from 'node:assert/strict';
import { explain } from '../../../src/engine/findingTexts.ts';
import { openImage } from '../../../src/engine/image/open.ts';
import { openingTexts } from '../../../src/engine/texts/opening.ts';
import type { ImageBuilder } from '../../support/builder.ts';
import type { FindingCase } from '../../support/findings/findingCase.ts';
import { openingCases } from '../../support/findings/openingCases.ts';
import { FailingStorage } from '../../support/memoryStorage.ts';

/** The codes of what opening finds in an image, each once. */
async function codesOf(image: ImageBuilder, bad: FindingCase['bad'] = []): Promise<string[]> {
  const { findings } = await openImage(new FailingStorage(image.toStorage(), bad));
  for (const found of findings) {
    const { verdict: _, severity: __, ...texts } = explain(found);
    for (const text of Object.values(texts)) {
      assert.doesNotMatch(text, /[{}]/, `${found.code}: every value of its texts is there`);
    }
  }
  return [...new Set(findings.map(({ code }) => code))];
}

describe('a finding of opening', () => {
  for (const { code, what, has, nearly, bad, nearlyBad, instead = [] } of openingCases) {
    it(`${code}: ${what}`, async () => {
      const found = await codesOf(has(), bad);
      assert(found.includes(code), `found: ${found.join(', ')}`);
      assert.deepEqual(await codesOf(nearly(), nearlyBad), instead);
    });
  }

  it('has an image for each code', () => {
    const cases = new Set<string>(openingCases.map(({ code }) => code));
    assert.deepEqual(
      Object.keys(openingTexts).filter((code) => !cases.has(code)),
      [],
    );
  });
});
