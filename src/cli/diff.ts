import { diff as compare } from '../engine/diff/diff.ts';
import type { Difference, DifferenceSection, Side } from '../engine/diff/difference.ts';
import { exact, jsonString } from '../engine/dump/jsonText.ts';
import { openImage } from '../engine/image/open.ts';
import { openFile } from '../platform/fileStorage.ts';
import { bytesOfText } from './bytes.ts';
import { warnOfInterrupted } from './imageFile.ts';
import { untilInterrupted } from './interrupted.ts';
import { type Option, readArguments } from './options.ts';
import { type Output, outputTo } from './output.ts';
import { Failure, programName, usageFailure } from './program.ts';
import { ProgressLine } from './progressLine.ts';
import { TextStream, visible } from './textStream.ts';

const options: readonly Option[] = [
  { long: 'help', short: 'h' },
  { long: 'output', value: true },
];

/** The images are not the same. */
const different = 2;

const help =
  `usage: ${programName} diff [--output=human|json] A B\n` +
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
  const [a, b] = operands;
  if (a === undefined || b === undefined || operands.length !== 2) {
    throw usageFailure('Expecting two image file names');
  }
  const output = value('output') ?? 'human';
  if (output !== 'human' && output !== 'json') {
    throw new Failure('--output must be used with human or json as argument.');
  }
  const storage = await openFile(a);
  try {
    const other = await openFile(b);
    try {
      await warnOfInterrupted(a);
      await warnOfInterrupted(b);
      const images = [await openImage(storage), await openImage(other)] as const;
      for (const [index, image] of images.entries()) {
        if (!image.header) {
          throw new Failure(
            bytesOfText(`${operands[index]}: ${image.file.says}: there is no metadata to be compared.`),
          );
        }
      }
      const to = new TextStream(out);
      const printer = output === 'json' ? new JsonPrinter(to, a, b) : new TextPrinter(to, a, b);
      const { differences, tablesCompared } = await untilInterrupted(new ProgressLine(outputTo(2), false), (progress) =>
        compare(images[0], images[1], (difference) => printer.add(difference), progress),
      );
      printer.end(differences, tablesCompared);
      to.flush();
      return differences > 0 ? different : 0;
    } finally {
      await other.close();
    }
  } finally {
    await storage.close();
  }
}

/** For a person: under a title for each section, a line for each difference. */
class TextPrinter {
  readonly #to: TextStream;
  #section: DifferenceSection | undefined;

  constructor(to: TextStream, a: string, b: string) {
    this.#to = to;
    to.line(`A: ${visible(a)}`);
    to.line(`B: ${visible(b)}`);
  }

  add({ section, place, guest, host, a, b }: Difference): void {
    if (section !== this.#section) {
      this.#section = section;
      this.#to.line();
      this.#to.line(titles[section]);
    }
    const range = guest ?? host;
    const where = range ? ` 0x${range.start.toString(16)}…0x${(range.start + range.length - 1n).toString(16)}` : '';
    const text = (side: Side | undefined): string => (side ? visible(side.text) : '(none)');
    this.#to.line(`  ${visible(place)}${where}: ${text(a)} | ${text(b)}`);
  }

  end(differences: number, tablesCompared: boolean): void {
    this.#to.line();
    if (!tablesCompared) {
      this.#to.line('L1 and L2 tables are not compared: their entries do not mean the same in both.');
    }
    this.#to.line(
      differences === 0
        ? 'The metadata is the same.'
        : `${differences} ${differences === 1 ? 'difference' : 'differences'}, A | B`,
    );
  }
}

const titles: Readonly<Record<DifferenceSection, string>> = {
  file: 'File',
  header: 'Header',
  features: 'Features',
  extensions: 'Header extensions',
  luks: 'LUKS header',
  snapshots: 'Snapshots',
  l1: 'L1 tables',
  l2: 'L2 tables',
  bitmaps: 'Bitmaps',
  'refcount-table': 'Refcount table',
  refcounts: 'Refcounts',
  'refcount-counts': 'Clusters by refcount',
  findings: 'Findings',
};

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
