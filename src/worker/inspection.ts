import { describe } from '../engine/image/describe.ts';
import type { Image } from '../engine/image/image.ts';
import { openImage } from '../engine/image/open.ts';
import { type Scan, scan } from '../engine/image/scan.ts';
import type { Storage } from '../engine/ports.ts';
import type { ImageApi } from '../protocol/imageApi.ts';
import type { LiveApi } from '../protocol/liveApi.ts';
import { Backing } from './backing.ts';
import { bitmapMethods } from './bitmapMethods.ts';
import { chainMethods } from './chainMethods.ts';
import { checkMethods } from './checkMethods.ts';
import { dumpMethods } from './dumpMethods.ts';
import { type FileAccess, noAccess } from './fileAccess.ts';
import { textsOf } from './findingTexts.ts';
import { hexMethods } from './hexMethods.ts';
import { mapMethods } from './mapMethods.ts';
import { metadataMethods } from './metadataMethods.ts';
import { noRepairWords } from './noRepair.ts';
import { placeMethods } from './placeMethods.ts';
import { salvageMethods } from './salvageMethods.ts';
import type { Handlers } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';
import { snapshotMethods } from './snapshotMethods.ts';
import { tableMethods } from './tableMethods.ts';

/**
 * Findings of the scan that a page gets: it decodes them in one go, and shows nothing meanwhile. A check has all of them,
 * page by page.
 */
export const mostScanFindings = 500;

/** The methods on one image, whatever becomes of its file. */
export type ImageHandlers = Omit<Handlers, keyof LiveApi>;

/** An image that is open, with its methods. */
export interface Inspected {
  readonly storage: Storage;
  readonly image: Image;
  readonly handlers: ImageHandlers;
  /** Closes the image and the files it is based on. */
  close(): Promise<void>;
}

/** The methods of the worker on one image that is open: one group a file of the protocol. */
function methods(image: Image, backing: Backing): ImageHandlers {
  const scanned = sharedRun((progress) => scan(image, progress));
  return {
    ...imageMethods(image, scanned),
    ...mapMethods(image, backing, scanned),
    ...chainMethods(backing),
    ...checkMethods(image),
    ...snapshotMethods(image),
    ...bitmapMethods(image),
    ...tableMethods(image),
    ...placeMethods(image),
    ...dumpMethods(image),
    ...salvageMethods(backing),
    ...metadataMethods(image, backing.access.path),
    ...hexMethods(image, async () => (await backing.opened())?.chain.layers),
  };
}

/**
 * Opens the image in a storage, which is closed where that fails.
 *
 * @param access - what else may be opened, by default nothing
 */
export async function inspectStorage(storage: Storage, access: FileAccess = noAccess()): Promise<Inspected> {
  try {
    const image = await openImage(storage);
    const backing = new Backing(image, access);
    const close = async (): Promise<void> => {
      await backing.close();
      await storage.close();
    };
    return { storage, image, handlers: methods(image, backing), close };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function imageMethods(image: Image, scanned: SharedRun<Scan>): Pick<Handlers, keyof ImageApi> {
  return {
    describe: async () => {
      const description = await describe(image);
      const noRepair = await noRepairWords(image);
      return { ...description, ...(noRepair && { noRepair }), texts: await textsOf(description.findings) };
    },
    scan: async (_, context) => {
      const result = await scanned.result(context);
      const findings = result.findings.slice(0, mostScanFindings);
      return { ...result, findings, texts: await textsOf(findings) };
    },
  };
}
