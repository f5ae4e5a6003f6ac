import { statSync } from 'node:fs';
import type { Chain, ChainLayer } from '../engine/image/chain.ts';
import type { Storage } from '../engine/ports.ts';
import { namedPath } from './gate.ts';

/**
 * Device and inode of the files of a chain, which must not be written while they are read: also of those that the last
 * image only names, which are looked at but not opened.
 *
 * @param dataFiles - external data files that are open
 */
export function keptFiles({ layers }: Chain, dataFiles: readonly Storage[]): Set<string> {
  const open = [...layers.map(({ storage }) => storage), ...dataFiles];
  return new Set([...open.flatMap(({ identity }) => identity ?? []), ...layers.flatMap(namedFiles)]);
}

/** A data file is found from the folder of the image by some programs, from that which the command runs in by QEMU. */
function namedFiles({ image, path }: ChainLayer): string[] {
  const names = [
    { name: image?.backing?.name, from: path },
    { name: image?.dataFile?.name, from: path },
    { name: image?.dataFile?.name, from: '' },
  ];
  return names.flatMap(({ name, from }) => (name === undefined ? [] : identityOf(name, from)));
}

function identityOf(name: string, from: string): string[] {
  try {
    const there = statSync(namedPath(name, from), { bigint: true, throwIfNoEntry: false });
    return there ? [`${there.dev}:${there.ino}`] : [];
  } catch {
    // No plain path, or a folder on the way that may not be looked into: nothing could be written there either.
    return [];
  }
}
