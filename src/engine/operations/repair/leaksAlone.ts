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
import type { MendedStructures } from './structures.ts';

/** What a repair makes of the tables of an image. */
export interface MendedTables {
  readonly structures: MendedStructures;
  readonly entries: MendedEntries;
  /** Why leaked clusters are kept, as a sentence. */
  readonly keptLeaks: string | undefined;
}

/** The tables as they are. */
const untouched: MendedTables = {
  structures: { mended: new Map(), dropped: [], freed: new ClusterSet() },
  entries: { mended: new Map(), lost: new Map(), rejoined: [], disputed: new ClusterSet() },
  keptLeaks: undefined,
};

const harmless: ReadonlySet<FindingCode> = new Set<FindingCode>(['cluster-leaked', 'image-dirty']);

/**
 * The tables untouched, where nothing is wrong with an image but leaks that nothing lost may own: most repairs are for
 * these, and need not look at each entry. Undefined where there is more.
 */
export async function tablesBesideLeaks(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  progress: Progress,
): Promise<MendedTables | undefined> {
  const { groups } = await diagnose(image, {}, share(progress, 0, 0.5));
  if (!groups.every(({ code }) => harmless.has(code))) {
    return undefined;
  }
  const { entries, structures } = untouched;
  const reason = await reasonToKeepLeaks(draft, geometry, entries, structures.freed, share(progress, 0.5, 1));
  return reason === undefined ? untouched : undefined;
}
