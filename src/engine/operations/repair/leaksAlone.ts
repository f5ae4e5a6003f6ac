import type { Draft } from '../../change/draft.ts';
import { diagnose } from '../../check/diagnose.ts';
import type { FindingCode } from '../../finding.ts';
import { ClusterSet } from '../../image/clusterSet.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { share } from '../../image/scan.ts';
import type { Progress } from '../../ports.ts';
import type { MendedEntries } from './entries.ts';
import { reasonToKeepLeaks } from './leaks.ts';

/** The entries of the tables as they are. */
export const untouchedEntries: MendedEntries = {
  mended: new Map(),
  lost: new Map(),
  rejoined: [],
  disputed: new ClusterSet(),
};

const harmless: ReadonlySet<FindingCode> = new Set<FindingCode>(['cluster-leaked', 'image-dirty']);

/**
 * Whether nothing is wrong with an image but leaks that nothing lost may own: most repairs are for these, and need not look
 * at each entry.
 */
export async function hasLeaksAlone(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  progress: Progress,
): Promise<boolean> {
  const { groups } = await diagnose(image, {}, share(progress, 0, 0.5));
  const isHarmless = groups.every(({ code }) => harmless.has(code));
  const later = share(progress, 0.5, 1);
  return (
    isHarmless && (await reasonToKeepLeaks(draft, geometry, untouchedEntries, new ClusterSet(), later)) === undefined
  );
}
