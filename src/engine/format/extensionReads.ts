import { type Finding, finding } from '../finding.ts';
import { hasBitmaps } from './extensionChecks.ts';
import { type Extension, extensionHeadBytes, extensionTypes, type ParsedExtensions } from './extensions.ts';
import type { Header } from './header.ts';

/** Bytes of the first cluster that the system failed to read: they are zeros. */
interface BadBytes {
  readonly from: number;
  readonly to: number;
}

/**
 * The finding about bytes that the system failed to read, if they belong to a header extension: to the first one of
 * them. `error`: the system's text. QEMU's messages are those of qcow2_read_extensions.
 */
export function unreadableExtension(
  header: Header,
  { extensions, endMark }: ParsedExtensions,
  { from, to }: BadBytes,
  error: string,
): Finding | undefined {
  const all = endMark ? [...extensions, endMark] : extensions;
  const index = all.findIndex((one) => from < one.offset + bytesOf(one) && to > one.offset);
  const extension = all[index];
  if (!extension) {
    return undefined;
  }
  const { offset } = extension;
  const inHead = from < offset + extensionHeadBytes;
  const message = inHead
    ? `qcow2_read_extension: ERROR: pread fail from offset ${offset}`
    : dataMessage(header, extension.type);
  const host = { offset: BigInt(from), length: BigInt(to - from) };
  const chain = `extension[${index}]`;
  return message === undefined
    ? finding('extension-unreadable-unused', chain, { offset, error }, { host })
    : finding('extension-unreadable', chain, { offset, error, message }, { host });
}

function bytesOf({ type, length }: Extension): number {
  return extensionHeadBytes + (type === extensionTypes.end ? 0 : length);
}

/** What QEMU says when it can't read the data; undefined where it does not try. */
function dataMessage(header: Header, type: number): string | undefined {
  switch (type) {
    case extensionTypes.backingFormat:
      return 'ERROR: ext_backing_format: Could not read format name';
    case extensionTypes.featureNames:
      return undefined;
    case extensionTypes.crypto:
      return 'Unable to read CRYPTO header extension';
    case extensionTypes.bitmaps:
      return hasBitmaps(header) ? 'bitmaps_ext: Could not read ext header' : undefined;
    case extensionTypes.dataFile:
      return 'ERROR: Could not read data file name';
    default:
      return 'ERROR: unknown extension: Could not read data';
  }
}
