import type { SalvageApi } from '../protocol/salvageApi.ts';
import type { Backing } from './backing.ts';
import type { Handlers } from './server.ts';

/** Saving the guest's disk, for which code is loaded that few threads ever need. */
export function salvageMethods(backing: Backing): Pick<Handlers, keyof SalvageApi> {
  return {
    guestDisks: async () => {
      const { guestDisks } = await import('./saveGuestDisk.ts');
      return guestDisks(backing);
    },
    saveGuestDisk: async (request, { progress }) => {
      const { saveGuestDisk } = await import('./saveGuestDisk.ts');
      return saveGuestDisk(backing, request, progress);
    },
  };
}
