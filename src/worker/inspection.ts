import { describe } from '../engine/image/describe.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { scan } from '../engine/image/scan.ts';
import type { Storage } from '../engine/ports.ts';
import type { ImageApi } from '../protocol/imageApi.ts';
import { mapMethods } from './mapMethods.ts';
import type { Handlers } from './server.ts';
import { sharedRun } from './sharedRun.ts';

/** The methods of the worker on one image that is open: one group a file of the protocol. */
function methods(image: Image): Handlers {
  return { ...imageMethods(image), ...mapMethods(image) };
}

/**
 * The methods of the worker on one image, which is opened by the first call. Where that fails, the next one tries
 * again.
 */
export function inspect(open: () => Promise<Storage>): () => Promise<Handlers> {
  let opening: Promise<Handlers> | undefined;
  return () => {
    opening ??= opened(open).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
}

async function opened(open: () => Promise<Storage>): Promise<Handlers> {
  const storage = await open();
  try {
    return methods(await openImage(storage));
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
