import type { Allocation, DataFileChange } from '../engine/change/changeSet.ts';
import type { Preview, PreviewStep, PreviewWrite } from '../engine/change/preview.ts';
import { showCount, showHex, showOffset, showSize } from '../engine/format/show.ts';
import { bytesOfText } from './bytes.ts';
import { type JsonObject, prettyJson } from './json.ts';

/** Bytes of a write that a line shows. */
const lineBytes = 16;

const protections = {
  'corrupt-bit': 'The format allows no safe order of writes here: the corrupt bit is set meanwhile.',
  journal: 'The format allows no safe order of writes here: only the journal protects the image meanwhile.',
} as const;

/** What a change would write, for a person. A byte string. */
export function previewText(preview: Preview | undefined): string {
  if (preview === undefined) {
    return 'Nothing would be changed.\n';
  }
  const { title, cautions, protection, steps, bytes, sizeBefore, sizeAfter, dataFile } = preview;
  const lines = [
    title,
    ...cautions.map((caution) => `! ${caution}`),
    ...(protection ? [`! ${protections[protection]}`] : []),
    ...steps.flatMap(stepLines),
    ...(dataFile ? ['', dataFileLine(dataFile)] : []),
    `${showCount(bytes)} bytes in ${steps.length} ${steps.length === 1 ? 'step' : 'steps'}; the file has ${showSize(sizeBefore)} before and ${showSize(sizeAfter)} after. Nothing was written.`,
  ];
  return bytesOfText(`${lines.join('\n')}\n`);
}

function stepLines(step: PreviewStep, index: number): string[] {
  const more = step.writeCount - step.writes.length;
  return [
    '',
    `${index + 1}. ${step.says}`,
    ...step.writes.flatMap(writeLines),
    ...(more > 0 ? [`   and ${showCount(more)} more writes, ${showSize(step.bytes)} in all`] : []),
    ...(step.allocation ? [allocationLine(step.allocation)] : []),
    ...(step.fileSize === undefined ? [] : [`   the file then has ${showCount(step.fileSize)} bytes`]),
  ];
}

function allocationLine({ at, length, written }: Allocation): string {
  return `   ${showSize(length)} at ${showOffset(at)} ${written ? 'are written with zeros' : 'get blocks'}`;
}

function dataFileLine({ size, cut }: DataFileChange): string {
  return cut
    ? `The external data file then has ${showCount(size)} bytes.`
    : `The external data file then has at least ${showCount(size)} bytes. Where it is made longer, undo cuts it again, if nothing was written there since.`;
}

function writeLines({ structure, at, length, before, after, fields }: PreviewWrite): string[] {
  const first = after.findIndex((byte, index) => byte !== before[index]);
  const from = Math.max(0, first) - (Math.max(0, first) % lineBytes);
  const cut = (bytes: Uint8Array): string => showHex(bytes.subarray(from, from + lineBytes)) || '(past the end)';
  return [
    `   ${structure}, ${showCount(length)} ${length === 1 ? 'byte' : 'bytes'} at ${showOffset(at)}`,
    ...(fields.length > 0
      ? fields.map((field) => `     ${field.name}: ${field.before} -> ${field.after}`)
      : [`     ${showOffset(at + BigInt(from))}: ${cut(before)}`, `       -> ${cut(after)}`]),
  ];
}

/** The same for a program; bytes as hex digits. A byte string. */
export function previewJson(preview: Preview | undefined): string {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const object =
    preview === undefined
      ? { steps: [] }
      : {
          title: bytesOfText(preview.title),
          cautions: preview.cautions.map(bytesOfText),
          protection: preview.protection ?? 'ordered',
          bytes: preview.bytes,
          'size-before': preview.sizeBefore,
          'size-after': preview.sizeAfter,
          ...(preview.dataFile ? { 'data-file': dataFileJson(preview.dataFile) } : {}),
          steps: preview.steps.map((step) => ({
            says: bytesOfText(step.says),
            'write-count': step.writeCount,
            bytes: step.bytes,
            ...(step.fileSize === undefined ? {} : { 'file-size': step.fileSize }),
            ...(step.allocation ? { allocation: allocationJson(step.allocation) } : {}),
            writes: step.writes.map((write) => ({
              structure: bytesOfText(write.structure),
              offset: write.at,
              length: write.length,
              before: hex(write.before),
              after: hex(write.after),
              fields: write.fields.map(({ name, before, after }) => ({
                name,
                before: bytesOfText(before),
                after: bytesOfText(after),
              })),
            })),
          })),
        };
  return `${prettyJson(object)}\n`;
}

function allocationJson({ at, length, written }: Allocation): JsonObject {
  return { offset: at, length, written };
}

function dataFileJson({ size, blocks, cut }: DataFileChange): JsonObject {
  return { size, blocks, cut };
}
