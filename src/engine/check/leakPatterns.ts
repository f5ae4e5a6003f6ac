import { type Finding, finding } from '../finding.ts';
import type { Geometry } from '../image/geometry.ts';
import { hostOf } from './chains.ts';
import type { NumberRows } from './numberRows.ts';

/** The share of the runs that must have a pattern. */
const mostly = 0.9;

/** What regular leaks come from, by their runs: first cluster and count. */
export function leakPatterns(geometry: Geometry, leaks: NumberRows): readonly Finding[] {
  const { refcountBlockEntries: perBlock, l2Entries, clusterSize } = geometry;
  let perBlocks = 0;
  let windowed = 0;
  let firstWindow = -1;
  for (let run = 0; run < leaks.length; run++) {
    const [first = 0, count = 0] = leaks.row(run);
    perBlocks += count === 1 && first % perBlock === 1 ? 1 : 0;
    // With the L2 table beside it, or without.
    if (count >= l2Entries && count % l2Entries <= 1) {
      firstWindow = firstWindow < 0 ? first : firstWindow;
      windowed += count;
    }
  }
  const found: Finding[] = [];
  if (perBlocks >= 2 && perBlocks >= leaks.length * mostly) {
    const values = { leaks: perBlocks, span: perBlock * clusterSize };
    found.push(finding('cause-leak-per-block', 'refcount blocks', values));
  }
  if (windowed > 0) {
    const host = hostOf(geometry, firstWindow, l2Entries);
    found.push(
      finding(
        'cause-leaked-window',
        `cluster ${firstWindow}`,
        { leaks: windowed, span: l2Entries * clusterSize },
        { host },
      ),
    );
  }
  return found;
}
