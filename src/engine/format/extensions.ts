import { type Finding, finding } from '../finding.ts';
import { limits } from '../limits.ts';
import type { FeatureName, MaskName } from './features.ts';
import { type Decoded, decodeFields, sizeOf } from './field.ts';
import type { Header } from './header.ts';
import { decodeCText } from './text.ts';

/** The types of the header extensions that the spec defines, and QEMU's name for each. */
export const extensionTypes = {
  end: 0x00000000,
  backingFormat: 0xe2792aca,
  featureNames: 0x6803f857,
  bitmaps: 0x23852875,
  crypto: 0x0537be77,
  dataFile: 0x44415441,
} as const;

/** A header extension as it is in the file. */
export interface Extension {
  /** Host offset of its type field. */
  readonly offset: number;
  readonly type: number;
  /** Bytes of its data, as its length field says. */
  readonly length: number;
  /** The data; shorter than `length` where the extension does not fit. */
  readonly data: Uint8Array;
  /** The bytes after the data up to a multiple of 8. */
  readonly padding: Uint8Array;
}

/** The header extensions of an image. */
export interface ParsedExtensions {
  /** In the file's order, without the end mark. */
  readonly extensions: readonly Extension[];
  /** The end mark, if there is one. */
  readonly endMark?: Extension;
  /** Host offset at which the last one ends. */
  readonly end: number;
  readonly findings: readonly Finding[];
}

/** Where extensions end at the latest: where the name of the backing file starts, or with the first cluster. */
function extensionLimit(header: Header): bigint {
  const { backing_file_offset: backing, cluster_bits: bits } = header;
  const cluster = 1n << BigInt(Math.min(bits, limits.maxClusterBits));
  return backing !== 0n && backing < cluster ? backing : cluster;
}

/**
 * Parses the header extensions. `bytes`: the first cluster up to the end of the last extension, or of the file; what is
 * missing reads as zeros, as in QEMU. What their content says is judged by `checkExtensions`.
 */
export function parseExtensions(bytes: Uint8Array, header: Header): ParsedExtensions {
  const extensions: Extension[] = [];
  const findings: Finding[] = [];
  const limit = Number(extensionLimit(header));
  let at = header.headerLength;
  while (at < limit) {
    const { type, length } = decodeFields(extensionFields, bytes, at);
    if (at + extensionHeadBytes > limit || length > limit - at - extensionHeadBytes) {
      const place = { host: { offset: BigInt(at), length: BigInt(limit - at) } };
      findings.push(
        finding('extension-too-large', `extension[${extensions.length}]`, { offset: at, end: limit }, place),
      );
      return { extensions, end: at, findings };
    }
    const dataAt = at + extensionHeadBytes;
    const next = dataAt + Math.ceil(length / 8) * 8;
    const data = bytes.slice(dataAt, dataAt + length);
    const padding = bytes.slice(dataAt + length, Math.min(next, limit));
    const extension = { offset: at, type, length, data, padding };
    if (type === extensionTypes.end) {
      return { extensions, endMark: extension, end: dataAt, findings };
    }
    if (data.length < length) {
      const place = { host: { offset: BigInt(at), length: BigInt(next - at) } };
      findings.push(finding('extension-truncated', `extension[${extensions.length}]`, { offset: at }, place));
    }
    extensions.push(extension);
    at = next;
  }
  if (extensions.length > 0) {
    findings.push(finding('extensions-unterminated', 'extensions'));
  }
  return { extensions, end: Math.min(at, limit), findings };
}

/** The extensions in their order, with an end mark; their padding as it was. */
export function encodeExtensions({
  extensions,
  endMark,
}: Pick<ParsedExtensions, 'extensions' | 'endMark'>): Uint8Array {
  const all = endMark ? [...extensions, endMark] : extensions;
  const parts = all.map((extension) => {
    const { type, length, data, padding } = extension;
    const room = type === extensionTypes.end ? 0 : Math.ceil(length / 8) * 8;
    const bytes = new Uint8Array(extensionHeadBytes + room);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type);
    view.setUint32(4, length);
    bytes.set(data.subarray(0, room), extensionHeadBytes);
    bytes.set(padding.subarray(0, room - Math.min(room, length)), extensionHeadBytes + Math.min(room, length));
    return bytes;
  });
  const encoded = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    encoded.set(part, at);
    at += part.length;
  }
  return encoded;
}

/** An extension with data, to be encoded. */
export function newExtension(type: number, data: Uint8Array = new Uint8Array()): Extension {
  return { type, offset: 0, length: data.length, data, padding: new Uint8Array((8 - (data.length % 8)) % 8) };
}

