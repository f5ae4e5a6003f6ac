import { type Finding, type FindingCode, finding } from '../finding.ts';
import { limits } from '../limits.ts';
import {
  backingFormat,
  bitmapsExtension,
  cryptoExtension,
  dataFileName,
  type Extension,
  extensionOf,
  extensionTypes,
  featureMaskNames,
  featureNameBytes,
  type ParsedExtensions,
} from './extensions.ts';
import type { Header } from './header.ts';
import { decodeText } from './text.ts';

/** Findings about the content of the header extensions, in the file's order, which is QEMU's. */
export function checkExtensions(header: Header, parsed: ParsedExtensions): Finding[] {
  const { extensions, endMark } = parsed;
  const findings: Finding[] = [];
  for (const [index, extension] of extensions.entries()) {
    const add = (code: FindingCode, values: Finding['values'] = {}): void => {
      findings.push(finding(code, `extension[${index}]`, values, { host: placeOf(extension) }));
    };
    checkContent(header, extension, add);
    if (extensions.findIndex(({ type }) => type === extension.type) !== index) {
      add('extension-duplicate', { name: `0x${extension.type.toString(16).padStart(8, '0')}` });
    }
    if (extension.padding.some((byte) => byte !== 0)) {
      add('extension-padding-nonzero', { offset: extension.offset });
    }
  }
  if (endMark && endMark.length !== 0) {
    const host = { offset: BigInt(endMark.offset), length: 8n };
    findings.push(finding('extension-end-not-empty', 'extensions', { length: endMark.length }, { host }));
  }
  return [...findings, ...parsed.findings];
}

/**
 * The extensions that QEMU has read when it looks for the names of unknown incompatible features: those before the first
 * one that it refuses. It does not know the encryption method yet, and refuses the crypto extension in any case.
 *
 * @param isRefused - that of the findings' texts
 */
export function extensionsForNames(
  header: Header,
  { extensions }: ParsedExtensions,
  isRefused: (code: FindingCode) => boolean,
): readonly Extension[] {
  const early = { ...header, crypt_method: 0 };
  const end = extensions.findIndex((extension) => {
    let refused = false;
    checkContent(early, extension, (code) => {
      refused ||= isRefused(code);
    });
    return refused;
  });
  return end === -1 ? extensions : extensions.slice(0, end);
}

type Add = (code: FindingCode, values?: Finding['values']) => void;

function placeOf({ offset, length }: Extension): { offset: bigint; length: bigint } {
  return { offset: BigInt(offset), length: BigInt(8 + length) };
}

function checkContent(header: Header, extension: Extension, add: Add): void {
  const { type, length, data } = extension;
  switch (type) {
    case extensionTypes.backingFormat:
      if (length > limits.backingFormatBytes) {
        add('backing-format-too-long', { length });
      } else if (!printable(data)) {
        add('backing-format-unprintable');
      }
      break;
    case extensionTypes.featureNames:
      checkFeatureNames(data, length, add);
      break;
    case extensionTypes.crypto:
      checkCrypto(header, extension, add);
      break;
    case extensionTypes.bitmaps:
      checkBitmaps(header, extension, add);
      break;
    case extensionTypes.dataFile:
      if (!hasDataFile(header)) {
        add('data-file-name-unexpected');
      }
      if (length === 0 || !printable(data)) {
        add('data-file-name-unprintable');
      }
      break;
  }
}

function checkFeatureNames(data: Uint8Array, length: number, add: Add): void {
  if (length % featureNameBytes !== 0) {
    add('feature-table-length', { length });
  }
  for (let at = 0; at + featureNameBytes <= data.length; at += featureNameBytes) {
    const [type = 0, bit = 0] = data.subarray(at, at + 2);
    const index = at / featureNameBytes;
    const name = data.subarray(at + 2, at + featureNameBytes);
    if (featureMaskNames[type] === undefined || bit > 63) {
      add('feature-table-entry', { index, type, bit });
    }
    if (name[0] === 0 || !printable(untilNul(name))) {
      add('feature-table-name', { index });
    }
  }
}

function checkCrypto(header: Header, extension: Extension, add: Add): void {
  const crypto = cryptoExtension([extension]);
  if (header.crypt_method !== 2) {
    add('crypto-extension-unexpected', { method: header.crypt_method });
  } else if (!crypto) {
    add('crypto-extension-size', { length: extension.length });
  } else if (crypto.offset % clusterSizeOf(header) !== 0n) {
    add('luks-offset-invalid', { offset: crypto.offset, clusterSize: clusterSizeOf(header) });
  }
}

