/** What makes a file name in an image one to look at twice. */
export type NameOddity =
  /** It is empty, or has nothing in it that names a file. */
  | 'empty'
  /** A pseudo protocol with options of QEMU in it: `json:{…}`. */
  | 'json'
  /** A protocol of QEMU before a colon: `nbd://host/disk`. */
  | 'protocol'
  /** A share of another machine (Windows): `\\server\share`. */
  | 'network'
  /** A device, or something of the kernel's that looks like a file: `/dev/sda`. */
  | 'device'
  /** It starts at the root, not beside the image. */
  | 'absolute'
  /** It leaves a folder by `..`. */
  | 'parent'
  /** Characters that are not seen, or turn the text around them. */
  | 'control'
  /** Bytes that are no UTF-8. */
  | 'not-text';

/** Characters that are not seen: controls, bidi marks, zero width, line separators. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/**
 * What is odd about the name of a backing or data file, as an image has it. Only looks at the text: whether it is ever
 * opened is up to the gate.
 */
export function nameOddities(name: string): NameOddity[] {
  const odd: NameOddity[] = [];
  const add = (found: boolean, oddity: NameOddity): void => {
    if (found) {
      odd.push(oddity);
    }
  };
  const protocol = protocolOf(name);
  const network = /^[\\/]{2}[^\\/]/.test(name);
  add(name.trim() === '', 'empty');
  add(protocol === 'json', 'json');
  add(protocol !== undefined && protocol !== 'json', 'protocol');
  add(network, 'network');
  add(/^[\\/]+(dev|proc|sys)[\\/]/.test(name) || /^[\\/]{2}[.?][\\/]/.test(name), 'device');
  add(!network && (/^[\\/]/.test(name) || isDrive(name)), 'absolute');
  add(/(^|[\\/])\.\.([\\/]|$)/.test(name), 'parent');
  add(unseen.test(name), 'control');
  add(name.includes('\ufffd'), 'not-text');
  return odd;
}

/**
 * What stands before the colon that makes QEMU take a name for a protocol and not for a path (block.c,
 * path_has_protocol): one before the first slash. Undefined for a path; a drive of Windows is one.
 */
export function protocolOf(name: string): string | undefined {
  return isDrive(name) ? undefined : /^([^/\\:]*):/.exec(name)?.[1]?.toLowerCase();
}

function isDrive(name: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(name);
}
