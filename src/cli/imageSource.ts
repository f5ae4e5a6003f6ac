import { type ImageFile, openImageByOptions, openImageFile } from './imageFile.ts';
import type { Arguments, Option } from './options.ts';
import type { Output } from './output.ts';
import type { Purpose } from './refusal.ts';
import { forgetSecrets, objectHelp, readSecrets } from './secrets.ts';

/** The options of every verb that changes an image which say how the image is opened, beside `-f`. */
export const sourceOptions: readonly Option[] = [
  // A secret, for what `--image-opts` names one.
  { long: 'object', value: true },
  // The image is not a name, but options of drivers.
  { long: 'image-opts' },
];

/** An image as the command line gives it. */
export interface ImageSource {
  /** The words of the command line, for messages. */
  readonly name: string;
  /** Opens it, as often as it is wanted. Throws a `Failure`. */
  open(purpose: Purpose): Promise<ImageFile>;
}

/**
 * Does a verb's work with what its `--object`s make, and forgets them. Where one of them asks for help, that is printed,
 * and nothing is done. Returns the exit status. Throws a `Failure`.
 *
 * @param work - `sourceOf` gives the image of an operand
 */
export async function withSources(
  { given }: Arguments,
  out: Output,
  work: (sourceOf: (operand: string) => ImageSource) => Promise<number>,
): Promise<number> {
  const objects = given.filter(({ name }) => name === 'object').map(({ value }) => value);
  const help = objectHelp(objects);
  if (help !== undefined) {
    out.text(help);
    return 0;
  }
  const secrets = readSecrets(objects);
  const format = given.findLast(({ name }) => name === 'format')?.value;
  const byOptions = given.some(({ name }) => name === 'image-opts');
  try {
    return await work((name) => ({
      name,
      open: (purpose) =>
        byOptions ? openImageByOptions(name, format, purpose, secrets) : openImageFile(name, format, purpose),
    }));
  } finally {
    forgetSecrets(secrets);
  }
}
