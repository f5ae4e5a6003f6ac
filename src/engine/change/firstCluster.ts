import { Qcow2Error } from '../error.ts';
import {
  type Extension,
  encodeExtensions,
  extensionOf,
  extensionTypes,
  newExtension,
  parseExtensions,
} from '../format/extensions.ts';
import { knownFeatures } from '../format/features.ts';
import type { Decoded } from '../format/field.ts';
import { decodeHeader, encodeHeader, type Header, type headerFields } from '../format/header.ts';
import { readFirstBytes, readFirstCluster } from '../image/firstCluster.ts';
import type { Storage } from '../ports.ts';
import { ceilSector } from './sectors.ts';

/** The order in which QEMU writes the extensions that it knows; all others follow, in the order that they have. */
const writtenOrder: readonly number[] = [
  extensionTypes.backingFormat,
  extensionTypes.dataFile,
  extensionTypes.crypto,
  extensionTypes.featureNames,
  extensionTypes.bitmaps,
];

/** What is to be changed in the first cluster. Everything else stays: unknown fields, unknown extensions, unknown bits. */
export interface HeaderChange {
  /** Fields by the spec's names. */
  readonly fields?: Partial<Decoded<typeof headerFields>>;
  /** Extensions by type: their new data; undefined takes one out. */
  readonly extensions?: ReadonlyMap<number, Uint8Array | undefined>;
  /** The backing file's name as bytes; `none` takes it out. */
  readonly backing?: Uint8Array | 'none';
}

/** The first cluster. */
export interface FirstCluster {
  /** As far as something is in it. */
  readonly bytes: Uint8Array;
  readonly header: Header;
  readonly extensions: readonly Extension[];
  /** The bytes of the backing file's name. */
  readonly backing: Uint8Array | undefined;
}

/** Reads the header, its extensions and the backing file's name. */
export async function readHeaderCluster(storage: Storage): Promise<FirstCluster> {
  const first = await readFirstBytes(storage);
  const { bytes, unreadable } = await readFirstCluster(storage, first, decodeHeader(first.bytes));
  if (unreadable.length > 0) {
    throw new Qcow2Error('damaged', 'The first cluster can’t be read as a whole: what is unread would be lost.');
  }
  return parseFirstCluster(bytes);
}

/** Takes the first cluster apart. `start`: at least all of it that is used. */
export function parseFirstCluster(start: Uint8Array): FirstCluster {
  const header = decodeHeader(start);
  const { extensions } = parseExtensions(start, header);
  const { backing_file_offset: offset, backing_file_size: length } = header;
  const backing = offset === 0n ? undefined : start.slice(Number(offset), Number(offset) + length);
  const end = Math.min(usedEnd(header, extensions, backing), 2 ** header.cluster_bits);
  return { bytes: start.slice(0, end), header, extensions, backing };
}

/**
 * The first cluster after a change, as a writer has to leave it (spec; qcow2_update_header): unknown autoclear bits are
 * cleared, everything else that is not known is kept. As long as at least as many bytes as before. Throws `too-large`
 * where header, extensions and name don't fit.
 *
 * @param layout - `beside`: the backing file's name comes behind all that there was; `keep`: where nothing new is, the old
 *   bytes stay, which then mean nothing
 */
export function changedFirstCluster(
  before: FirstCluster,
  change: HeaderChange,
  { beside = false, keep = false }: { beside?: boolean; keep?: boolean } = {},
): Uint8Array {
  const header = changedHeader(before.header, change);
  if (
    change.extensions === undefined &&
    change.backing === undefined &&
    header.headerLength === before.header.headerLength
  ) {
    const bytes = before.bytes.slice();
    bytes.set(encodeHeader(header));
    return bytes;
  }
  const backing = change.backing ?? before.backing ?? 'none';
  const extensions = encodeExtensions({
    extensions: changedExtensions(before.extensions, change.extensions ?? new Map()),
    endMark: newExtension(extensionTypes.end),
  });
  const extensionsEnd = header.headerLength + extensions.length;
  const nameAt = beside ? Math.max(extensionsEnd, Number(ceilSector(BigInt(before.bytes.length)))) : extensionsEnd;
  const name = backing === 'none' ? new Uint8Array() : backing;
  const end = nameAt + name.length;
  if (end > 2 ** header.cluster_bits) {
    throw new Qcow2Error(
      'too-large',
      `There is no room: header, extensions and the backing file's name would take ${end} bytes, more than the first cluster of ${2 ** header.cluster_bits}.`,
      { system: 'ENOSPC' },
    );
  }
  const bytes = new Uint8Array(Math.max(end, before.bytes.length));
  bytes.set(keep ? before.bytes : []);
  const place = {
    backing_file_offset: backing === 'none' ? 0n : BigInt(nameAt),
    backing_file_size: name.length,
  };
  bytes.set(encodeHeader({ ...header, ...place }));
  bytes.set(extensions, header.headerLength);
  bytes.set(name, nameAt);
  return bytes;
}

/** Bytes up to the end of the extensions and of the backing file's name. */
function usedEnd(header: Header, extensions: readonly Extension[], backing: Uint8Array | undefined): number {
  const last = extensions.at(-1);
  const marked = last ? last.offset + 8 + Math.ceil(last.length / 8) * 8 + 8 : header.headerLength + 8;
  return Math.max(marked, Number(header.backing_file_offset) + (backing?.length ?? 0));
}

function changedHeader(before: Header, { fields = {} }: HeaderChange): Header {
  const version = fields.version ?? before.version;
  const autoclear = fields.autoclear_features ?? before.autoclear_features;
  const headerLength = version < 3 ? 72 : Math.max(before.headerLength, before.version < 3 ? 112 : 104);
  return {
    ...before,
    ...fields,
    autoclear_features: autoclear & knownAutoclear,
    header_length: headerLength,
    headerLength,
    padding: before.padding.length > 0 ? before.padding : new Uint8Array(headerLength < 112 ? 0 : 7),
    unknownFields: version < 3 ? new Uint8Array() : before.unknownFields,
  };
}

const knownAutoclear = knownFeatures.autoclear.reduce((mask, { bit }) => mask | (1n << BigInt(bit)), 0n);

/** The extensions in the order in which they are written. Of a known type only the last one counts, and is kept. */
function changedExtensions(
  before: readonly Extension[],
  changes: ReadonlyMap<number, Uint8Array | undefined>,
): Extension[] {
  const known = writtenOrder.flatMap((type) => {
    const data = changes.get(type);
    const kept = changes.has(type) ? data && newExtension(type, data) : extensionOf(before, type);
    return kept ?? [];
  });
  return [...known, ...before.filter(({ type }) => !writtenOrder.includes(type))];
}
