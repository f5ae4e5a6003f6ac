import type { Draft } from '../../change/draft.ts';
import { Qcow2Error } from '../../error.ts';
import { l1EntryBytes } from '../../format/l1.ts';
import { showOffset } from '../../format/show.ts';
import type { Geometry } from '../../image/geometry.ts';
import type { Image } from '../../image/image.ts';
import { l2TableOf } from '../../image/l1Table.ts';
import type { Progress } from '../../ports.ts';
import type { EndClusters } from './endClusters.ts';
import { isUnclaimed } from './entryRepair.ts';
import { isL2Table } from './orphans.ts';
import type { PlacedTable } from './selection.ts';
import { survey } from './survey.ts';

/**
 * Drafts L1 entries that lead to tables which nothing leads to. Throws `refused` where a table is none, or in use, or its
 * place is taken.
 */
export async function placeTables(
  draft: Draft,
  image: Image,
  geometry: Geometry,
  end: EndClusters,
  tables: readonly PlacedTable[],
  progress: Progress,
): Promise<void> {
  if (tables.length === 0) {
    return;
  }
  const found = await survey(image, geometry, end, true, progress);
  for (const { table, l1Index } of tables) {
    const cluster = Number(table / BigInt(geometry.clusterSize));
    const isFree = table % BigInt(geometry.clusterSize) === 0n && isUnclaimed(found, cluster);
    if (!isFree || !(await isL2Table(draft, geometry, cluster))) {
      throw refused(`There is no L2 table at ${showOffset(table)} to which nothing leads.`);
    }
    if (l1Index >= image.l1.entries || l2TableOf(image.l1, l1Index) !== 0) {
      throw refused(`L1[${l1Index}] is not an empty entry of the L1 table.`);
    }
    const entry = new Uint8Array(l1EntryBytes);
    new DataView(entry.buffer).setBigUint64(0, table);
    await draft.write(`L1[${l1Index}]`, image.l1.offset + BigInt(l1Index * l1EntryBytes), entry);
  }
  await draft.endStep('Put the tables into their places');
}

function refused(why: string): Qcow2Error {
  return new Qcow2Error('refused', `The image is not changed. ${why}`);
}
