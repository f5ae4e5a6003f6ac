import { FirstPlaces } from '../../image/firstPlaces.ts';
import { walkL2References } from '../../image/l2References.ts';
import { type Owner, owners, type ReferenceVisitor } from '../../image/reference.ts';
import { UnalignedEntry } from '../../image/unalignedEntry.ts';
import type { Progress } from '../../ports.ts';
import type { Survey } from './survey.ts';

/**
 * Host clusters of data to which entries for different guest clusters lead: no snapshot explains that, since a snapshot has
 * the same guest cluster there. By host cluster: the guest cluster of the first entry in the file's order, which keeps it.
 */
export async function findCrossLinks(found: Survey, progress: Progress): Promise<Map<number, number>> {
  const { image, geometry, tables, again } = found;
  const keepers = new Map<number, number>();
  if (!tables) {
    return keepers;
  }
  let from = again.next(0);
  while (from !== undefined) {
    const firsts = new FirstPlaces(from);
    await walkL2References(image.storage, geometry, tables, keepersVisitor(found, firsts, keepers), progress);
    from = again.next(firsts.to);
  }
  return keepers;
}

function keepersVisitor(
  { geometry, again }: Survey,
  firsts: FirstPlaces,
  keepers: Map<number, number>,
): ReferenceVisitor {
  const unaligned = new UnalignedEntry(geometry);
  return {
    table: () => unaligned.table(),
    flaw: (flaw, place) => unaligned.flaw(flaw, place),
    reference: (owner: Owner, source: number, index: number, cluster: number, count: number): void => {
      if (owner !== owners.data || unaligned.is(index)) {
        return;
      }
      const end = Math.min(cluster + count, firsts.to);
      for (let at = Math.max(cluster, firsts.from); at < end; at++) {
        if (again.has(at) && firsts.differs(at, index + at - cluster, source)) {
          keepers.set(at, firsts.placeOf(at));
        }
      }
    },
  };
}
