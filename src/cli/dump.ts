import { readDump } from '../engine/dump/dump.ts';
import { openImage } from '../engine/image/open.ts';
import { openFile } from '../platform/fileStorage.ts';
import { writeJson } from './dumpJson.ts';
import { writeText } from './dumpText.ts';
import { imagePath } from './imageFile.ts';
import { type Option, readArguments } from './options.ts';
import type { Output } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { TextStream } from './textStream.ts';
import { usageLine } from './usages.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'output', value: true },
  { long: 'tables' },
  // Nothing but the image is ever opened, and it is not locked: both are always so.
  { long: 'no-backing' },
  { long: 'force-share', short: 'U' },
];

/**
 * `qcow2 dump`: everything that the file says, field by field, also of an image that QEMU refuses. Opens nothing but
 * the file. Returns 0 if the file could be read as something, whatever is wrong with it; else 1.
 *
 * The JSON is one object. Members stay as they are while `dump-version` is 1; there may be new ones. Offsets, sizes and
 * values are exact whole numbers (up to 2^64-1: more than a double has), in bytes unless said otherwise; bytes are
 * strings of hex digits; text is UTF-8, with controls and bidi marks as `\uXXXX`. What the image has not got is absent.
 *
 * - `file`: `path`; `kind` (`qcow2`, `qcow2-other-version`, `empty`, `truncated`, `other-format`, `unknown`,
 *   `unreadable`); `says`, a sentence; `size`; `allocated` bytes on the disk
 * - `qemu-refuses`: QEMU's message, where it does not open the image
 * - `header`: `version`, `compat`, `length`, `fields`, `unknown-fields` (`offset`, `bytes`)
 * - a field, here and below: `name` (the spec's), `offset` in its structure, `size`, `present` (false: the structure is
 *   too short for it, `value` is the default), `bytes`, `value`, `meaning` of this value, `broken-rules`, `about`
 * - `features`: for each `mask` its `value` and `bits`: `bit`, `set`, `known`, `name`, `image-name` (of the image's
 *   feature name table), `meaning`
 * - `extensions`, in the file's order: `offset`, `type`, `name`, `known`, `length`, `data`, `content` in words, `fields`
 * - `geometry`: `virtual-size`, `cluster-size`, `extended-l2`, `subcluster-size`, `l2-entries`, `refcount-bits`,
 *   `compression-type`
 * - `backing`: `name`, `name-bytes`, `offset`, `format`; `data-file`: `name`, `raw`
 * - `snapshots`, `bitmaps`: `state` (`whole`, `partial`, `unreadable`, `absent`), `items` with `offset`, names, `fields`
 * - `encryption`: `method`, `offset`, `length`, `cipher`, `hash`, `uuid`, `fields`, `slots`
 * - `tables`, with `--tables`: lists `l1-tables` (snapshots' too), `l2-tables`, `refcount-table`, `refcount-blocks`,
 *   `bitmap-tables`. A table: `chain`, the way to it in words of the spec; `offset`; `first` index (0 if absent);
 *   `entries`; `guest` offset; `references`, if not 1; `same-as`: refcount table index that leads to the same block;
 *   `rows`, one a line. A row: `index`; `count` of equal entries, if not 1 (runs of zeros, of a refcount, past the end of
 *   the file, unreadable); `raw` hex digits; `kind`; `host` and `guest` offset; `copied`; `length` at most, of compressed
 *   data; `allocated` and `zero`, the subclusters' bitmaps; `refcount`; `wrong`
 * - `space`, with `--tables`: bytes of the `guest` disk and of the `file` by kind
 * - `findings`: `code`, `severity`, `qemu-verdict`, `where`, `host` and `guest` range (`offset`, `length`), `title`,
 *   `qemu-message`, `meaning`, `advice`; those of the tables' entries with `--tables` only
 * - `finding-count`: more than are listed where they are over 10000 of opening or of the tables
 */
export async function dump(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(usageLine('dump'));
    return 0;
  }
  // Each row is garbage at once: a young generation that grows with them takes hundreds of megabytes.
  // Loaded here: it would cost the other verbs milliseconds.
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
  const output = value('output') ?? 'human';
  const [name] = operands;
  if (name === undefined || operands.length !== 1) {
    throw usageFailure('Expecting one image file name');
  }
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const path = imagePath(name);
  const storage = await openFile(path);
  try {
    const image = await openImage(storage);
    const to = new TextStream(out);
    await (output === 'json' ? writeJson : writeText)(await readDump(path, image, value('tables') !== undefined), to);
    to.flush();
    return image.file.kind === 'unreadable' ? 1 : 0;
  } finally {
    await storage.close();
  }
}
