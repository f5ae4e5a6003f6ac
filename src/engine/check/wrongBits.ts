import { type Finding, type FindingCode, finding } from '../finding.ts';
import { oneBitAway } from '../format/bits.ts';
import { ClusterSet } from '../image/clusterSet.ts';
import type { Geometry } from '../image/geometry.ts';
import { hex, hostOf } from './chains.ts';
import type { FindingSet } from './findingSet.ts';
import type { NumberRows } from './numberRows.ts';

/** Findings of an entry that leads past the end of the file. */
const entryCodes: readonly FindingCode[] = ['data-past-end', 'l2-table-past-end', 'refcount-block-past-end'];

/** Where there are more, it is no matter of single bits. */
const mostFindings = 16;

/**
 * The entries that lead past the end of the file by one wrong bit: exactly one leaked cluster is a bit away. `leaks`: runs
 * of clusters, first cluster and count.
 */
export function wrongBits(geometry: Geometry, set: FindingSet, leaks: NumberRows): readonly Finding[] {
  const strays = entryCodes.flatMap((code) => set.findings(code, 0, mostFindings + 1));
  if (strays.length === 0 || strays.length > mostFindings || leaks.length === 0) {
    return [];
  }
  const leaked = new ClusterSet();
  for (let run = 0; run < leaks.length; run++) {
    const [first = 0, count = 0] = leaks.row(run);
    leaked.add(first, count);
  }
  return strays.flatMap(({ chain, host, guest }) => {
    const target = Number(host?.offset ?? 0n);
    const meant = [...oneBitAway(target)].map((offset) => offset / geometry.clusterSize);
    const [cluster, ...others] = meant.filter((one) => Number.isInteger(one) && leaked.has(one));
    if (cluster === undefined || others.length > 0 || host?.length !== BigInt(geometry.clusterSize)) {
      return [];
    }
    const place = hostOf(geometry, cluster, 1);
    const values = { target: hex(BigInt(target)), start: hex(place.offset) };
    return [finding('cause-wrong-bit', chain, values, { host: place, ...(guest && { guest }) })];
  });
}
