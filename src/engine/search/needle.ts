/** The first place of a needle in bytes, or -1. */
export function firstIn(bytes: Uint8Array, needle: Uint8Array): number {
  const { anchor, byte } = anchorOf(needle);
  const last = bytes.length - needle.length;
  for (let at = bytes.indexOf(byte, anchor); at >= 0 && at - anchor <= last; at = bytes.indexOf(byte, at + 1)) {
    if (matches(bytes, at - anchor, needle)) {
      return at - anchor;
    }
  }
  return -1;
}

/** The last place of a needle in bytes, or -1. */
export function lastIn(bytes: Uint8Array, needle: Uint8Array): number {
  const { anchor, byte } = anchorOf(needle);
  const last = bytes.length - needle.length;
  if (last < 0) {
    return -1;
  }
  for (let at = bytes.lastIndexOf(byte, last + anchor); at >= anchor; ) {
    if (matches(bytes, at - anchor, needle)) {
      return at - anchor;
    }
    at = at === 0 ? -1 : bytes.lastIndexOf(byte, at - 1);
  }
  return -1;
}

/** The byte that is looked for first: one that is not zero, as most bytes of disks are zero. */
function anchorOf(needle: Uint8Array): { anchor: number; byte: number } {
  const anchor = Math.max(
    0,
    needle.findIndex((byte) => byte !== 0),
  );
  return { anchor, byte: needle[anchor] ?? 0 };
}

function matches(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  for (let index = 0; index < needle.length; index++) {
    if (bytes[at + index] !== needle[index]) {
      return false;
    }
  }
  return true;
}
