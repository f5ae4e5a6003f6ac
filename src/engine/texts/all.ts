/** All texts, for the build: it makes one file of them. */
export { causeTexts } from './causes.ts';
export { checkTexts } from './check.ts';
export { openingTexts } from './opening.ts';
export { tableTexts } from './tables.ts';
