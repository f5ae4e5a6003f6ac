import { describe } from '../engine/image/describe.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { scan } from '../engine/image/scan.ts';
import type { Storage } from '../engine/ports.ts';
import type { ImageApi } from '../protocol/imageApi.ts';
import type { LiveApi } from '../protocol/liveApi.ts';
import { bitmapMethods } from './bitmapMethods.ts';
import { dumpMethods } from './dumpMethods.ts';
import { mapMethods } from './mapMethods.ts';
import { placeMethods } from './placeMethods.ts';
import type { Handlers } from './server.ts';
import { sharedRun } from './sharedRun.ts';
import { snapshotMethods } from './snapshotMethods.ts';
import { tableMethods } from './tableMethods.ts';

/** The methods on one image, whatever becomes of its file. */
export type ImageHandlers = Omit<Handlers, keyof LiveApi>;

/** An image that is open, with its methods. */
export interface Inspected {
  readonly storage: Storage;
  readonly image: Image;
  readonly handlers: ImageHandlers;
}

/** The methods of the worker on one image that is open: one group a file of the protocol. */
function methods(image: Image): ImageHandlers {
  return {
    ...imageMethods(image),
    ...mapMethods(image),
    ...snapshotMethods(image),
    ...bitmapMethods(image),
    ...tableMethods(image),
    ...placeMethods(image),
    ...dumpMethods(image),
  };
}

/** Opens the image in a storage, which is closed where that fails. */
export async function inspectStorage(storage: Storage): Promise<Inspected> {
  try {
    const image = await openImage(storage);
    return { storage, image, handlers: methods(image) };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function imageMethods(image: Image): Pick<Handlers, keyof ImageApi> {
  const scanned = sharedRun((progress) => scan(image, progress));
  return {
    describe: () => describe(image),
    scan: (_, context) => scanned.result(context),
  };
}
