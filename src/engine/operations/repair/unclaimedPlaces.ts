import { Draft } from '../../change/draft.ts';
import type { HeaderChange } from '../../change/firstCluster.ts';
import { changeHeader } from '../../change/headerSteps.ts';
import type { Image } from '../../image/image.ts';
import { openImage } from '../../image/open.ts';
import type { Progress } from '../../ports.ts';
import { isUnclaimed } from './entryRepair.ts';
import { unclaimed } from './orphans.ts';
import type { Survey } from './survey.ts';

/** Whether something leads to a place (host offset and length in bytes), be it to a part of it. */
export function isClaimed(found: Survey, offset: bigint, length: number): boolean {
  const size = BigInt(found.geometry.clusterSize);
  const first = Number(offset / size);
  const clusters = Number((offset + BigInt(length) - 1n) / size) - first + 1;
  return Array.from({ length: clusters }, (_, index) => first + index).some((cluster) => !isUnclaimed(found, cluster));
}

/** The one cluster that fits; undefined where several do, or none. */
export async function only(
  found: Survey,
  progress: Progress,
  fits: (cluster: number) => Promise<boolean>,
): Promise<number | undefined> {
  const places = await unclaimed(found, 2, fits, progress);
  return places.length === 1 ? places[0] : undefined;
}

/** The image with other fields, as it is without what they lead to: what a wrong offset leads to is not theirs. */
export async function without(draft: Draft, fields: NonNullable<HeaderChange['fields']>): Promise<Image> {
  const view = new Draft(draft);
  await changeHeader(view, { fields }, 'Leave them out');
  return openImage(view);
}
