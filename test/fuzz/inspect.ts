import { writeJson } from '../../src/cli/dumpJson.ts';
import { writeText } from '../../src/cli/dumpText.ts';
import { TextStream } from '../../src/cli/textStream.ts';
import { diagnose } from '../../src/engine/check/diagnose.ts';
import { readDump } from '../../src/engine/dump/dump.ts';
import { Qcow2Error } from '../../src/engine/error.ts';
import { unreadableBitmap, walkBitmap } from '../../src/engine/image/bitmapRanges.ts';
import { bitmapPage, snapshotPage } from '../../src/engine/image/entryPages.ts';
import { walkExtents } from '../../src/engine/image/extents.ts';
import { walkDifferences } from '../../src/engine/image/layerDifference.ts';
import { type Image, openImage } from '../../src/engine/image/open.ts';
import { snapshotLayer } from '../../src/engine/image/snapshotLayer.ts';
import { snapshotUse } from '../../src/engine/image/snapshotUse.ts';
import { noProgress, type Progress, type Storage } from '../../src/engine/ports.ts';
import { codecs } from '../../src/platform/codecs.ts';
import { inspectSalvage } from './inspectSalvage.ts';

/** Snapshots and bitmaps whose content is looked at. */
const mostEntries = 2;

/** Bytes of findings that are kept: an image of garbage has millions. */
const findingBytes = 2 ** 24;

/** Does with an image what `dump --tables`, `map`, `check --deep`, `salvage` and the panes of snapshots and bitmaps do. Throws when the engine does. */
export async function inspect(storage: Storage): Promise<void> {
  const image = await openImage(storage);
  const nowhere = new TextStream({ text: () => undefined, write: () => undefined });
  const { scan, ...dump } = await readDump('fuzzed.qcow2', image, true);
  await writeText(dump, nowhere);
  await writeJson(scan ? { ...dump, scan } : dump, nowhere);
  if (image.layer) {
    await walkExtents(image, image.layer, { from: 0, to: image.layer.clusters }, () => true, noProgress);
  }
  await diagnose(image, { codecs, deep: true, findingBytes }, yielding());
  await inspectLists(image);
  await inspectSalvage(storage);
}

/** Lets other work of the thread in now and then, as in the worker: only then zlib's buffers are given back. */
function yielding(): Progress {
  let steps = 0;
  return {
    step: async () => {
      if (++steps % 32 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

/** What lies behind the first snapshots and bitmaps. */
async function inspectLists(image: Image): Promise<void> {
  const { storage, geometry, layer, backing } = image;
  if (!geometry || !layer) {
    return;
  }
  for (const { index } of await snapshotPage(image, 0, mostEntries)) {
    try {
      await snapshotUse(image, index, noProgress);
    } catch (error) {
      // An L1 table that is not at a cluster.
      if (!(error instanceof Qcow2Error && error.code === 'damaged')) {
        throw error;
      }
    }
    const comparison = { storage, a: await snapshotLayer(image, index), b: layer, backing: backing !== undefined };
    await walkDifferences(comparison, 0n, () => true, noProgress);
  }
  for (const bitmap of await bitmapPage(image, 0, mostEntries)) {
    if (unreadableBitmap(bitmap, geometry) === undefined) {
      await walkBitmap(storage, geometry, bitmap, 0n, () => true, noProgress);
    }
  }
}
