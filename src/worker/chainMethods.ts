import type { ChainApi, ChainPicture } from '../protocol/chainApi.ts';
import type { Backing } from './backing.ts';
import { filesOf, imageAlone } from './chainPicture.ts';
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
  };
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
    files: filesOf(opened?.chain ?? imageAlone(image, access.path)),
  };
}
