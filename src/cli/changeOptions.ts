import type { Arguments, Option } from './options.ts';
import { usageFailure } from './program.ts';

/** The options of every verb that changes an image. They are ours: qemu-img has none of them. */
export const changeOptions: readonly Option[] = [
  // Shows what would be written, as text or with `=json`, and writes nothing.
  { long: 'dry-run', value: 'attached' },
  // Leaves the journal, so that `undo` can take the change back.
  { long: 'keep-undo' },
  // Where the journal lies instead of beside the image.
  { long: 'journal', value: true },
];

/** What a verb that changes an image was given. */
export interface ChangeArguments {
  readonly dryRun: 'no' | 'human' | 'json';
  readonly keepUndo: boolean;
  readonly journal: string | undefined;
}

/** Reads `changeOptions`. Throws a `Failure`. */
export function changeArguments({ given }: Arguments): ChangeArguments {
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  const dryRun = value('dry-run');
  if (dryRun !== undefined && !['', 'human', 'json'].includes(dryRun)) {
    throw usageFailure('--dry-run takes human or json');
  }
  return {
    dryRun: dryRun === undefined ? 'no' : dryRun === 'json' ? 'json' : 'human',
    keepUndo: value('keep-undo') !== undefined,
    journal: value('journal'),
  };
}
