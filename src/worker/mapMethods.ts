import { Qcow2Error } from '../engine/error.ts';
import type { Image } from '../engine/image/image.ts';
import type { MapApi } from '../protocol/mapApi.ts';
import { extentPage } from './extentPage.ts';
import { guestMap } from './guestMap.ts';
import { noTables } from './noTables.ts';
import type { Handlers } from './server.ts';

/** The methods of the two maps. */
export function mapMethods(image: Image): Pick<Handlers, keyof MapApi> {
  const map = image.layer && guestMap(image, image.layer);
  const notYet = async (): Promise<never> => {
    throw new Qcow2Error('not-supported', 'This map can’t be drawn yet.');
  };
  return {
    map: async (request, context) => (map ? map.picture(request, context) : noTables()),
    extents: async (request, { progress }) =>
      image.layer ? extentPage(image, image.layer, request, progress) : noTables(),
    hostExtents: notYet,
    picture: notYet,
    counts: notYet,
    step: notYet,
    overlay: notYet,
    counterpart: notYet,
    ownersAt: notYet,
    countReferences: notYet,
  };
}
