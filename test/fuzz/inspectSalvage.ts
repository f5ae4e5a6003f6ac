import { Qcow2Error } from '../../src/engine/error.ts';
import { openImage } from '../../src/engine/image/open.ts';
import type { Storage } from '../../src/engine/ports.ts';
import { RescueMap } from '../../src/engine/salvage/rescueMap.ts';
import { salvage } from '../../src/engine/salvage/salvage.ts';
import { salvageSource } from '../../src/engine/salvage/source.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { CountingStorage } from '../support/memoryStorage.ts';

/** Bytes after which a disk is no longer read: many entries may lead to the same data. */
const mostBytes = 8 * 2 ** 20;

/**
 * Saves the start of an image's disk, and writes nothing. Throws when the engine does, but for what it says of images
 * that have no disk to be saved, and when what it tells of the disk has a gap.
 */
export async function inspectSalvage(storage: Storage): Promise<void> {
  const counted = new CountingStorage(storage, { ranges: false });
  const image = await openImage(counted);
  try {
    const chain = {
      layers: [
        { depth: 0, path: 'fuzzed.qcow2', format: 'qcow2', formatSource: 'given', storage: counted, image },
      ] as const,
      stops: [],
    };
    const dataFileOf = () => ({ closed: 'not opened' });
    const layer = await salvageSource({ choice: { from: 'active' }, codecs, chain, dataFileOf });
    // The platform refuses a file that would be longer.
    if (!Number.isSafeInteger(layer.size)) {
      return;
    }
    const before = new RescueMap();
    before.add(layer.size, '?');
    let end = 0;
    const output = {
      write: async (at: number, bytes: Uint8Array) => requireDisk(at, at + bytes.length, layer.size),
      missing: async ({ from, to }: { from: number; to: number }) => {
        requireDisk(Math.max(from, end), to, layer.size);
        end = to;
      },
      due: () => false,
      record: async () => undefined,
    };
    const enough = {
      step: async () => {
        if (counted.bytes > mostBytes) {
          throw new Qcow2Error('cancelled', 'That is enough.');
        }
      },
    };
    const { size, data, zeros, missing } = await salvage(layer, before, output, enough);
    if (data + zeros + missing !== size) {
      throw new Error(`${data} + ${zeros} + ${missing} bytes are told of a disk of ${size}`);
    }
  } catch (error) {
    if (!(error instanceof Qcow2Error && ['cancelled', 'damaged', 'not-supported'].includes(error.code))) {
      throw error;
    }
  }
}

function requireDisk(from: number, to: number, size: number): void {
  if (from >= to || to > size) {
    throw new Error(`bytes ${from} to ${to} of a disk of ${size}`);
  }
}
