import { diff as compare } from '../engine/diff/diff.ts';
import type { Difference, Side } from '../engine/diff/difference.ts';
import { DiffText } from '../engine/diff/diffText.ts';
import { exact, jsonString } from '../engine/dump/jsonText.ts';
import { openImage } from '../engine/image/open.ts';
import { openFile } from '../platform/fileStorage.ts';
import { bytesOfText } from './bytes.ts';
import { imagePath, warnOfInterrupted } from './imageFile.ts';
import { untilInterrupted } from './interrupted.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, usageFailure } from './program.ts';
import { ProgressLine } from './progressLine.ts';
import { TextStream } from './textStream.ts';
import { usageLine } from './usages.ts';
import { watchForWriters } from './writers.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'output', value: true },
];

/** The images are not the same. */
const different = 2;

const help =
  usageLine('diff') +
  'Compares two qcow2 images, however broken, by their metadata: header, extensions, snapshots, L1 and L2 tables, bitmaps,\n' +
  'refcounts, findings. Data, the bits of bitmaps and LUKS key material are not looked at. Only reads A and B.\n' +
  'Exit status: 0 the same, 1 it failed, 2 different.\n';

/** `qcow2 diff`: two images compared by their metadata. Opens nothing but the two files, read-only. */
export async function diff(args: readonly string[], out: Output): Promise<number> {
  const { given, operands } = readArguments(options, args);
  const value = (name: string): string | undefined => given.findLast((option) => option.name === name)?.value;
  if (value('help') !== undefined) {
    out.text(bytesOfText(help));
    return 0;
  }
  const [nameA, nameB] = operands;
  if (nameA === undefined || nameB === undefined || operands.length !== 2) {
    throw usageFailure('Expecting two image file names');
  }
  const output = value('output') ?? 'human';
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const [a, b] = [imagePath(nameA), imagePath(nameB)];
  const storage = await openFile(a);
  try {
    const other = await openFile(b);
    try {
      await warnOfInterrupted(a);
      await warnOfInterrupted(b);
      const tellWriters = await watchForWriters([
        { path: a, storage },
        { path: b, storage: other },
      ]);
      const images = [await openImage(storage), await openImage(other)] as const;
      for (const [index, image] of images.entries()) {
        if (!image.header) {
          throw new Failure(
            bytesOfText(`${operands[index]}: ${image.file.says}: there is no metadata to be compared.`),
          );
        }
      }
      const to = new TextStream(out);
      const printer = output === 'json' ? new JsonPrinter(to, a, b) : new DiffText((line) => to.line(line), a, b);
      const { differences, tablesCompared } = await untilInterrupted(new ProgressLine(outputTo(2), false), (progress) =>
        compare(images[0], images[1], (difference) => printer.add(difference), progress),
      );
      printer.end(differences, tablesCompared);
      to.flush();
      await tellWriters();
      return differences > 0 ? different : 0;
    } finally {
      await other.close();
    }
  } finally {
    await storage.close();
  }
}

/** For a program: one object, with a difference a line. */
class JsonPrinter {
  readonly #to: TextStream;
  #first = true;

  constructor(to: TextStream, a: string, b: string) {
    this.#to = to;
    to.write(`{\n  "a": ${jsonString(a)},\n  "b": ${jsonString(b)},\n  "differences": [`);
  }

  add({ section, place, guest, host, count, a, b }: Difference): void {
    const range = (name: string, of: Difference['guest']): string[] =>
      of ? [`"${name}": {"start": ${of.start}, "length": ${of.length}}`] : [];
    const members = [
      `"section": ${jsonString(section)}`,
      `"place": ${jsonString(place)}`,
      ...range('guest', guest),
      ...range('host', host),
      ...(count === undefined ? [] : [`"count": ${count}`]),
      ...(a ? [`"a": ${sideJson(a)}`] : []),
      ...(b ? [`"b": ${sideJson(b)}`] : []),
    ];
    this.#to.write(`${this.#first ? '' : ','}\n    {${members.join(', ')}}`);
    this.#first = false;
  }

  end(differences: number, tablesCompared: boolean): void {
    this.#to.write(`${this.#first ? '' : '\n  '}],\n  "difference-count": ${differences},\n`);
    this.#to.write(`  "tables-compared": ${tablesCompared},\n  "same": ${differences === 0}\n}\n`);
  }
}

function sideJson({ values }: Side): string {
  const members = Object.entries(values).map(([name, value]) => {
    const text =
      typeof value === 'string' ? jsonString(value) : typeof value === 'boolean' ? String(value) : exact(value);
    return `${jsonString(name)}: ${text}`;
  });
  return `{${members.join(', ')}}`;
}
