import type { ChainLayer } from '../engine/image/chain.ts';
import type { Progress, Storage } from '../engine/ports.ts';
import { type Closed, type SalvageChoice, salvageSource, stopText } from '../engine/salvage/source.ts';
import { codecs } from '../platform/codecs.ts';
import { keptFiles } from '../platform/keptFiles.ts';
import { besideRaw } from '../platform/salvageFiles.ts';
import { salvageMark } from '../platform/salvageMark.ts';
import { listHead, saveDisk } from '../platform/saveDisk.ts';
import type { SaveDiskRequest, SavedDisk } from '../protocol/salvageApi.ts';
import type { Backing } from './backing.ts';
import { imageAlone } from './chainPicture.ts';

/** Saves the guest's disk. The chain is followed as far as the user has it open. */
export async function saveGuestDisk(
  backing: Backing,
  request: SaveDiskRequest,
  progress: Progress,
): Promise<SavedDisk> {
  const { image, access } = backing;
  const { path, snapshot } = request;
  const chain = (await backing.opened())?.chain ?? imageAlone(image, access.path);
  const dataFileOf = ({ dataFile, depth, image: named }: ChainLayer): Storage | Closed => {
    const stop = chain.stops.find((other) => other.role === 'data-file' && other.depth === depth);
    return dataFile?.storage ?? { closed: stop ? stopText(stop) : `'${named?.dataFile?.name ?? ''}'` };
  };
  const choice: SalvageChoice = snapshot === undefined ? { from: 'active' } : { from: 'snapshot', index: snapshot };
  const layer = await salvageSource({ choice, codecs, chain, dataFileOf });
  const target = {
    path,
    size: layer.size,
    mark: await salvageMark({ choice, chain, dataFileOf }),
    kept: keptFiles(
      chain,
      chain.layers.flatMap(({ dataFile }) => dataFile?.storage ?? []),
    ),
    existing: 'unfinished',
    head: listHead(access.path, path, choice, layer.size),
  } as const;
  const { size, earlier, data, zeros, missing, missingRanges } = await saveDisk(layer, target, progress);
  return { size, earlier, data, zeros, missing, missingRanges, list: besideRaw(path).missing };
}
