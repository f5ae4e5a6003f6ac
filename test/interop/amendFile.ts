import { apply } from '../../src/engine/change/apply.ts';
import { openImage } from '../../src/engine/image/open.ts';
import { type AmendOptions, planAmend } from '../../src/engine/operations/amend.ts';
import { noProgress } from '../../src/engine/ports.ts';
import { openToChange } from '../../src/platform/changeFile.ts';
import { journalBeside } from '../../src/platform/journalFile.ts';

/** Amends a file, with options as for `-o`. */
export async function amendFile(path: string, list: string): Promise<void> {
  const file = await openToChange(path);
  try {
    const plan = await planAmend(await openImage(file), file, await file.state(), optionsOf(list), noProgress);
    await apply(plan, file, journalBeside(path), { keepUndo: false, progress: noProgress });
  } finally {
    await file.close();
  }
}

function optionsOf(list: string): AmendOptions {
  const {
    compat,
    refcount_bits: bits,
    lazy_refcounts: lazy,
  } = Object.fromEntries(list.split(',').map((part) => part.split('='))) as Record<string, string | undefined>;
  return {
    ...(compat === undefined ? {} : { compat }),
    ...(bits === undefined ? {} : { refcountBits: BigInt(bits) }),
    ...(lazy === undefined ? {} : { lazyRefcounts: lazy === 'on' }),
  };
}
