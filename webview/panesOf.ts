import type { Selection } from './selection.ts';
import { type Pane, panes } from './state.ts';

/** By kind: the panes that can show it, the one where it is at home first. */
const shownIn: Readonly<Record<Selection['kind'], readonly string[]>> = {
  field: ['header', 'hex'],
  'unknown-fields': ['header', 'hex'],
  bit: ['header', 'hex'],
  extension: ['header', 'hex'],
  finding: ['overview', 'hex'],
  'scan-finding': ['overview', 'hex'],
  'check-finding': ['check', 'hex'],
  snapshot: ['snapshots', 'overview', 'hex'],
  bitmap: ['bitmaps', 'overview', 'hex'],
  encryption: ['encryption', 'overview', 'hex'],
  'key-slot': ['encryption', 'hex'],
  backing: ['chain', 'overview'],
  'data-file': ['chain', 'overview'],
  guest: ['map', 'tables', 'hex'],
  host: ['map', 'tables', 'hex'],
  'l1-entry': ['tables', 'hex'],
  'l2-entry': ['tables', 'hex', 'map'],
  'refcount-table-entry': ['tables', 'hex'],
  'refcount-entry': ['tables', 'hex'],
};

/** The panes that can show a selection, the one where it is at home first. */
export function panesOf({ kind }: Selection): Pane[] {
  return shownIn[kind].flatMap((name) => panes.find((pane) => pane === name) ?? []);
}
