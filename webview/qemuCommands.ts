import type { Image } from './description.ts';
import { shellWord } from './shellWord.ts';
import type { Copyable } from './widgets/copy.ts';

/** Bytes that qemu-io prints at most: more is no longer read by anyone, and its limit is 2 GiB. */
const mostPrinted = 2n ** 20n;

/** `qemu-img info` of the image: reads no more than its header and extensions, and waits for no lock. */
export function infoCommand(path: string): Copyable {
  return ['qemu-img info', `qemu-img info -U -f qcow2 ${shellWord(path)}`];
}

/** `qemu-img check`, which without `-r` repairs nothing. */
export function checkCommand(path: string): Copyable {
  return ['qemu-img check', `qemu-img check -U -f qcow2 ${shellWord(path)}`];
}

/** `qemu-img snapshot -l`: lists the snapshots. */
export function snapshotsCommand(path: string): Copyable {
  return ['qemu-img snapshot', `qemu-img snapshot -U -l ${shellWord(path)}`];
}

/** Bytes of the file in hex. QEMU's tools show none of them; `od` is everywhere. */
export function hostBytesCommand(path: string, offset: bigint, length: bigint): Copyable {
  return ['od', `od -A x -t x1 -v -j ${offset} -N ${length} ${shellWord(path)}`];
}

/**
 * Commands that show a range of the guest's disk: where it is, and, unless it is long, its bytes. None where the image
 * is encrypted: QEMU asks for the password then.
 */
export function guestCommands(
  { encryption }: Pick<Image, 'encryption'>,
  path: string,
  offset: bigint,
  length: bigint,
): Copyable[] {
  if (encryption !== undefined) {
    return [];
  }
  const map = `qemu-img map -U -f qcow2 --output=json --start-offset=${offset} --max-length=${length} ${shellWord(path)}`;
  const read = `qemu-io -r -U -f qcow2 -c 'read -v ${offset} ${length}' ${shellWord(path)}`;
  return length > mostPrinted
    ? [['qemu-img map', map]]
    : [
        ['qemu-img map', map],
        ['qemu-io', read],
      ];
}
