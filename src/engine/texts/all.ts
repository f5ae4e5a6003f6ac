/** All texts, for the build: it makes one file of them. */
export { checkTexts } from './check.ts';
export { openingTexts } from './opening.ts';
export { tableTexts } from './tables.ts';
