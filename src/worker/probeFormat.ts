import { open } from 'node:fs/promises';
import { magicBytes, otherFormat } from '../engine/format/fileKind.ts';
import { headerMagic, parseHeader } from '../engine/format/header.ts';

/**
 * What QEMU would take a regular file for, by its first bytes: the name of its driver; `raw` where it knows none. To be
 * proposed to the user, never to be taken for granted: a guest can write into a raw disk what it likes. Throws what the
 * system throws.
 */
export async function probeFormat(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(magicBytes), 0, magicBytes, 0);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytesRead >= 8 && new DataView(bytes.buffer).getUint32(0) === headerMagic) {
      return parseHeader(bytes).header === undefined ? 'qcow' : 'qcow2';
    }
    return otherFormat(bytes).driver ?? 'raw';
  } finally {
    await file.close();
  }
}
