import { statSync } from 'node:fs';
import { Qcow2Error } from '../engine/error.ts';
import { type Chain, type ChainLayer, closeChain, openChain } from '../engine/image/chain.ts';
import type { Image } from '../engine/image/image.ts';
import { closedGate, type Storage } from '../engine/ports.ts';
import type { Closed } from '../engine/salvage/source.ts';
import { fileGate, namedPath } from '../platform/gate.ts';

/** An image with what it is based on, as far as that can be opened. */
export interface SalvageChain {
  readonly chain: Chain;
  readonly dataFileOf: (layer: ChainLayer) => Storage | Closed;
  /** Device and inode of all files of the chain, also of those that are only named. */
  readonly kept: ReadonlySet<string>;
  /** Closes all of it but the image's own file. */
  close(): Promise<void>;
}

/**
 * Opens what an image names, as `map` does; but where a file can't be opened, the rest is still saved.
 *
 * @param follow - false: only the image itself is opened
 */
export async function openSalvageChain(image: Image, path: string, follow: boolean): Promise<SalvageChain> {
  const chain = await openChain(image, path, follow ? fileGate : closedGate, { probe: true });
  const dataFiles = new Map<number, Storage | Closed>();
  for (const { depth, image: named } of chain.layers) {
    if (named?.dataFile) {
      dataFiles.set(depth, await openDataFile(named.dataFile.name, follow));
    }
  }
  const opened = [...dataFiles.values()].filter((file) => 'read' in file);
  return {
    chain,
    dataFileOf: ({ depth }) => dataFiles.get(depth) ?? { closed: 'the image does not name it' },
    kept: new Set([
      ...[...chain.layers.map(({ storage }) => storage), ...opened].flatMap(({ identity }) => identity ?? []),
      ...chain.layers.flatMap(namedFiles),
    ]),
    close: async () => {
      await closeChain(chain);
      for (const file of opened) {
        await file.close();
      }
    },
  };
}

/** QEMU looks for a data file from the folder that the command runs in, not from that of the image. */
async function openDataFile(name: string | undefined, follow: boolean): Promise<Storage | Closed> {
  if (name === undefined) {
    return { closed: 'the image does not name it' };
  }
  if (!follow) {
    return { closed: `'${name}'` };
  }
  try {
    const opened = await fileGate.open(name, '');
    return opened?.storage ?? { closed: `'${name}'` };
  } catch (error) {
    if (error instanceof Qcow2Error) {
      return { closed: error.message };
    }
    throw error;
  }
}

/** The files that an image names, looked at but not opened. */
function namedFiles({ image, path }: ChainLayer): string[] {
  const names = [
    { name: image?.backing?.name, from: path },
    { name: image?.dataFile?.name, from: '' },
    { name: image?.dataFile?.name, from: path },
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
