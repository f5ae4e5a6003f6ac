/** The verbs that make and change images, and those that few ask for. */

export { amend } from './amend.ts';
export { bitmap } from './bitmap.ts';
export { bits } from './bits.ts';
export { create } from './create.ts';
export { diff } from './diff.ts';
export { metadataCopy } from './metadataCopy.ts';
export { rebase } from './rebase.ts';
export { repair } from './repair.ts';
export { resize } from './resize.ts';
export { salvage } from './salvage.ts';
export { snapshot } from './snapshot.ts';
export { recover, undo } from './takeBack.ts';