/** The last extension of a type, which is the one that counts in QEMU. */
export function extensionOf(extensions: readonly Extension[], type: number): Extension | undefined {
  return extensions.findLast((extension) => extension.type === type);
}

const extensionFields = [
  { name: 'type', offset: 0, width: 4, kind: 'magic', meaning: 'What kind of extension it is.' },
  { name: 'length', offset: 4, width: 4, kind: 'bytes', meaning: 'Bytes of its data.' },
] as const;

/** Bytes of an extension before its data: type and length. */
export const extensionHeadBytes = sizeOf(extensionFields);

/** The bitmaps extension (spec, "Bitmaps extension"). */
export const bitmapsFields = [
  { name: 'nb_bitmaps', offset: 0, width: 4, kind: 'count', meaning: 'Bitmaps in the directory: 1 to 65535.' },
  { name: 'reserved', offset: 4, width: 4, kind: 'number', meaning: 'Must be zero.' },
  { name: 'bitmap_directory_size', offset: 8, width: 8, kind: 'bytes', meaning: 'Bytes of the bitmap directory.' },
  {
    name: 'bitmap_directory_offset',
    offset: 16,
    width: 8,
    kind: 'host-offset',
    meaning: 'Where the bitmap directory starts. Aligned to a cluster.',
  },
] as const;

/** The pointer to the LUKS header (spec, "Full disk encryption header pointer"). */
export const cryptoFields = [
  {
    name: 'offset',
    offset: 0,
    width: 8,
    kind: 'host-offset',
    meaning: 'Where the LUKS header starts. Aligned to a cluster.',
  },
  {
    name: 'length',
    offset: 8,
    width: 8,
    kind: 'bytes',
    meaning: 'Bytes of the LUKS header with its key material.',
  },
] as const;

/** The bitmaps extension, decoded; undefined where there is none of the right length. */
export function bitmapsExtension(extensions: readonly Extension[]): Decoded<typeof bitmapsFields> | undefined {
  const found = extensionOf(extensions, extensionTypes.bitmaps);
  return found?.length === sizeOf(bitmapsFields) ? decodeFields(bitmapsFields, found.data) : undefined;
}

/** The pointer to the LUKS header, decoded; undefined where there is none of the right length. */
export function cryptoExtension(extensions: readonly Extension[]): Decoded<typeof cryptoFields> | undefined {
  const found = extensionOf(extensions, extensionTypes.crypto);
  return found?.length === sizeOf(cryptoFields) ? decodeFields(cryptoFields, found.data) : undefined;
}

/** The name of the backing file's format; undefined where it is not given. */
export function backingFormat(extensions: readonly Extension[]): string | undefined {
  const found = extensionOf(extensions, extensionTypes.backingFormat);
  return found && decodeCText(found.data.subarray(0, limits.backingFormatBytes));
}

/** The name of the external data file; undefined where it is not given. */
export function dataFileName(extensions: readonly Extension[]): string | undefined {
  const found = extensionOf(extensions, extensionTypes.dataFile);
  return found && decodeCText(found.data);
}

/** Bytes of an entry of the feature name table: mask, bit, and a name of 46 bytes. */
export const featureNameBytes = 48;

/** The masks by the number that the feature name table has for them. */
export const featureMaskNames: readonly MaskName[] = ['incompatible', 'compatible', 'autoclear'];

/** The usable entries of the feature name table, up to the first empty name, as QEMU reads it: also one that is cut. */
export function featureNames(extensions: readonly Extension[]): FeatureName[] {
  const data = extensionOf(extensions, extensionTypes.featureNames)?.data ?? new Uint8Array(0);
  const names: FeatureName[] = [];
  for (let at = 0; at < data.length; at += featureNameBytes) {
    const mask = featureMaskNames[data[at] ?? 0];
    const bit = data[at + 1] ?? 0;
    const name = decodeCText(data.subarray(at + 2, at + featureNameBytes));
    if (name === '') {
      break;
    }
    if (mask !== undefined && bit < 64) {
      names.push({ mask, bit, name });
    }
  }
  return names;
}

/** The bytes of the name of the backing file; undefined where the header has no place for it in the first cluster. */
export function backingNameBytes(bytes: Uint8Array, header: Header): Uint8Array | undefined {
  const { backing_file_offset: offset, backing_file_size: size } = header;
  if (offset === 0n || offset > BigInt(bytes.length)) {
    return undefined;
  }
  return bytes.slice(Number(offset), Number(offset) + Math.min(size, limits.backingNameBytes));
}

/** The name of the backing file up to its first NUL, as QEMU uses it. */
export function backingName(bytes: Uint8Array): string {
  return decodeCText(bytes);
}