/** As qcow2_read_extensions: without the autoclear bit the rest is not looked at. */
function checkBitmaps(header: Header, extension: Extension, add: Add): void {
  const bitmaps = bitmapsExtension([extension]);
  if (!bitmaps) {
    add('bitmaps-extension-length', { length: extension.length });
    return;
  }
  if (!hasBitmaps(header)) {
    add(header.version < 3 ? 'bitmaps-in-version-2' : 'bitmaps-without-feature-bit');
    return;
  }
  const { nb_bitmaps: count, bitmap_directory_size: size, bitmap_directory_offset: offset } = bitmaps;
  if (bitmaps.reserved !== 0) {
    add('bitmaps-extension-reserved', { reserved: bitmaps.reserved });
  } else if (count > limits.bitmaps) {
    add('bitmaps-extension-too-many', { count });
  } else if (count === 0) {
    add('bitmaps-extension-empty');
  } else if (offset % clusterSizeOf(header) !== 0n) {
    add('bitmap-directory-offset-invalid', { offset });
  } else if (size > BigInt(limits.bitmapDirectoryBytes)) {
    add('bitmap-directory-too-large', { size });
  }
}

/**
 * Findings about what the header names together with its extensions, in the order of QEMU's checks. `name`: the bytes of
 * the backing file's name that are in the file.
 */
export function checkNames(header: Header, parsed: ParsedExtensions, name: Uint8Array): Finding[] {
  const { extensions } = parsed;
  const findings: Finding[] = [];
  const add = (code: FindingCode, chain: string, values: Finding['values'] = {}, host?: Finding['host']): void => {
    findings.push(finding(code, chain, values, host ? { host } : {}));
  };
  const raw = header.version >= 3 && (header.autoclear_features & 2n) !== 0n;
  const backing = header.backing_file_offset !== 0n;
  if (hasDataFile(header) && !dataFileName(extensions)) {
    add('data-file-unnamed', 'header.incompatible_features');
  }
  if (raw && !hasDataFile(header)) {
    add('data-file-raw-without-data-file', 'header.autoclear_features');
  }
  if (raw && hasDataFile(header) && backing) {
    add('data-file-raw-with-backing', 'header.autoclear_features');
  }
  if (hasDataFile(header) && header.nb_snapshots > 0) {
    add('data-file-with-snapshots', 'header.nb_snapshots', { count: header.nb_snapshots });
  }
  if (header.crypt_method === 2 && !extensionOf(extensions, extensionTypes.crypto)) {
    add('crypto-extension-missing', 'header.crypt_method', { method: header.crypt_method });
  }
  if (hasBitmaps(header) && !extensionOf(extensions, extensionTypes.bitmaps)) {
    add('bitmaps-bit-without-extension', 'header.autoclear_features');
  }
  const format = backingFormat(extensions);
  if (format !== undefined && !backing) {
    add('backing-format-unused', 'header.backing_file_offset');
  }
  if (backing && header.backing_file_offset <= clusterSizeOf(header)) {
    checkBackingName(header, name, add);
    if (name.length > 0 && format === undefined) {
      add('backing-format-missing', 'header.backing_file_offset');
    }
  }
  return findings;
}

function checkBackingName(
  header: Header,
  name: Uint8Array,
  add: (code: FindingCode, chain: string, values?: Finding['values'], host?: Finding['host']) => void,
): void {
  const { backing_file_offset: offset, backing_file_size: length } = header;
  const place = { offset, length: BigInt(length) };
  const room = clusterSizeOf(header) - offset;
  const allowed = room < BigInt(limits.backingNameBytes) ? room : BigInt(limits.backingNameBytes);
  if (BigInt(length) > allowed) {
    add('backing-name-too-long', 'header.backing_file_size', { length, allowed }, place);
    return;
  }
  if (length === 0) {
    add('backing-name-empty', 'header.backing_file_size', { offset }, place);
  } else if (name.length < length) {
    add('backing-name-truncated', 'header.backing_file_offset', {}, place);
  } else if (!printable(name)) {
    add('backing-name-unprintable', 'header.backing_file_offset', {}, place);
  }
}

function hasDataFile(header: Header): boolean {
  return header.version >= 3 && (header.incompatible_features & 4n) !== 0n;
}

/** Whether the image says that its bitmaps are up to date; QEMU does not look at them otherwise. */
export function hasBitmaps(header: Header): boolean {
  return header.version >= 3 && (header.autoclear_features & 1n) !== 0n;
}

function clusterSizeOf(header: Header): bigint {
  return 1n << BigInt(Math.min(header.cluster_bits, limits.maxClusterBits));
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** Whether text has neither control characters nor bytes that are no text, nor a NUL that hides the rest. */
function printable(bytes: Uint8Array): boolean {
  return !/[\p{Cc}\p{Cf}\ufffd]/u.test(decodeText(bytes));
}
