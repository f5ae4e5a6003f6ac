import { extensionCases, nameCases } from './extensionCases.ts';
import type { FindingCase } from './findingCase.ts';
import { headerCases } from './headerCases.ts';
import { luksCases } from './luksCases.ts';
import { placeCases } from './placeCases.ts';
import { readingCases } from './readingCases.ts';
import { bitmapCases, snapshotCases } from './tableCases.ts';

/** All findings of opening, each with an image that has it and one that nearly has it. */
export const openingCases: readonly FindingCase[] = [
  ...headerCases,
  ...placeCases,
  ...extensionCases,
  ...luksCases,
  ...nameCases,
  ...snapshotCases,
  ...bitmapCases,
  ...readingCases,
];
