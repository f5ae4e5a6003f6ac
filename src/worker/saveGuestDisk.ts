import type { ChainLayer } from '../engine/image/chain.ts';
import { describe } from '../engine/image/describe.ts';
import type { Progress, Storage } from '../engine/ports.ts';
import {
  type Closed,
  type SalvageChoice,
  type SalvageSource,
  salvageSource,
  stopText,
} from '../engine/salvage/source.ts';
import { codecs } from '../platform/codecs.ts';
import { keptFiles } from '../platform/keptFiles.ts';
import { besideRaw } from '../platform/salvageFiles.ts';
import { salvageMark } from '../platform/salvageMark.ts';
import { listHead, saveDisk } from '../platform/saveDisk.ts';
import type { GuestDisks, SaveDiskRequest, SavedDisk } from '../protocol/salvageApi.ts';
import type { Backing } from './backing.ts';
import { imageAlone } from './chainPicture.ts';
import { requireSnapshot } from './snapshotPlace.ts';

/** The disks that can be saved. Throws `Qcow2Error`, as `saveGuestDisk`, where none can be. */
export async function guestDisks(backing: Backing): Promise<GuestDisks> {
  await salvageSource({ choice: { from: 'active' }, codecs, ...(await filesOf(backing)) });
  const { snapshots } = await describe(backing.image);
  return { snapshots: snapshots.items.map(({ id, name }, index) => ({ index, id, name })) };
}

/** Saves the guest's disk. The chain is followed as far as the user has it open. */
export async function saveGuestDisk(
  backing: Backing,
  request: SaveDiskRequest,
  progress: Progress,
): Promise<SavedDisk> {
  const { image, access } = backing;
  const { path, snapshot } = request;
  if (snapshot) {
    await requireSnapshot(image, snapshot);
  }
  const { chain, dataFileOf } = await filesOf(backing);
  const choice: SalvageChoice = snapshot ? { from: 'snapshot', index: snapshot.index } : { from: 'active' };
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

/** The files that the disk is read from. */
async function filesOf(backing: Backing): Promise<Pick<SalvageSource, 'chain' | 'dataFileOf'>> {
  const chain = (await backing.opened())?.chain ?? imageAlone(backing.image, backing.access.path);
  const dataFileOf = ({ dataFile, depth, image }: ChainLayer): Storage | Closed => {
    const stop = chain.stops.find((other) => other.role === 'data-file' && other.depth === depth);
    return dataFile?.storage ?? { closed: stop ? stopText(stop) : `'${image?.dataFile?.name ?? ''}'` };
  };
  return { chain, dataFileOf };
}
