import { Qcow2Error } from '../engine/error.ts';
import { describe } from '../engine/image/describe.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { scan } from '../engine/image/scan.ts';
import type { Storage } from '../engine/ports.ts';
import type { ScanResult } from '../protocol/api.ts';
import { extentPage } from './extentPage.ts';
import { type GuestMap, guestMap } from './guestMap.ts';
import type { Handlers } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/** An image, and what is remembered of its tables. */
interface Inspected {
  readonly image: Image;
  readonly scan: SharedRun<ScanResult>;
  /** Absent where the image has no tables that could be followed. */
  readonly map: GuestMap | undefined;
}

/**
 * The methods of the worker on one image, which is opened by the first of them. Where that fails, the next one tries
 * again.
 */
export function inspect(open: () => Promise<Storage>): Handlers {
  let opening: Promise<Inspected> | undefined;
  const opened = (): Promise<Inspected> => {
    opening ??= inspectImage(open).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    describe: async () => describe((await opened()).image),
    scan: async (_, context) => (await opened()).scan.result(context),
    map: async (request, context) => {
      const { map } = await opened();
      return map ? map.picture(request, context) : noTables();
    },
    extents: async (request, { progress }) => {
      const { image } = await opened();
      return image.layer ? extentPage(image, image.layer, request, progress) : noTables();
    },
  };
}

async function inspectImage(open: () => Promise<Storage>): Promise<Inspected> {
  const storage = await open();
  try {
    const image = await openImage(storage);
    return {
      image,
      scan: sharedRun((progress) => scan(image, progress)),
      map: image.layer && guestMap(image, image.layer),
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function noTables(): never {
  throw new Qcow2Error('damaged', 'The header does not say where the tables are, so there is no map of the disk.');
}
