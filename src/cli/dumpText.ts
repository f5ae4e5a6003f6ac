import type { Dump } from '../engine/dump/dump.ts';
import { showHex, showSize } from '../engine/format/show.ts';
import { eachBitmap, eachSnapshot } from '../engine/image/describeLists.ts';
import type {
  EncryptionDescription,
  ExtensionDescription,
  FeatureMask,
  FieldRow,
  HeaderDescription,
  ImageDescription,
  Section,
} from '../engine/image/description.ts';
import type { Scan } from '../engine/image/scan.ts';
import { findingSummary, writeFindings } from './dumpFindings.ts';
import { dumpTables } from './dumpTables.ts';
import { TextTables } from './dumpTextTables.ts';
import { hexOffset, writeColumns, writeHex, writeWrapped } from './textLayout.ts';
import { message, type TextStream, visible } from './textStream.ts';

/** Writes a dump for a person. */
export async function writeText({ path, image, description, scan }: Dump, to: TextStream): Promise<void> {
  const { header, extensions, backing, dataFile, encryption, snapshots, bitmaps } = description;
  writeFile(to, path, description, scan);
  if (header) {
    writeHeader(to, header);
    writeExtensions(to, extensions);
  }
  if (backing) {
    const format = backing.format === undefined ? 'no format named' : `format ${visible(backing.format)}`;
    const { length } = backing.nameBytes;
    title(to, `Backing file: ${visible(backing.name)}`);
    to.line(`  ${format}; a name of ${length} bytes at ${hexOffset(backing.offset)}; not opened`);
  }
  if (dataFile) {
    title(to, `External data file: ${dataFile.name === undefined ? 'no name' : visible(dataFile.name)}`);
    to.line(`  ${dataFile.raw ? 'raw: a valid image by itself' : 'not raw'}; not opened`);
  }
  sectionTitle(to, 'Snapshots', snapshots);
  await eachSnapshot(image, ({ id, name, offset, fields, diskSize, vmStateSize, icount, unknownExtra }) => {
    to.line(`  ID ${visible(id)}, name ${visible(name)}, at ${hexOffset(offset)}`);
    writeFields(to, fields);
    const disk = diskSize === undefined ? 'no disk size' : `disk size ${size(diskSize)}`;
    const instructions = icount === undefined ? '' : `, icount ${icount}`;
    writeWrapped(to, '    ', `extra data: ${disk}, machine state ${size(vmStateSize)}${instructions}`);
    writeHex(to, 4, 0n, unknownExtra);
  });
  sectionTitle(to, 'Bitmaps', bitmaps);
  await eachBitmap(image, ({ name, offset, granularity, flags, fields, extra }) => {
    const flagText = flags.length === 0 ? 'no flags' : `flags ${flags.join(', ')}`;
    to.line(`  ${visible(name)}, at ${hexOffset(offset)}: granularity ${size(granularity)}, ${flagText}`);
    writeFields(to, fields);
    writeHex(to, 4, 0n, extra);
  });
  if (encryption) {
    writeEncryption(to, encryption);
  }
  if (scan && image.geometry) {
    writeSpace(to, scan);
    await dumpTables(image, image.geometry, new TextTables(to));
  }
  writeFindings(to, description, scan);
}

function writeFile(to: TextStream, path: string, description: ImageDescription, scan: Scan | undefined): void {
  const { file, geometry, qemuRefusal } = description;
  to.line(visible(path));
  const rows = [
    ['file', file.says],
    ['size', `${size(file.size)}${file.allocated === undefined ? '' : `, ${size(file.allocated)} on the disk`}`],
  ];
  if (geometry) {
    const { virtualSize, clusterSize, extendedL2, subclusterSize, refcountBits, l2Entries, compressionType } = geometry;
    const parts = extendedL2 ? ` in 32 subclusters of ${showSize(subclusterSize)}` : '';
    rows.push(
      ['disk', size(virtualSize)],
      ['clusters', `${size(clusterSize)}${parts}; ${l2Entries} entries an L2 table, refcounts of ${refcountBits} bits`],
      ['compression', compressionType],
    );
  }
  rows.push(['findings', findingSummary(description, scan)]);
  if (qemuRefusal !== undefined) {
    rows.push(['QEMU', `refuses it: ${message(qemuRefusal)}`]);
  }
  writeColumns(to, 2, rows);
}

