import { Qcow2Error } from '../engine/error.ts';
import { snapshotLayer } from '../engine/image/snapshotLayer.ts';
import type { Progress } from '../engine/ports.ts';
import type { ChainApi, ChainPicture, GuestSource, GuestSourceRequest } from '../protocol/chainApi.ts';
import type { Backing, GuestVisitor } from './backing.ts';
import { filesOf, imageAlone } from './chainPicture.ts';
import { noTables } from './noTables.ts';
import type { Handlers } from './server.ts';

/** The methods on the files that an image is based on. */
export function chainMethods(backing: Backing): Pick<Handlers, keyof ChainApi> {
  return {
    chain: () => picture(backing),
    openChain: async ({ guess }) => {
      await backing.open(guess);
      return picture(backing);
    },
    closeChain: async () => {
      await backing.forbid();
      return picture(backing);
    },
    guestSource: async (request, { progress }) => {
      const source = await sourceOf(backing, request, progress);
      return source === undefined ? {} : { source };
    },
  };
}

/** Sectors of 512 bytes are of one kind as a whole. */
const sector = 512n;

async function sourceOf(
  backing: Backing,
  { guest, snapshot }: GuestSourceRequest,
  progress: Progress,
): Promise<GuestSource | undefined> {
  const { image } = backing;
  const layer = snapshot === undefined ? (image.layer ?? noTables()) : await snapshotLayer(image, snapshot);
  if (guest < 0n || guest >= layer.size) {
    throw new Qcow2Error('bad-argument', `The disk has no byte at guest offset ${guest}.`);
  }
  const layers = (await backing.opened())?.chain.layers ?? [];
  const from = guest - (guest % sector);
  let found: GuestSource | undefined;
  const visit: GuestVisitor = (_start, _length, kind, depth, host) => {
    const path = layers[depth]?.path ?? '';
    found = { kind, depth, path, ...(host < 0 ? {} : { host: BigInt(host) + (guest - from) }) };
    return false;
  };
  await backing.walk(layer, Number(from), Number(from + sector), visit, progress);
  return found;
}

async function picture(backing: Backing): Promise<ChainPicture> {
  const { image, access } = backing;
  const opened = await backing.opened();
  const { blocked } = access;
  return {
    generation: access.generation,
    ...(blocked === undefined ? {} : { blocked }),
    open: opened !== undefined,
    guess: opened?.guess ?? false,
    files: await filesOf(opened?.chain ?? imageAlone(image, access.path)),
  };
}
