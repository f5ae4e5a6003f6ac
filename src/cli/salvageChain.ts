import { Qcow2Error } from '../engine/error.ts';
import { type Chain, type ChainLayer, closeChain, openChain } from '../engine/image/chain.ts';
import type { Image } from '../engine/image/image.ts';
import { closedGate, type OpenedFile, type Storage } from '../engine/ports.ts';
import type { Closed } from '../engine/salvage/source.ts';
import { fileGate } from '../platform/gate.ts';
import { keptFiles } from '../platform/keptFiles.ts';
import type { ReadFile } from './writers.ts';

/** An image with what it is based on, as far as that can be opened. */
export interface SalvageChain {
  readonly chain: Chain;
  readonly dataFileOf: (layer: ChainLayer) => Storage | Closed;
  /** Device and inode of the files that must not be written. */
  readonly kept: ReadonlySet<string>;
  /** All that is open and read: the image, what it is based on, and their data files. */
  readonly files: readonly ReadFile[];
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
  const dataFiles = new Map<number, OpenedFile | Closed>();
  for (const { depth, image: named } of chain.layers) {
    if (named?.dataFile) {
      dataFiles.set(depth, await openDataFile(named.dataFile.name, follow));
    }
  }
  const opened = [...dataFiles.values()].filter((file) => 'storage' in file);
  return {
    chain,
    dataFileOf: ({ depth }) => {
      const file = dataFiles.get(depth) ?? { closed: 'the image does not name it' };
      return 'storage' in file ? file.storage : file;
    },
    kept: keptFiles(
      chain,
      opened.map(({ storage }) => storage),
    ),
    files: [...chain.layers, ...opened],
    close: async () => {
      await closeChain(chain);
      for (const file of opened) {
        await file.storage.close();
      }
    },
  };
}

/** QEMU looks for a data file from the folder that the command runs in, not from that of the image. */
async function openDataFile(name: string | undefined, follow: boolean): Promise<OpenedFile | Closed> {
  if (name === undefined) {
    return { closed: 'the image does not name it' };
  }
  if (!follow) {
    return { closed: `'${name}'` };
  }
  try {
    return (await fileGate.open(name, '')) ?? { closed: `'${name}'` };
  } catch (error) {
    if (error instanceof Qcow2Error) {
      return { closed: error.message };
    }
    throw error;
  }
}
