import type { ByteRange } from '../engine/finding.ts';
import type { Image } from '../engine/image/image.ts';
import { type Scan, scan } from '../engine/image/scan.ts';
import type { MapApi, MapSpace } from '../protocol/mapApi.ts';
import { backedExtents } from './backedExtents.ts';
import type { Backing } from './backing.ts';
import { guestOfHost, hostOfGuest, type Mapped } from './counterpart.ts';
import { extentPage } from './extentPage.ts';
import { GuestSpaces } from './guestSpaces.ts';
import { hostExtents } from './hostExtents.ts';
import { HostMap } from './hostMap.ts';
import { clusterRange } from './mapCells.ts';
import { drawOverlay, findingRanges, type OverlaySource } from './mapOverlay.ts';
import { countKinds, drawPicture } from './mapPicture.ts';
import type { Space } from './mapSpace.ts';
import { step } from './mapStepping.ts';
import { noTables } from './noTables.ts';
import { ownersAt } from './ownersAt.ts';
import type { CallContext, Handlers } from './server.ts';
import { type SharedRun, sharedRun } from './sharedRun.ts';

/**
 * The methods of the two maps.
 *
 * @param backing - the files below the image, where they may be opened
 * @param scanned - the scan, which knows findings; by default one of its own
 */
export function mapMethods(
  image: Image,
  backing?: Backing,
  scanned: SharedRun<Scan> = sharedRun((progress) => scan(image, progress)),
): Pick<Handlers, keyof MapApi> {
  const backed = (image.backing?.name ?? '') !== '';
  const guests = new GuestSpaces(image, backing);
  const host = image.geometry && new HostMap(image, image.geometry);
  const spaceOf = async (wanted: MapSpace, context: CallContext): Promise<{ space: Space; counted: boolean }> =>
    wanted.space === 'guest'
      ? { space: (await guests.of(wanted.snapshot)).space, counted: true }
      : (host ?? noTables()).space(context);
  const sourceOf = async (wanted: MapSpace, context: CallContext): Promise<OverlaySource> => {
    const findings = async (calling: CallContext): Promise<readonly ByteRange[]> =>
      findingRanges([...image.findings, ...(await scanned.result(calling)).findings], wanted.space, wanted.snapshot);
    if (wanted.space === 'host') {
      return { image, space: (await spaceOf(wanted, context)).space, findings };
    }
    const { layer, space, shared } = await guests.of(wanted.snapshot);
    return { image, space, layer, shared: (calling) => shared.result(calling), findings };
  };
  return {
    extents: async (request, { progress }) => {
      const { layer } = await guests.of(request.snapshot);
      const page = await extentPage(image, layer, request, progress);
      return backed ? backedExtents(page, layer, backing, request, progress) : page;
    },
    hostExtents: async (request, context) =>
      hostExtents((await spaceOf({ space: 'host' }, context)).space, request, context.progress),
    picture: async (request, context) => {
      const { space, counted } = await spaceOf(request, context);
      return { ...(await drawPicture(space, request, context)), counted };
    },
    counts: async (request, context) => {
      const { space, counted } = await spaceOf(request, context);
      const { kinds, clusters } = await countKinds(space, request, context);
      return { kinds, ...(request.space === 'guest' ? { clusters } : {}), size: space.size, counted };
    },
    step: async (request, context) => step(await sourceOf(request, context), request, context),
    overlay: async (request, context) => {
      if (request.space === 'host' && request.overlay === 'sharing') {
        await (host ?? noTables()).count(context);
      }
      return drawOverlay(await sourceOf(request, context), request, context);
    },
    counterpart: async ({ space, snapshot, start, length }, context) => {
      const { layer, space: guest } = await guests.of(snapshot);
      const map = host ?? noTables();
      const count: Mapped['count'] = async (calling) => (await map.count(calling)).summaries;
      const mapped = { storage: image.storage, layer, count };
      return space === 'guest'
        ? hostOfGuest(mapped, clusterRange({ start, length }, guest), context)
        : guestOfHost(mapped, clusterRange({ start, length }, (await map.space(context)).space), context);
    },
    ownersAt: async (request, context) => {
      const { summaries } = await (host ?? noTables()).count(context);
      return ownersAt(image, image.geometry ?? noTables(), summaries, request, context.progress);
    },
    countReferences: async (_, context) => {
      const { space } = await (host ?? noTables()).count(context);
      const { kinds } = await countKinds(space, { start: 0n, length: space.size }, context);
      return { kinds, size: space.size, counted: true };
    },
  };
}