function writeHeader(to: TextStream, { version, compat, length, fields, features, unknownFields }: HeaderDescription) {
  title(to, `Header: version ${version}, ${compat === undefined ? '' : `compat ${compat}, `}${length} bytes`);
  writeFields(to, fields, 2);
  if (unknownFields) {
    to.line(`  unknown fields, ${unknownFields.bytes.length} bytes`);
    writeHex(to, 2, BigInt(unknownFields.offset), unknownFields.bytes);
  }
  title(to, features.length === 0 ? 'Features: none in version 2' : 'Features');
  for (const mask of features) {
    writeFeature(to, mask);
  }
}

function writeFeature(to: TextStream, { name, value, bits }: FeatureMask): void {
  to.line(`  ${name} ${hexOffset(value)}`);
  const rows = bits.map(({ bit, set, known, name: bitName, imageName, meaning }) => {
    const told = imageName === undefined || imageName === bitName ? '' : ` The image calls it ${visible(imageName)}.`;
    return [String(bit), set ? 'set' : '-', visible(bitName), `${known ? meaning : 'Not known.'}${told}`];
  });
  writeColumns(to, 4, rows, [0]);
}

function writeExtensions(to: TextStream, extensions: readonly ExtensionDescription[]): void {
  title(to, `Header extensions: ${extensions.length === 0 ? 'none' : extensions.length}`);
  for (const { offset, type, name, known, length, data, content, fields } of extensions) {
    const place = `  ${hexOffset(offset)}  0x${type.toString(16).padStart(8, '0')}  `;
    const what = `${name}, ${length} bytes`;
    writeWrapped(to, place, fields.length > 0 || content === '' ? what : `${what}: ${visible(content)}`);
    writeFields(to, fields);
    if (!known) {
      writeHex(to, 4, BigInt(offset) + 8n, data);
    }
  }
}

function writeEncryption(to: TextStream, encryption: EncryptionDescription): void {
  const { method, offset, length, cipher, hash, uuid, fields, slots } = encryption;
  title(to, `Encryption: ${method}`);
  const rows = [
    ['header', offset === undefined ? 'none' : `${size(length ?? 0n)} at ${hexOffset(offset)}`],
    ...(cipher === undefined ? [] : [['cipher', visible(cipher)]]),
    ...(hash === undefined ? [] : [['hash', visible(hash)]]),
    ...(uuid === undefined ? [] : [['UUID', visible(uuid)]]),
  ];
  writeColumns(to, 2, rows);
  writeFields(to, fields);
  const slotRows = slots.map(({ index, active, iterations, keyOffset, stripes }) => [
    `slot ${index}`,
    active ? 'active' : '-',
    `${iterations} iterations, key material at ${hexOffset(keyOffset)} in the area, ${stripes} stripes`,
  ]);
  writeColumns(to, 2, slotRows);
}

function sectionTitle(to: TextStream, name: string, { state, items, count = items.length }: Section<unknown>): void {
  if (state !== 'absent') {
    const told = state === 'whole' ? '' : state === 'partial' ? ', not all could be read' : ', could not be read';
    title(to, `${name}: ${count}${told}`);
  }
}

function writeSpace(to: TextStream, { guest, host }: Scan): void {
  title(to, 'Space');
  const rows = (place: string, bytes: Readonly<Record<string, bigint>>): string[][] =>
    Object.entries(bytes).map(([kind, count]) => [place, kind, String(count), count < 1024n ? '' : showSize(count)]);
  writeColumns(to, 2, [...rows('guest', guest), ...rows('file', { ...host })], [2]);
}

/** Fields with their offsets in the structure, bytes, value, and what it means. */
function writeFields(to: TextStream, fields: readonly FieldRow[], indent = 4): void {
  const rows = fields.map(({ offset, name, present, bytes, value, shown, meaning, rules }) => {
    const broken = rules.filter(({ kept }) => !kept).map(({ text }) => `WRONG, must be: ${text}`);
    const number = shown.startsWith('0x') ? hexOffset(value) : String(value);
    const told = [...(meaning === '' ? [] : [meaning]), ...broken].join('; ');
    return [String(offset), name, present ? showHex(bytes) : 'not there', number, told];
  });
  writeColumns(to, indent, rows, [0, 3]);
}

function title(to: TextStream, text: string): void {
  to.line();
  writeWrapped(to, '', text);
}

/** A number of bytes, exact, and in a binary unit where it is long. */
function size(bytes: number | bigint): string {
  return bytes < 1024 ? showSize(bytes) : `${bytes} bytes (${showSize(bytes)})`;
}
